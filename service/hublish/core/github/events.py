"""Webhook events: what a delivery asks for, decided from its name and body alone.

`parse_event` turns a verified delivery into a `Trigger` (somebody wants a build) or `Ignored` with the exact reason,
which is stored with the delivery. Whether the build may happen is decided later, in `triggers`. Nothing here trusts
the payload: names and ids are checked by the models of `payloads`, and no URL of a payload is ever fetched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from pydantic import ValidationError

from hublish.core.github.build_issue import BUILD_ISSUE_TITLE, USAGE, is_build_issue, parse_issue_tag
from hublish.core.github.commands import Command, parse_commands
from hublish.core.github.payloads import CommentDelivery, Delivery, Issue, IssueDelivery, PushDelivery, ReleaseDelivery
from hublish.core.github.ports import Thread
from hublish.core.gitref import is_ref_name
from hublish.core.repository import RefKind, Repository
from hublish.errors import WebhookRefused, clip


class TriggerKind(Enum):
    """What started a run."""

    RELEASE = "release"
    PUSH = "push"
    ISSUE = "issue"
    COMMENT = "comment"

    @property
    def proves_permission(self) -> bool:
        """True for what GitHub lets nobody do without write permission, people and bots alike."""
        return self in (TriggerKind.RELEASE, TriggerKind.PUSH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """Somebody asked for a build.

    Attributes:
        kind: what they did.
        repository: where.
        actor: login of the person or bot that did it.
        actor_is_bot: True for GitHub Apps; they may publish releases and push, nothing else.
        semantic_key: equal for two deliveries that mean the same request.
        ref: what to build, as `resolve_ref` takes it (a pull request's number with `ref_kind` PULL_REQUEST); None
            exactly when `problem` is set.
        ref_kind: what `ref` must turn out to be; None when a tag, branch or SHA is right.
        prerelease: True for a release marked so.
        sha: the commit, where the event itself names it; None where `ref` has to be resolved.
        thread: where reactions go; comments on a release go to its commit instead, and a push gets no reaction.
        pull_request_number: the pull request a comment was made on; None elsewhere.
        url: page of the release, issue or comment, for links in answers; "" for a push.
        problem: why the request cannot be understood, in one sentence; told to people who may build.
        hint: what to write instead; "" without a problem.
    """

    kind: TriggerKind
    repository: Repository
    actor: str
    actor_is_bot: bool
    semantic_key: str
    ref: str | None
    ref_kind: RefKind | None
    thread: Thread
    url: str
    prerelease: bool = False
    pull_request_number: int | None = None
    problem: str | None = None
    hint: str = ""
    sha: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A delivery that starts nothing: why, and which event and action it was ("" without an action)."""

    reason: str
    event: str
    action: str


Event = Trigger | Ignored

OWN_BRANCHES = "hublish/"
"""Start of the names of branches that hublish makes; what lies on them is never a reason to build."""
NO_SHA = "0" * 40
_BRANCH = "refs/heads/"
_NOT_HANDLED = "hublish does not handle this event"
_IGNORED_ACTIONS: Mapping[str, str] = {
    "release": "only a published release starts a build",
    "issues": "only an opened or reopened issue starts a build",
    "issue_comment": "only a new comment can hold a command; an edited or deleted one starts nothing",
}


def parse_event(*, event: str, body: bytes) -> Event:
    """Read a delivery whose signature was verified.

    Args:
        event: the header `X-GitHub-Event`.
        body: the payload as received, UTF-8 JSON.

    Returns:
        A Trigger, or Ignored with the reason; never an exception for any JSON object.

    Raises:
        WebhookRefused: status 400, the body is not a JSON object.
    """
    payload = _parse_object(body)
    action = payload.get("action")
    name, act = clip(event, limit=64), clip(action, limit=64) if isinstance(action, str) else ""
    read = _READERS.get((name, act))
    if read is None:
        reason = "a ping needs no answer" if name == "ping" else _IGNORED_ACTIONS.get(name, _NOT_HANDLED)
        return Ignored(reason=reason, event=name, action=act)
    try:
        outcome = read(payload)
    except ValidationError as invalid:
        outcome = _describe(invalid)
    return Ignored(reason=outcome, event=name, action=act) if isinstance(outcome, str) else outcome


def is_handled(event: str, action: str) -> bool:
    """Tell whether `parse_event` reads deliveries of this event and action ("" for an event without one)."""
    return (event, action) in _READERS


def _parse_object(body: bytes) -> dict[str, object]:
    try:
        payload = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as exc:
        detail = clip(str(exc), limit=120)
        raise WebhookRefused(f"Expected a JSON object as the delivery's body, but: {detail}", status=400) from exc
    if not isinstance(payload, dict):
        raise WebhookRefused("Expected a JSON object as the delivery's body, but it is another value.", status=400)
    return payload


def _describe(invalid: ValidationError) -> str:
    """Name the first field that is missing or wrong, without its value."""
    error = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in error["loc"])
    if field == "installation":
        return "the delivery names no installation: the webhook is not the App's own"
    return f"the payload's {field} is not usable: {clip(error['msg'])}"


def _read_release(payload: dict[str, object]) -> Trigger | str:
    delivery = ReleaseDelivery.model_validate(payload)
    release = delivery.release
    if release.draft or release.published_at is None:
        return "the release is a draft"
    valid = is_ref_name(release.tag_name)
    return Trigger(
        kind=TriggerKind.RELEASE,
        repository=delivery.make_repository(),
        actor=delivery.sender.login,
        actor_is_bot=delivery.sender.type == "Bot",
        semantic_key=f"release:{release.id}:{release.published_at}:{clip(release.tag_name, limit=64)}",
        ref=release.tag_name if valid else None,
        ref_kind=RefKind.TAG,
        thread=Thread(kind="release", number=release.id),
        url=release.html_url,
        prerelease=release.prerelease,
        problem=None if valid else f'The release\'s tag "{clip(release.tag_name, limit=100)}" is no usable tag name.',
        hint="" if valid else "Publish the release under a tag such as v1.2.3.",
    )


def _read_push(payload: dict[str, object]) -> Trigger | str:
    delivery = PushDelivery.model_validate(payload)
    branch = delivery.ref.removeprefix(_BRANCH)
    if branch == delivery.ref:
        return "only a pushed branch can start a build"
    if delivery.deleted or delivery.after == NO_SHA:
        return "the branch was deleted"
    if branch.startswith(OWN_BRANCHES):
        return "the branch is hublish's own"
    if not is_ref_name(branch):
        return "the branch has no usable name"
    return Trigger(
        kind=TriggerKind.PUSH,
        repository=delivery.make_repository(),
        actor=delivery.sender.login,
        actor_is_bot=delivery.sender.type == "Bot",
        semantic_key=f"push:{delivery.ref}:{delivery.after}",
        ref=branch,
        ref_kind=RefKind.BRANCH,
        sha=delivery.after,
        thread=Thread(kind="commit", number=0, sha=delivery.after),
        url="",
    )


def _refuse_bot(delivery: Delivery) -> str | None:
    # An answer of a bot (ours or another's) that quotes a command must never start a build: bots would talk in circles.
    if delivery.sender.type == "User":
        return None
    return f"the sender's type is {clip(delivery.sender.type, limit=32)}; only people start builds here"


def _read_opened_issue(payload: dict[str, object]) -> Trigger | str:
    return _read_issue(payload, action="opened")


def _read_reopened_issue(payload: dict[str, object]) -> Trigger | str:
    return _read_issue(payload, action="reopened")


def _read_issue(payload: dict[str, object], *, action: str) -> Trigger | str:
    delivery = IssueDelivery.model_validate(payload)
    issue = delivery.issue
    if not is_build_issue(issue.title):
        return f'the issue\'s title is not "{BUILD_ISSUE_TITLE}"'
    refusal = _refuse_bot(delivery)
    if refusal is not None:
        return refusal
    asked = parse_issue_tag(issue.body)
    return Trigger(
        kind=TriggerKind.ISSUE,
        repository=delivery.make_repository(),
        actor=delivery.sender.login,
        actor_is_bot=False,
        semantic_key=f"issue:{issue.id}:{action}:{issue.updated_at}",
        ref=asked.tag,
        ref_kind=RefKind.TAG,
        thread=Thread(kind="issue", number=issue.number),
        url=issue.html_url,
        problem=asked.problem,
        hint="" if asked.problem is None else USAGE,
    )


def _read_comment(payload: dict[str, object]) -> Trigger | str:
    delivery = CommentDelivery.model_validate(payload)
    refusal = _refuse_bot(delivery)
    if refusal is not None:
        return refusal
    commands = parse_commands(delivery.comment.body)
    if not commands:
        return "the comment holds no command"
    trigger = Trigger(
        kind=TriggerKind.COMMENT,
        repository=delivery.make_repository(),
        actor=delivery.sender.login,
        actor_is_bot=False,
        semantic_key=f"comment:{delivery.comment.id}",
        ref=None,
        ref_kind=None,
        thread=Thread(kind="issue", number=delivery.issue.number, comment_id=delivery.comment.id),
        url=delivery.comment.html_url,
        pull_request_number=None if delivery.issue.pull_request is None else delivery.issue.number,
    )
    return _add_wanted_ref(trigger, commands=commands, issue=delivery.issue)


def _add_wanted_ref(trigger: Trigger, *, commands: tuple[Command, ...], issue: Issue) -> Trigger:
    """Fill in what a comment wants built: the command's ref, else what the thread stands for."""
    first = commands[0]
    if first.problem is not None:
        return replace(trigger, problem=first.problem, hint="Comment again with one ref, or with none.")
    if any(command.arguments != first.arguments for command in commands):
        return replace(
            trigger,
            problem="The comment asks for several different builds; one comment starts one build.",
            hint="Write one comment for each build.",
        )
    if first.arguments:
        return replace(trigger, ref=first.arguments[0])
    if trigger.pull_request_number is not None:
        return replace(trigger, ref=str(trigger.pull_request_number), ref_kind=RefKind.PULL_REQUEST)
    if is_build_issue(issue.title):
        asked = parse_issue_tag(issue.body)
        hint = "" if asked.problem is None else "Comment `/build` followed by the tag."
        return replace(trigger, ref=asked.tag, ref_kind=RefKind.TAG, problem=asked.problem, hint=hint)
    return replace(trigger, ref=trigger.repository.default_branch, ref_kind=RefKind.BRANCH)


# Each reader returns the trigger, or the reason why there is none.
_READERS: Mapping[tuple[str, str], Callable[[dict[str, object]], Trigger | str]] = {
    ("release", "published"): _read_release,
    ("push", ""): _read_push,
    ("issues", "opened"): _read_opened_issue,
    ("issues", "reopened"): _read_reopened_issue,
    ("issue_comment", "created"): _read_comment,
}
