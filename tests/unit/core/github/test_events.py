"""Webhook events: what each delivery asks for, and why the others ask for nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.core.github.build_issue import USAGE
from hublish.core.github.commands import CommandName
from hublish.core.github.events import Event, Ignored, Listener, parse_event
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.repository import RefKind, Repository
from hublish.errors import WebhookRefused

SHA = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = Repository(
    id=7, owner="org", name="ts", installation_id=99, default_branch="main", private=True, owner_id=3
)
BASE: dict[str, Any] = {
    "repository": {
        "id": 7,
        "name": "ts",
        "owner": {"id": 3, "login": "org", "type": "Organization"},
        "default_branch": "main",
        "private": True,
    },
    "sender": {"login": "alice", "type": "User"},
    "installation": {"id": 99},
}
RELEASE: dict[str, Any] = {
    "id": 5,
    "tag_name": "v1.2",
    "draft": False,
    "prerelease": False,
    "published_at": "2026-11-21T10:00:00Z",
    "html_url": "https://github.com/org/ts/releases/tag/v1.2",
}
ISSUE: dict[str, Any] = {
    "id": 11,
    "number": 3,
    "title": "Deliver Container Image",
    "body": "Tag: v1.2",
    "updated_at": "2026-11-21T10:00:00Z",
    "html_url": "https://github.com/org/ts/issues/3",
}
COMMENT: dict[str, Any] = {"id": 13, "body": "/build", "html_url": "https://github.com/org/ts/issues/3#issuecomment-13"}
QUESTION = {**ISSUE, "title": "A question", "body": None}
PULL_REQUEST = {**QUESTION, "pull_request": {"url": "https://api.github.com/repos/org/ts/pulls/3"}}

RELEASED = Trigger(
    kind=TriggerKind.RELEASE,
    repository=REPOSITORY,
    actor="alice",
    actor_is_bot=False,
    semantic_key="release:5:2026-11-21T10:00:00Z:v1.2",
    ref="v1.2",
    ref_kind=RefKind.TAG,
    thread=Thread(kind="release", number=5),
    url="https://github.com/org/ts/releases/tag/v1.2",
)
OPENED = Trigger(
    kind=TriggerKind.ISSUE,
    repository=REPOSITORY,
    actor="alice",
    actor_is_bot=False,
    semantic_key="issue:11:opened:2026-11-21T10:00:00Z",
    ref="v1.2",
    ref_kind=RefKind.TAG,
    thread=Thread(kind="issue", number=3),
    url="https://github.com/org/ts/issues/3",
)
COMMENTED = Trigger(
    kind=TriggerKind.COMMENT,
    repository=REPOSITORY,
    actor="alice",
    actor_is_bot=False,
    semantic_key="comment:13",
    ref="main",
    ref_kind=RefKind.BRANCH,
    thread=Thread(kind="issue", number=3, comment_id=13),
    url="https://github.com/org/ts/issues/3#issuecomment-13",
)


def parse(event: str, action: str, **parts: Any) -> Event:
    return parse_event(event=event, body=json.dumps({**BASE, "action": action, **parts}).encode())


def hear(event: str, payload: dict[str, Any]) -> Event:
    """What a bot called hublish makes of a delivery; it hears renovate, and somebody listed itself."""
    listener = Listener(app="hublish", bots=frozenset({"renovate[bot]", "hublish[bot]"}))
    return parse_event(event=event, body=json.dumps(payload).encode(), listener=listener)


def push(**parts: Any) -> Event:
    payload = {**BASE, "ref": "refs/heads/main", "after": SHA, "deleted": False, **parts}
    return parse_event(event="push", body=json.dumps(payload).encode())


def test_a_published_release_asks_for_its_tag() -> None:
    """The release's tag is built; the key names id, time of publishing and tag."""
    assert parse("release", "published", release=RELEASE) == RELEASED


def test_a_prerelease_is_marked() -> None:
    """Whether prereleases count is the config's question, so the trigger says it is one."""
    expected = replace(RELEASED, prerelease=True)

    assert parse("release", "published", release={**RELEASE, "prerelease": True}) == expected


def test_a_bot_may_publish_a_release() -> None:
    """Release tools publish as bots; GitHub checked their permission already."""
    expected = replace(RELEASED, actor="release-tool[bot]", actor_is_bot=True)

    assert (
        parse("release", "published", release=RELEASE, sender={"login": "release-tool[bot]", "type": "Bot"}) == expected
    )


@pytest.mark.parametrize("changes", [{"draft": True}, {"published_at": None}])
def test_a_draft_is_no_release(changes: dict[str, Any]) -> None:
    """What is not published starts nothing."""
    expected = Ignored(reason="the release is a draft", event="release", action="published")

    assert parse("release", "published", release={**RELEASE, **changes}) == expected


def test_a_release_with_an_impossible_tag_carries_the_problem() -> None:
    """A tag that could become an option is never taken as a ref."""
    expected = replace(
        RELEASED,
        semantic_key="release:5:2026-11-21T10:00:00Z:--exec=x",
        ref=None,
        problem='The release\'s tag "--exec=x" is no usable tag name.',
        hint="Publish the release under a tag such as v1.2.3.",
    )

    assert parse("release", "published", release={**RELEASE, "tag_name": "--exec=x"}) == expected


@pytest.mark.parametrize("action", ["opened", "reopened"])
def test_a_build_issue_asks_for_its_tag(action: str) -> None:
    """Opening and reopening are two requests, told apart by the key."""
    expected = replace(OPENED, semantic_key=f"issue:11:{action}:2026-11-21T10:00:00Z")

    assert parse("issues", action, issue=ISSUE) == expected


def test_a_build_issue_without_a_tag_carries_the_problem() -> None:
    """The answer can say what to write."""
    expected = replace(OPENED, ref=None, problem="The issue has no line that starts with `Tag:`.", hint=USAGE)

    assert parse("issues", "opened", issue={**ISSUE, "body": None}) == expected


@pytest.mark.parametrize(
    ("issue", "body", "changes"),
    [
        (QUESTION, "/build", {}),
        (QUESTION, "/build v1", {"ref": "v1", "ref_kind": None}),
        (QUESTION, "/build v1\n/build v1", {"ref": "v1", "ref_kind": None}),
        (PULL_REQUEST, "/build", {"ref": "3", "ref_kind": RefKind.PULL_REQUEST, "pull_request_number": 3}),
        (PULL_REQUEST, "/build abc1234", {"ref": "abc1234", "ref_kind": None, "pull_request_number": 3}),
        (ISSUE, "/build", {"ref": "v1.2", "ref_kind": RefKind.TAG}),
        (
            {**ISSUE, "body": ""},
            "/build",
            {
                "ref": None,
                "ref_kind": RefKind.TAG,
                "problem": "The issue has no line that starts with `Tag:`.",
                "hint": "Comment the command anew, followed by the tag.",
            },
        ),
        (
            QUESTION,
            "/build a B",
            {
                "ref": None,
                "ref_kind": None,
                "problem": 'Expected `/build [ref] [image...] [--force]`, but "B" cannot be the name of an image.',
                "hint": "`/help` shows all commands. An edited comment is not read: comment anew.",
            },
        ),
        (
            QUESTION,
            "/build a\n/build b",
            {
                "ref": None,
                "ref_kind": None,
                "problem": "The comment holds several different commands; one comment asks for one thing.",
                "hint": "Write one comment for each command.",
            },
        ),
        (
            QUESTION,
            "/build a\n/help",
            {
                "ref": None,
                "ref_kind": None,
                "problem": "The comment holds several different commands; one comment asks for one thing.",
                "hint": "Write one comment for each command.",
            },
        ),
        (QUESTION, "/build v1 ts gpu --force", {"ref": "v1", "ref_kind": None, "images": ("ts", "gpu"), "force": True}),
        (
            PULL_REQUEST,
            "/plan",
            {
                "command": CommandName.PLAN,
                "ref": "3",
                "ref_kind": RefKind.PULL_REQUEST,
                "pull_request_number": 3,
            },
        ),
        (QUESTION, "/deploy", {"command": CommandName.DEPLOY, "ref": None, "ref_kind": None}),
        (QUESTION, "/deploy demo", {"command": CommandName.DEPLOY, "ref": None, "ref_kind": None, "hub": "demo"}),
        (QUESTION, "/retry", {"command": CommandName.RETRY, "ref": None, "ref_kind": None}),
        (QUESTION, "/retest", {"command": CommandName.RETEST, "ref": None, "ref_kind": None}),
        (QUESTION, "/cancel", {"command": CommandName.CANCEL, "ref": None, "ref_kind": None}),
        (QUESTION, "/cancel v1", {"command": CommandName.CANCEL, "ref": "v1", "ref_kind": None}),
        (
            PULL_REQUEST,
            "/retest",
            {
                "command": CommandName.RETEST,
                "ref": "3",
                "ref_kind": RefKind.PULL_REQUEST,
                "pull_request_number": 3,
            },
        ),
        (QUESTION, "/lock", {"command": CommandName.LOCK, "ref": "main", "ref_kind": RefKind.BRANCH}),
        (
            PULL_REQUEST,
            "/lock dev/next",
            {"command": CommandName.LOCK, "ref": "dev/next", "ref_kind": RefKind.BRANCH, "pull_request_number": 3},
        ),
        (QUESTION, "/status", {"command": CommandName.STATUS, "ref": None, "ref_kind": None}),
        (QUESTION, "@hublish help", {"command": CommandName.HELP, "ref": None, "ref_kind": None}),
        (
            QUESTION,
            "/biuld",
            {
                "command": None,
                "ref": None,
                "ref_kind": None,
                "problem": 'hublish knows no command "/biuld".',
                "hint": "Did you mean `/build [ref] [image...] [--force]`? `/help` shows all commands. "
                "An edited comment is not read: comment anew.",
            },
        ),
    ],
)
def test_a_comment_asks_for_its_ref_or_for_what_the_thread_stands_for(
    issue: dict[str, Any], body: str, changes: dict[str, Any]
) -> None:
    """A ref in the command comes first, then the pull request, the build issue's tag, the default branch."""
    expected = replace(COMMENTED, **changes)
    payload = {**BASE, "action": "created", "issue": issue, "comment": {**COMMENT, "body": body}}

    assert hear("issue_comment", payload) == expected


def test_a_listed_bot_is_heard_and_the_bot_itself_never() -> None:
    """The operator lists bots by login, in any case; a list that names the bot itself changes nothing."""
    payload = {**BASE, "action": "created", "issue": QUESTION, "comment": {**COMMENT, "body": "/build"}}
    listed = hear("issue_comment", {**payload, "sender": {"login": "Renovate[bot]", "type": "Bot"}})
    own = hear("issue_comment", {**payload, "sender": {"login": "Hublish[bot]", "type": "Bot"}})

    assert listed == replace(COMMENTED, actor="Renovate[bot]", actor_is_bot=True)
    assert own == Ignored(reason="the bot does not listen to itself", event="issue_comment", action="created")


@pytest.mark.parametrize("kind", ["Bot", "Organization", "Mannequin"])
def test_only_people_start_builds_by_issues_and_comments(kind: str) -> None:
    """A bot's text, our own answers included, never starts anything."""
    reason = f"the sender's type is {kind}; only people start builds here"
    sender = {"login": "hublish[bot]", "type": kind}

    assert parse("issues", "opened", issue=ISSUE, sender=sender) == Ignored(
        reason=reason, event="issues", action="opened"
    )
    assert parse("issue_comment", "created", issue=ISSUE, comment=COMMENT, sender=sender) == Ignored(
        reason=reason, event="issue_comment", action="created"
    )


@pytest.mark.parametrize(("account", "is_bot"), [("User", False), ("Bot", True)])
def test_a_pushed_branch_asks_for_its_commit(account: str, is_bot: bool) -> None:
    """The commit is the one that was pushed, whoever pushed it; the branch names the tag."""
    expected = Trigger(
        kind=TriggerKind.PUSH,
        repository=REPOSITORY,
        actor="alice",
        actor_is_bot=is_bot,
        semantic_key=f"push:refs/heads/feature/x:{SHA}",
        ref="feature/x",
        ref_kind=RefKind.BRANCH,
        sha=SHA,
        base="main",
        thread=Thread(kind="commit", number=0, sha=SHA),
        url="",
    )
    sender = {"login": "alice", "type": account}

    assert push(ref="refs/heads/feature/x", sender=sender) == expected


@pytest.mark.parametrize(
    ("parts", "base"),
    [
        ({"before": "a" * 40}, "a" * 40),
        ({"before": "0" * 40}, None),
        ({"before": "0" * 40, "ref": "refs/heads/new"}, "main"),
        ({"ref": "refs/heads/new"}, "main"),
        ({}, None),
    ],
)
def test_a_push_is_compared_with_where_the_branch_was(parts: dict[str, Any], base: str | None) -> None:
    """A new branch is compared with the default branch; of a new default branch everything is new."""
    trigger = push(**parts)

    assert isinstance(trigger, Trigger)
    assert trigger.base == base


def make_pull(*, repo: dict[str, int] | None, ref: str = "change") -> dict[str, Any]:
    return {
        "number": 3,
        "html_url": "https://github.com/org/ts/pull/3",
        "head": {"ref": ref, "sha": SHA, "repo": repo},
        "base": {"ref": "main", "sha": "b" * 40, "repo": {"id": 7}},
    }


@pytest.mark.parametrize("action", ["opened", "synchronize", "reopened"])
@pytest.mark.parametrize(
    "pull",
    [
        make_pull(repo={"id": 7}),
        make_pull(repo={"id": 8}),
        make_pull(repo=None),
        make_pull(repo={"id": 8}, ref="hublish/octo-ts"),
    ],
)
def test_a_pull_request_brings_its_head(action: str, pull: dict[str, Any]) -> None:
    """Whoever opened it and wherever its head is, the commit is known and compared with the base."""
    expected = Trigger(
        kind=TriggerKind.PULL_REQUEST,
        repository=REPOSITORY,
        actor="alice",
        actor_is_bot=False,
        semantic_key=f"pull-request:3:{SHA}",
        ref="3",
        ref_kind=RefKind.PULL_REQUEST,
        sha=SHA,
        base="b" * 40,
        thread=Thread(kind="issue", number=3),
        url="https://github.com/org/ts/pull/3",
        pull_request_number=3,
    )

    assert parse("pull_request", action, pull_request=pull) == expected


def test_a_pull_request_of_hublish_itself_is_ignored() -> None:
    """What it proposes to a hub needs no check."""
    pull = make_pull(repo={"id": 7}, ref="hublish/octo-ts")
    expected = Ignored(reason="the branch is hublish's own", event="pull_request", action="opened")

    assert parse("pull_request", "opened", pull_request=pull) == expected


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"ref": "refs/tags/v1"}, "only a pushed branch can start a build"),
        ({"ref": "refs/notes/x"}, "only a pushed branch can start a build"),
        ({"deleted": True}, "the branch was deleted"),
        ({"after": "0" * 40}, "the branch was deleted"),
        ({"ref": "refs/heads/hublish/org-ts"}, "the branch is hublish's own"),
        ({"ref": "refs/heads/-x"}, "the branch has no usable name"),
        ({"after": "HEAD"}, "the payload's after is not usable: String should match pattern '\\A[0-9a-f]{40}\\z'"),
    ],
)
def test_a_push_that_is_no_new_commit_of_a_branch_is_ignored(parts: dict[str, Any], reason: str) -> None:
    """Tags, notes, deletions and hublish's own branches start nothing."""
    expected = Ignored(reason=reason, event="push", action="")

    assert push(**parts) == expected


@pytest.mark.parametrize(
    ("event", "action", "reason"),
    [
        ("ping", "", "a ping needs no answer"),
        ("release", "created", "only a published release starts a build"),
        ("release", "released", "only a published release starts a build"),
        (
            "pull_request",
            "closed",
            "only an opened or reopened pull request, or new commits in one, are looked at",
        ),
        ("issues", "edited", "only an opened or reopened issue starts a build"),
        ("issues", "opened", 'the issue\'s title is not "Deliver Container Image"'),
        ("issue_comment", "created", "the comment holds no command"),
        ("issue_comment", "edited", "only a new comment can hold a command; an edited or deleted one starts nothing"),
        ("issue_comment", "deleted", "only a new comment can hold a command; an edited or deleted one starts nothing"),
        ("create", "", "hublish does not handle this event"),
        ("installation", "created", "hublish does not handle this event"),
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
    ("changes", "reason"),
    [
        ({"installation": None}, "the delivery names no installation: the webhook is not the App's own"),
        (
            {"installation": {"id": 0}},
            "the payload's installation.id is not usable: Input should be greater than or equal to 1",
        ),
        ({"sender": {}}, "the payload's sender.login is not usable: Field required"),
        (
            {"release": {**RELEASE, "id": "5"}},
            "the payload's release.id is not usable: Input should be a valid integer",
        ),
        (
            {"release": {**RELEASE, "id": 2**64}},
            "the payload's release.id is not usable: Input should be less than or equal to 9223372036854775807",
        ),
        (
            {"repository": {**BASE["repository"], "default_branch": "--x"}},
            "the payload's repository.default_branch is not usable: Value error, not the name of a branch",
        ),
    ],
)
def test_a_payload_that_cannot_be_used_is_ignored_with_the_field(changes: dict[str, Any], reason: str) -> None:
    """The reason names the first missing or wrong field, never its value."""
    expected = Ignored(reason=reason, event="release", action="published")

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
