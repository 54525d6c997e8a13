"""What a comment asks for: its command and the thread it stands in, together, make the trigger. Decides nothing else.

One comment is one request with one answer: several different commands are answered with that.
"""

from __future__ import annotations

from dataclasses import replace

from hublish.core.github.build_issue import find_request
from hublish.core.github.commands import Command, CommandName
from hublish.core.github.payloads import CommentDelivery, Issue
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.repository import RefKind

WITH_REF = frozenset({CommandName.BUILD, CommandName.PLAN})
"""Commands that mean a ref, also where none is named."""


def make_comment_trigger(delivery: CommentDelivery, commands: tuple[Command, ...]) -> Trigger:
    """Make the trigger of a comment.

    Args:
        delivery: the comment and its thread.
        commands: what was found in it, at least one.
    """
    first = commands[0]
    trigger = Trigger(
        kind=TriggerKind.COMMENT,
        repository=delivery.make_repository(),
        actor=delivery.sender.login,
        actor_is_bot=delivery.sender.type == "Bot",
        semantic_key=f"comment:{delivery.comment.id}",
        ref=None,
        ref_kind=None,
        thread=Thread(kind="issue", number=delivery.issue.number, comment_id=delivery.comment.id),
        url=delivery.comment.html_url,
        pull_request_number=None if delivery.issue.pull_request is None else delivery.issue.number,
        command=first.name,
        force=first.force,
        addressed=any(command.addressed for command in commands),
    )
    if any(not command.says_same(first) for command in commands):
        return replace(
            trigger,
            problem="The comment holds several different commands; one comment asks for one thing.",
            hint="Write one comment for each command.",
        )
    if first.problem is not None:
        return replace(trigger, problem=first.problem, hint=first.hint)
    if first.name in WITH_REF:
        return _add_wanted_ref(trigger, first, delivery.issue)
    return _add_named(trigger, first)


def _add_wanted_ref(trigger: Trigger, command: Command, issue: Issue) -> Trigger:
    """Fill in what is to be built: the command's ref, else what the thread stands for."""
    if command.words:
        return replace(trigger, ref=command.words[0], images=command.words[1:])
    if trigger.pull_request_number is not None:
        return replace(trigger, ref=str(trigger.pull_request_number), ref_kind=RefKind.PULL_REQUEST)
    asked = find_request(issue.title, issue.body)
    if asked is not None:
        hint = "" if asked.problem is None else "Comment the command anew, followed by the tag."
        return replace(
            trigger,
            ref=asked.ref,
            ref_kind=asked.ref_kind,
            images=asked.images,
            problem=asked.problem,
            hint=hint,
            notes=asked.notes,
        )
    return replace(trigger, ref=trigger.repository.default_branch, ref_kind=RefKind.BRANCH)


def _add_named(trigger: Trigger, command: Command) -> Trigger:
    """Fill in what a command is about that does not begin with a ref."""
    if command.name is CommandName.OK_TO_BUILD:
        return _add_approved(trigger, command.words[0])
    if command.name is CommandName.RETEST and trigger.pull_request_number is not None:
        return replace(trigger, ref=str(trigger.pull_request_number), ref_kind=RefKind.PULL_REQUEST)
    if command.name is CommandName.DEPLOY:
        # One word may be an image as well, which the config tells.
        *images, hub = command.words or ("",)
        return replace(trigger, images=tuple(images), hub=hub)
    if command.name is CommandName.LOCK:
        # A lock is of a branch: there is nothing to merge a new one into elsewhere.
        branch = command.words[0] if command.words else trigger.repository.default_branch
        return replace(trigger, ref=branch, ref_kind=RefKind.BRANCH)
    return replace(trigger, ref=command.words[0]) if command.words else trigger


def _add_approved(trigger: Trigger, sha: str) -> Trigger:
    if trigger.pull_request_number is None:
        return replace(
            trigger,
            problem="`/ok-to-build` is about a pull request, and this is none.",
            hint="Comment it on the pull request whose head is to be built.",
        )
    number = str(trigger.pull_request_number)
    return replace(trigger, ref=number, ref_kind=RefKind.PULL_REQUEST, approved_sha=sha.lower())
