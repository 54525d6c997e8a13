"""A payload that a person brings from a file: whether it can be one of the event that is named, and what is wrong with it.

GitHub would only send a webhook that cannot be read again, so `events` ignores it; a person is told the fault and its
place instead. What a payload asks for is decided there and not here.
"""

from __future__ import annotations

from collections.abc import Mapping

from hublish.core.finding import Finding
from hublish.core.github.events import EVENTS, Ignored, is_handled, parse_event
from hublish.core.suggestion import find_near
from hublish.core.trees.jsontree import JSONTree, parse_json
from hublish.errors import ValueInvalid, clip

LIMIT_BYTES = 25 << 20
"""GitHub sends at most 25 MB."""

_ANY_APP = "installation"
# The keys at the top that every payload of an event has. A payload is taken for the first event whose keys it has: a
# comment has an issue, too, and an App's own payloads all name their installation.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "issue_comment": ("action", "issue", "comment"),
    "issues": ("action", "issue"),
    "release": ("action", "release"),
    "check_run": ("action", "check_run"),
    "check_suite": ("action", "check_suite"),
    "pull_request": ("action", "pull_request"),
    "push": ("ref", "before", "after"),
    "create": ("ref", "ref_type", "master_branch"),
    "ping": ("zen",),
    "installation_repositories": ("action", "installation", "repositories_added"),
    _ANY_APP: ("action", "installation"),
}
_TALK = frozenset({"issues", "issue_comment"})


def verify_event(name: str) -> None:
    """Raise ValueInvalid for the name of an event that hublish does not read, with the near one or all there are."""
    if name in EVENTS:
        return
    near = find_near(name, EVENTS)
    known = f"one of {', '.join(sorted(EVENTS))}" if near is None else f"did you mean {near}?"
    raise ValueInvalid(f"hublish reads no event {clip(name, limit=80)!r}; {known}")


def check_payload(body: bytes, *, event: str, path: str) -> tuple[Finding, ...]:
    """Check that a payload can be used.

    Args:
        body: the file's bytes.
        event: one of EVENTS.
        path: what the file is called in findings.

    Returns:
        What is wrong, each an error with its line; () for a payload that can be used, if only to be ignored.
    """
    parsed = parse_json(body, path=path, limit_bytes=LIMIT_BYTES)
    if parsed.tree is None or parsed.findings:
        return parsed.findings
    tree = parsed.tree
    if not isinstance(tree.value, dict):
        return (tree.make_finding("PayloadInvalid", "expected a JSON object, but it is another value", at=()),)
    mismatch = _find_mismatch(tree, event)
    if mismatch is not None:
        return (mismatch,)
    read = parse_event(event=event, body=body)
    if isinstance(read, Ignored) and read.fault is not None:
        return (tree.make_finding("PayloadInvalid", read.reason, at=read.fault),)
    return ()


def _find_mismatch(tree: JSONTree, event: str) -> Finding | None:
    fitting = next((name for name, keys in _KEYS.items() if all(key in tree.value for key in keys)), None)
    if fitting == event:
        return None
    if fitting in (None, _ANY_APP):
        missing = next(key for key in _KEYS[event] if key not in tree.value)
        message = f"every payload of the event {event} has the key `{missing}`, but this has none"
        return tree.make_finding("PayloadInvalid", message, at=())
    message = f"expected a payload of the event {event}, but this looks like one of {fitting}"
    return tree.make_finding("PayloadInvalid", message, at=(), hint=f"name the event {fitting}, or another file")


def explain_ignored(body: bytes, *, event: str) -> tuple[str, bool]:
    """Say why a payload that can be used will start nothing, as far as it shows by itself.

    Returns:
        The reason, "" when something will be done; and whether that is sure: who a comment speaks to, and which bots
        are heard, only the service knows.
    """
    read = parse_event(event=event, body=body)
    if not isinstance(read, Ignored):
        return "", True
    return read.reason, not (event in _TALK and is_handled(event, read.action))
