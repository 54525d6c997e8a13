"""Deliveries that are ignored or refused: each with its reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.core.github.events import Ignored, parse_event
from hublish.core.github.trigger import Trigger
from hublish.errors import WebhookRefused
from tests.unit.core.github.parts import BASE, COMMENT, ISSUE, QUESTION, RELEASE, parse


@pytest.mark.parametrize(
    ("event", "action", "reason"),
    [
        ("ping", "", "a ping needs no answer"),
        ("release", "created", "only a published release starts a build"),
        ("release", "prereleased", "only a published release starts a build"),
        (
            "pull_request",
            "edited",
            "only an opened, reopened or closed pull request, or new commits in one, are looked at",
        ),
        (
            "issues",
            "edited",
            "only an opened, reopened or labelled issue can ask for something; an edited one starts nothing",
        ),
        ("issues", "opened", 'the issue\'s title is not "Deliver Container Image"'),
        ("issue_comment", "created", "the comment holds no command"),
        ("issue_comment", "edited", "only a new comment can hold a command; an edited or deleted one starts nothing"),
        ("issue_comment", "deleted", "only a new comment can hold a command; an edited or deleted one starts nothing"),
        ("commit_comment", "created", "hublish does not handle this event"),
        ("installation", "suspend", "only a new installation brings repositories"),
        ("installation_repositories", "removed", "only added repositories are looked at"),
        ("no_such_event", "x", "hublish does not handle this event"),
    ],
)
def test_every_other_event_is_ignored_with_its_reason(event: str, action: str, reason: str) -> None:
    """What starts nothing says why."""
    event_read = parse(event, action, issue=QUESTION, release=RELEASE, comment={**COMMENT, "body": "Thanks"})

    assert event_read == Ignored(reason=reason, event=event, action=action)


def test_a_payload_without_an_action_is_ignored() -> None:
    """An action that is missing or no text is the empty action."""
    expected = Ignored(reason="only a published release starts a build", event="release", action="")

    assert parse_event(event="release", body=b'{"action": 7}') == expected
    assert parse_event(event="release", body=b"{}") == expected


def test_a_hostile_event_name_is_clipped() -> None:
    """The header is foreign text too."""
    expected = Ignored(reason="hublish does not handle this event", event="x y" + "z" * 60 + "…", action="")

    assert parse_event(event="x\x1by" + "z" * 100, body=b"{}") == expected


@pytest.mark.parametrize(
    ("changes", "reason", "fault"),
    [
        (
            {"installation": None},
            "the delivery names no installation: the webhook is not the App's own",
            ("installation",),
        ),
        (
            {"installation": {"id": 0}},
            "the payload's installation.id is not usable: Input should be greater than or equal to 1",
            ("installation", "id"),
        ),
        ({"sender": {}}, "the payload's sender.login is not usable: Field required", ("sender", "login")),
        (
            {"release": {**RELEASE, "id": "5"}},
            "the payload's release.id is not usable: Input should be a valid integer",
            ("release", "id"),
        ),
        (
            {"release": {**RELEASE, "id": 2**64}},
            "the payload's release.id is not usable: Input should be less than or equal to 9223372036854775807",
            ("release", "id"),
        ),
        (
            {"repository": {**BASE["repository"], "default_branch": "--x"}},
            "the payload's repository.default_branch is not usable: Value error, not the name of a branch",
            ("repository", "default_branch"),
        ),
    ],
)
def test_a_payload_that_cannot_be_used_is_ignored_with_the_field(
    changes: dict[str, Any], reason: str, fault: tuple[str, ...]
) -> None:
    """The reason names the first missing or wrong field, never its value."""
    expected = Ignored(reason=reason, event="release", action="published", fault=fault)

    assert parse("release", "published", **{"release": RELEASE, **changes}) == expected


@pytest.mark.parametrize("name", ["../evil", "a/b", "a b", "", "a\n", "\u202e"])
def test_a_hostile_repository_name_is_refused(name: str) -> None:
    """A name that could change a path never becomes a repository."""
    event = parse("release", "published", release=RELEASE, repository={**BASE["repository"], "name": name})

    assert isinstance(event, Ignored)
    assert event.reason.startswith("the payload's repository.name is not usable: ")


@pytest.mark.parametrize("url", ["javascript:alert(1)", 'https://example.com/"><b>', "https://example.com/a b"])
def test_a_link_that_is_none_is_refused(url: str) -> None:
    """Links stand in answers: only plain web addresses pass."""
    event = parse("release", "published", release={**RELEASE, "html_url": url})

    assert isinstance(event, Ignored)
    assert event.reason.startswith("the payload's release.html_url is not usable: ")


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"{", b"[]", b"7", b"null", b'"x"', b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000]
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    """Status 400, whatever the event."""
    with pytest.raises(WebhookRefused) as refused:
        parse_event(event="release", body=body)

    assert refused.value.status == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "login", "type", "title"]), inner)
    ),
    max_leaves=8,
)


PARTS = st.dictionaries(st.sampled_from(["repository", "sender", "installation", "release", "issue", "comment"]), JSON)


@given(
    event=st.sampled_from(["release", "issues", "issue_comment"]),
    action=st.sampled_from(["published", "opened", "created"]),
    parts=PARTS,
)
def test_any_json_object_is_read_without_an_error(event: str, action: str, parts: dict[str, Any]) -> None:
    """A payload of any shape gives an event."""
    read = parse_event(
        event=event,
        body=json.dumps(
            {**BASE, "release": RELEASE, "issue": ISSUE, "comment": COMMENT, "action": action, **parts}
        ).encode(),
    )

    assert isinstance(read, Trigger | Ignored)
