"""Payloads that a person brings: which can be used, and what is said of the others."""

from __future__ import annotations

import json

import pytest

from hublish.core.finding import Finding, Severity
from hublish.core.github.byhand import check_payload, explain_ignored, verify_event
from hublish.core.github.events import EVENTS
from hublish.errors import ValueInvalid
from tests.sandbox.webhook_examples import load_webhook_examples
from tests.unit.core.github.parts import BASE, COMMENT, ISSUE, RELEASE

KNOWN = (
    "check_run, check_suite, create, installation, installation_repositories, issue_comment, issues, ping, "
    "pull_request, push, release"
)


def make_body(action: str, **parts: object) -> bytes:
    return json.dumps({"action": action, **BASE, **parts}, indent=1).encode()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relase", "hublish reads no event 'relase'; did you mean release?"),
        ("pull-requests", "hublish reads no event 'pull-requests'; did you mean pull_request?"),
        ("star", f"hublish reads no event 'star'; one of {KNOWN}"),
        ("\x1bx" * 100, f"hublish reads no event '{'x ' * 39}x…'; one of {KNOWN}"),
    ],
)
def test_event_that_is_not_read_is_told_with_the_near_one(name: str, expected: str) -> None:
    """Or with all there are."""
    with pytest.raises(ValueInvalid) as caught:
        verify_event(name)

    assert caught.value.message == expected


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_event_that_is_read_passes(name: str) -> None:
    """Each, and each has an example among GitHub's."""
    verify_event(name)

    assert name in {example.event for example in load_webhook_examples()}


def test_payloads_of_github_are_taken_for_their_own_event() -> None:
    """Whether something follows from them or not."""
    wrong = [
        (example.event, example.number, finding.message)
        for example in load_webhook_examples()
        if example.event in EVENTS
        for finding in check_payload(json.dumps(example.payload).encode(), event=example.event, path="p.json")
        if "payload of the event" in finding.message
    ]

    assert wrong == []


@pytest.mark.parametrize(
    ("event", "body", "place", "message", "hint"),
    [
        (
            "release",
            b'{\n "a" 1}',
            "p.json:2:6",
            "the file is not JSON: Expecting ':' delimiter",
            "",
        ),
        ("release", b"\n\xff", "p.json:2", "the file is not UTF-8 at byte 1", ""),
        ("release", b"[]", "p.json:1", "expected a JSON object, but it is another value", ""),
        (
            "release",
            make_body("opened", issue=ISSUE),
            "p.json:1",
            "expected a payload of the event release, but this looks like one of issues",
            "name the event issues, or another file",
        ),
        (
            "issues",
            make_body("created", issue=ISSUE, comment=COMMENT),
            "p.json:1",
            "expected a payload of the event issues, but this looks like one of issue_comment",
            "name the event issue_comment, or another file",
        ),
        ("push", b"{}", "p.json:1", "every payload of the event push has the key `ref`, but this has none", ""),
        (
            "release",
            make_body("published"),
            "p.json:1",
            "every payload of the event release has the key `release`, but this has none",
            "",
        ),
        (
            "release",
            b'{"action": "published",\n"release": {\n"id": "5"}}',
            "p.json:1",
            "the payload's repository is not usable: Field required",
            "",
        ),
        (
            "release",
            b'{"action": "published",\n"release": {\n"id": "5"},' + json.dumps(BASE).encode()[1:],
            "p.json:3",
            "the payload's release.id is not usable: Input should be a valid integer",
            "",
        ),
        (
            "release",
            json.dumps({"action": "published", "release": RELEASE, **BASE, "installation": None}).encode(),
            "p.json:1",
            "the delivery names no installation: the webhook is not the App's own",
            "",
        ),
    ],
)
def test_payload_that_cannot_be_used_is_told_with_its_place(
    event: str, body: bytes, place: str, message: str, hint: str
) -> None:
    """One fault, an error."""
    [finding] = check_payload(body, event=event, path="p.json")

    assert (finding.place, finding.message, finding.hint) == (place, message, hint)
    assert finding.severity is Severity.ERROR


def test_key_that_stands_twice_is_a_fault() -> None:
    """As in every JSON file: nobody can say which one is meant."""
    findings = check_payload(b'{"zen": "a",\n"zen": "b"}', event="ping", path="p.json")

    assert findings == (
        Finding(
            severity=Severity.ERROR,
            code="DuplicateKey",
            message="the key stands in line 1 and again in line 2",
            hint="keep one of the two",
            path="p.json",
            line=1,
            key="zen",
        ),
    )


@pytest.mark.parametrize(
    ("event", "body", "reason", "sure"),
    [
        ("release", make_body("published", release=RELEASE), "", True),
        ("release", make_body("edited", release=RELEASE), "only a published release starts a build", True),
        ("ping", b'{"zen": "x"}', "a ping needs no answer", True),
        (
            "issue_comment",
            make_body("created", issue=ISSUE, comment={**COMMENT, "body": "@hublish build"}),
            "the comment holds no command",
            False,
        ),
        (
            "issue_comment",
            make_body("deleted", issue=ISSUE, comment=COMMENT),
            "only a new comment can hold a command; an edited or deleted one starts nothing",
            True,
        ),
    ],
)
def test_payload_that_starts_nothing_can_be_used_and_says_why(event: str, body: bytes, reason: str, sure: bool) -> None:
    """It is no fault; where it depends on the service, the reason is not sure."""
    assert check_payload(body, event=event, path="p.json") == ()
    assert explain_ignored(body, event=event) == (reason, sure)
