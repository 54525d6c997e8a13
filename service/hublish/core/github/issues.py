"""What an issue asks for: a build of the ref that its form or its `Tag:` line names, or what a project has to do here.

An issue asks when it is opened or reopened under a title we know, or when it gets the label that the config names; what is
edited later asks for nothing. Which label that is, and who may, is decided later.
"""

from __future__ import annotations

from dataclasses import replace

from hublish.core.github.build_issue import (
    BUILD_ISSUE_TITLE,
    IssueRequest,
    is_build_issue,
    parse_issue_request,
)
from hublish.core.github.payloads import IssueDelivery
from hublish.core.github.ports import Thread
from hublish.core.github.project_issue import is_project_issue, parse_project
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.errors import clip

LABEL_LIMIT = 50
"""GitHub's own limit of a label's name, in characters."""


def make_issue_trigger(delivery: IssueDelivery, *, action: str) -> Trigger | str:
    """Make the trigger of an opened or reopened issue, or say why there is none."""
    issue = delivery.issue
    key = f"issue:{issue.id}:{action}:{issue.updated_at}"
    if is_project_issue(issue.title):
        return _make_project(delivery, key=key)
    if not is_build_issue(issue.title):
        return f'the issue\'s title is not "{BUILD_ISSUE_TITLE}"'
    again = "then close and reopen it."
    return _make(delivery, parse_issue_request(issue.body), kind=TriggerKind.ISSUE, key=key, again=again)


def make_label_trigger(delivery: IssueDelivery) -> Trigger | str:
    """Make the trigger of an issue that got a label, or say why there is none."""
    issue, label = delivery.issue, delivery.label
    if label is None or not label.name.strip() or len(label.name) > LABEL_LIMIT:
        return "the label has no usable name"
    if is_build_issue(issue.title):
        # A form may bring both the title and the label: that is one request.
        return "the issue's title asks already; a comment with a command asks again"
    key = f"label:{issue.id}:{clip(label.name, limit=LABEL_LIMIT)}:{issue.updated_at}"
    again = "then take the label off and put it on again."
    asked = parse_issue_request(issue.body)
    return _make(delivery, asked, kind=TriggerKind.LABEL, key=key, again=again, label=label.name)


def _make_project(delivery: IssueDelivery, *, key: str) -> Trigger | str:
    read = parse_project(delivery.issue.body)
    if read is None:
        return "the issue is titled like a project's, but holds none of the fields"
    project, notes = read
    asked = IssueRequest(ref=None, ref_kind=None, notes=notes)
    # No command: whoever may read the repository may ask what to do.
    return replace(_make(delivery, asked, kind=TriggerKind.PROJECT, key=key, again=""), command=None, project=project)


def _make(
    delivery: IssueDelivery, asked: IssueRequest, *, kind: TriggerKind, key: str, again: str, label: str = ""
) -> Trigger:
    return Trigger(
        kind=kind,
        repository=delivery.make_repository(),
        actor=delivery.sender.login,
        actor_is_bot=delivery.sender.type == "Bot",
        semantic_key=key,
        ref=asked.ref,
        ref_kind=asked.ref_kind,
        thread=Thread(kind="issue", number=delivery.issue.number),
        url=delivery.issue.html_url,
        problem=asked.problem,
        hint="" if asked.problem is None else f"{asked.usage}, {again}",
        images=asked.images,
        label=label,
        notes=asked.notes,
    )
