"""Webhook events: what a delivery asks for, decided from its name and body alone.

`parse_event` turns a verified delivery into a `Trigger` (somebody wants a build), `Installed` (the App was given
repositories) or `Ignored` with the exact reason, which is stored with the delivery. Whether the build may happen is decided later, in `triggers`. Nothing here trusts
the payload: names and ids are checked by the models of `payloads`, and no URL of a payload is ever fetched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from hublish.core.github.asking import make_comment_trigger
from hublish.core.github.comment import parse_commands
from hublish.core.github.installing import Installed, read_added_repositories, read_installation
from hublish.core.github.issues import make_issue_trigger, make_label_trigger
from hublish.core.github.payloads import (
    CheckRunDelivery,
    CheckSuiteDelivery,
    CommentDelivery,
    CreateDelivery,
    Delivery,
    IssueDelivery,
    PullRequestDelivery,
    PushDelivery,
    ReleaseDelivery,
)
from hublish.core.github.ports import Thread
from hublish.core.github.pressing import make_press, make_suite_press
from hublish.core.github.pulling import make_closed_trigger, make_pull_trigger
from hublish.core.github.pushing import make_created_tag, make_push
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.gitref import is_ref_name
from hublish.core.place import KeyPath
from hublish.core.repository import RefKind
from hublish.errors import WebhookRefused, clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A delivery that starts nothing.

    Attributes:
        reason: why.
        event: which it was.
        action: "" without one.
        fault: path of the payload's field that is missing or wrong; None when the payload could be read.
    """

    reason: str
    event: str
    action: str
    fault: KeyPath | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Who reads comments: the bot's name as people mention it ("" when unknown), and logins of bots it hears, lower-case."""

    app: str = ""
    bots: frozenset[str] = frozenset()


NOBODY = Listener()
Event = Trigger | Installed | Ignored

_DATED_RELEASE = re.compile(r"(?P<former>release:.+):\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_NOT_HANDLED = "hublish does not handle this event"
_IGNORED_ACTIONS: Mapping[str, str] = {
    "release": "only a published release starts a build",
    "pull_request": "only an opened, reopened or closed pull request, or new commits in one, are looked at",
    "check_run": "only a pressed button or a re-run of a check run asks for something",
    "check_suite": "only a re-run of all check runs asks for something",
    "issues": "only an opened, reopened or labelled issue can ask for something; an edited one starts nothing",
    "issue_comment": "only a new comment can hold a command; an edited or deleted one starts nothing",
    "installation": "only a new installation brings repositories",
    "installation_repositories": "only added repositories are looked at",
}


def parse_event(*, event: str, body: bytes, listener: Listener = NOBODY) -> Event:
    """Read a delivery whose signature was verified.

    Args:
        event: the header `X-GitHub-Event`.
        body: the payload as received, UTF-8 JSON.
        listener: who the bot is, and whom it hears besides people.

    Returns:
        A Trigger, Installed, or Ignored with the reason; never an exception for any JSON object.

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
        outcome = read(payload, listener)
    except ValidationError as invalid:
        field, outcome = _describe(invalid)
        return Ignored(reason=outcome, event=name, action=act, fault=field)
    return Ignored(reason=outcome, event=name, action=act) if isinstance(outcome, str) else outcome


def is_handled(event: str, action: str) -> bool:
    """Tell whether `parse_event` reads deliveries of this event and action ("" for an event without one)."""
    return (event, action) in _READERS


def find_former_key(trigger: Trigger) -> str | None:
    """Find the semantic key that a release had before the date of its commit was part of it; None where that is the same."""
    found = _DATED_RELEASE.fullmatch(trigger.semantic_key)
    return None if found is None else found["former"]


def _parse_object(body: bytes) -> dict[str, object]:
    try:
        payload = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as exc:
        detail = clip(str(exc), limit=120)
        raise WebhookRefused(f"Expected a JSON object as the delivery's body, but: {detail}", status=400) from exc
    if not isinstance(payload, dict):
        raise WebhookRefused("Expected a JSON object as the delivery's body, but it is another value.", status=400)
    return payload


def _describe(invalid: ValidationError) -> tuple[KeyPath, str]:
    """Name the first field that is missing or wrong, without its value: its path, and a sentence."""
    error = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in error["loc"])
    if field == "installation":
        return error["loc"], "the delivery names no installation: the webhook is not the App's own"
    return error["loc"], f"the payload's {field} is not usable: {clip(error['msg'])}"


def _read_release(payload: dict[str, object], _: Listener) -> Trigger | str:
    delivery = ReleaseDelivery.model_validate(payload)
    release = delivery.release
    if release.draft or release.published_at is None:
        return "the release is a draft"
    valid = is_ref_name(release.tag_name)
    made = "" if release.created_at is None else f":{release.created_at}"
    return Trigger(
        kind=TriggerKind.RELEASE,
        repository=delivery.make_repository(),
        actor=delivery.sender.login,
        actor_is_bot=delivery.sender.type == "Bot",
        semantic_key=f"release:{release.id}:{release.published_at}:{clip(release.tag_name, limit=64)}{made}",
        ref=release.tag_name if valid else None,
        ref_kind=RefKind.TAG,
        thread=Thread(kind="release", number=release.id),
        url=release.html_url,
        prerelease=release.prerelease,
        problem=None if valid else f'The release\'s tag "{clip(release.tag_name, limit=100)}" is no usable tag name.',
        hint="" if valid else "Publish the release under a tag such as v1.2.3.",
    )


def _read_push(payload: dict[str, object], _: Listener) -> Trigger | str:
    return make_push(PushDelivery.model_validate(payload))


def _read_created(payload: dict[str, object], _: Listener) -> Trigger | str:
    return make_created_tag(CreateDelivery.model_validate(payload))


def _read_pull_request(payload: dict[str, object], _: Listener) -> Trigger | str:
    return make_pull_trigger(PullRequestDelivery.model_validate(payload))


def _read_closed_pull_request(payload: dict[str, object], _: Listener) -> Trigger | str:
    return make_closed_trigger(PullRequestDelivery.model_validate(payload))


def _refuse_bot(delivery: Delivery, listener: Listener) -> str | None:
    # An answer of a bot (ours or another's) that quotes a command must never start a build: bots would talk in circles.
    sender = delivery.sender
    if sender.type == "User":
        return None
    if listener.app and sender.login.lower() == f"{listener.app}[bot]".lower():
        return "the bot does not listen to itself"
    if sender.type == "Bot" and sender.login.lower() in listener.bots:
        return None
    return f"the sender's type is {clip(sender.type, limit=32)}; only people start builds here"


def _read_opened_issue(payload: dict[str, object], listener: Listener) -> Trigger | str:
    return _read_issue(payload, listener, action="opened")


def _read_reopened_issue(payload: dict[str, object], listener: Listener) -> Trigger | str:
    return _read_issue(payload, listener, action="reopened")


def _read_issue(payload: dict[str, object], listener: Listener, *, action: str) -> Trigger | str:
    delivery = IssueDelivery.model_validate(payload)
    trigger = make_issue_trigger(delivery, action=action)
    return trigger if isinstance(trigger, str) else _refuse_bot(delivery, listener) or trigger


def _read_labeled_issue(payload: dict[str, object], listener: Listener) -> Trigger | str:
    delivery = IssueDelivery.model_validate(payload)
    return _refuse_bot(delivery, listener) or make_label_trigger(delivery)


def _read_comment(payload: dict[str, object], listener: Listener) -> Trigger | str:
    delivery = CommentDelivery.model_validate(payload)
    refusal = _refuse_bot(delivery, listener)
    if refusal is not None:
        return refusal
    commands = parse_commands(delivery.comment.body, app=listener.app)
    return make_comment_trigger(delivery, commands) if commands else "the comment holds no command"


def _read_press(payload: dict[str, object], listener: Listener) -> Trigger | str:
    delivery = CheckRunDelivery.model_validate(payload)
    return _refuse_bot(delivery, listener) or make_press(delivery)


def _read_suite_press(payload: dict[str, object], listener: Listener) -> Trigger | str:
    delivery = CheckSuiteDelivery.model_validate(payload)
    return _refuse_bot(delivery, listener) or make_suite_press(delivery)


# Each reader returns the trigger, or the reason why there is none.
_READERS: Mapping[tuple[str, str], Callable[[dict[str, object], Listener], Trigger | Installed | str]] = {
    ("release", "published"): _read_release,
    # Told of a full release beside "published", as the same request; of a pre-release that becomes one it is all that is told.
    ("release", "released"): _read_release,
    ("push", ""): _read_push,
    ("create", ""): _read_created,
    ("pull_request", "opened"): _read_pull_request,
    ("pull_request", "synchronize"): _read_pull_request,
    ("pull_request", "reopened"): _read_pull_request,
    ("pull_request", "closed"): _read_closed_pull_request,
    ("issues", "opened"): _read_opened_issue,
    ("issues", "reopened"): _read_reopened_issue,
    ("issues", "labeled"): _read_labeled_issue,
    ("issue_comment", "created"): _read_comment,
    ("check_run", "requested_action"): _read_press,
    ("check_run", "rerequested"): _read_press,
    ("check_suite", "rerequested"): _read_suite_press,
    ("installation", "created"): read_installation,
    ("installation_repositories", "added"): read_added_repositories,
}

EVENTS: frozenset[str] = frozenset({*(name for name, _ in _READERS), "ping"})
"""Events of which hublish reads something, or is asked whether it is there."""
