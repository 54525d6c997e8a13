"""Webhook events: what each delivery asks for, and why the others ask for nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hublish.core.github.build_issue import USAGE
from hublish.core.github.commands import CommandName
from hublish.core.github.events import Event, Ignored, Listener, find_former_key, parse_event
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.repository import RefKind
from tests.unit.core.github.parts import BASE, COMMENT, ISSUE, QUESTION, RELEASE, REPOSITORY, parse

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
    addressed=False,
    repository=REPOSITORY,
    actor="alice",
    actor_is_bot=False,
    semantic_key="comment:13",
    ref="main",
    ref_kind=RefKind.BRANCH,
    thread=Thread(kind="issue", number=3, comment_id=13),
    url="https://github.com/org/ts/issues/3#issuecomment-13",
)


def hear(event: str, payload: dict[str, Any]) -> Event:
    """What a bot called hublish makes of a delivery; it hears renovate, and somebody listed itself."""
    listener = Listener(app="hublish", bots=frozenset({"renovate[bot]", "hublish[bot]"}))
    return parse_event(event=event, body=json.dumps(payload).encode(), listener=listener)


def test_a_published_release_asks_for_its_tag() -> None:
    """The release's tag is built; the key names id, time of publishing and tag."""
    assert parse("release", "published", release=RELEASE) == RELEASED


def test_a_full_release_is_the_same_request_however_it_is_told() -> None:
    """GitHub tells of it twice when it is published; of a pre-release that becomes one by the second word alone."""
    assert parse("release", "released", release=RELEASE) == RELEASED


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


@pytest.mark.parametrize("tag", ["v1.2", "--exec=x"])
def test_a_release_had_a_key_without_the_date_of_its_commit(tag: str) -> None:
    """What a version before this one took up is found by it; without a date nothing has changed."""
    dated = parse("release", "published", release={**RELEASE, "tag_name": tag, "created_at": "2026-11-20T09:00:00Z"})
    undated = parse("release", "published", release={**RELEASE, "tag_name": tag})

    assert isinstance(dated, Trigger)
    assert isinstance(undated, Trigger)
    assert dated.semantic_key == f"{undated.semantic_key}:2026-11-20T09:00:00Z"
    assert (find_former_key(dated), find_former_key(undated)) == (undated.semantic_key, None)


@pytest.mark.parametrize("action", ["opened", "reopened"])
def test_a_build_issue_asks_for_its_tag(action: str) -> None:
    """Opening and reopening are two requests, told apart by the key."""
    expected = replace(OPENED, semantic_key=f"issue:11:{action}:2026-11-21T10:00:00Z")

    assert parse("issues", action, issue=ISSUE) == expected


def test_a_build_issue_without_a_tag_carries_the_problem() -> None:
    """The answer can say what to write."""
    hint = f"{USAGE}, then close and reopen it."
    expected = replace(OPENED, ref=None, problem="The issue has no line that starts with `Tag:`.", hint=hint)

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
        (
            QUESTION,
            "/deploy ts demo",
            {"command": CommandName.DEPLOY, "ref": None, "ref_kind": None, "images": ("ts",), "hub": "demo"},
        ),
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
        (
            PULL_REQUEST,
            "/ok-to-build 0123ABCD",
            {
                "command": CommandName.OK_TO_BUILD,
                "ref": "3",
                "ref_kind": RefKind.PULL_REQUEST,
                "pull_request_number": 3,
                "approved_sha": "0123abcd",
            },
        ),
        (
            QUESTION,
            "/ok-to-build 0123abcd",
            {
                "command": CommandName.OK_TO_BUILD,
                "ref": None,
                "ref_kind": None,
                "problem": "`/ok-to-build` is about a pull request, and this is none.",
                "hint": "Comment it on the pull request whose head is to be built.",
            },
        ),
        (QUESTION, "/lock", {"command": CommandName.LOCK, "ref": "main", "ref_kind": RefKind.BRANCH}),
        (
            PULL_REQUEST,
            "/lock dev/next",
            {"command": CommandName.LOCK, "ref": "dev/next", "ref_kind": RefKind.BRANCH, "pull_request_number": 3},
        ),
        (QUESTION, "/status", {"command": CommandName.STATUS, "ref": None, "ref_kind": None}),
        (QUESTION, "@hublish help", {"command": CommandName.HELP, "ref": None, "ref_kind": None, "addressed": True}),
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
