"""Pushes and pull requests as deliveries tell of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hublish.core.github.commands import CommandName
from hublish.core.github.events import Event, Ignored, parse_event
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.repository import RefKind
from tests.unit.core.github.parts import BASE, REPOSITORY, SHA, parse


def push(**parts: Any) -> Event:
    payload = {**BASE, "ref": "refs/heads/main", "after": SHA, "deleted": False, **parts}
    return parse_event(event="push", body=json.dumps(payload).encode())


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


@pytest.mark.parametrize(("updated_at", "told"), [("2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z"), (None, SHA)])
def test_closed_pull_request_stops_what_is_built_for_it(updated_at: str | None, told: str) -> None:
    """Each time it is closed; no commit of it is looked at any more."""
    pull = {**make_pull(repo=None), "updated_at": updated_at}
    closed = parse("pull_request", "closed", pull_request=pull)

    assert isinstance(closed, Trigger)
    assert closed.semantic_key == f"pull-request-closed:3:{told}"
    assert (closed.command, closed.ref, closed.sha, closed.checked_sha) == (CommandName.CANCEL, "3", None, None)


@pytest.mark.parametrize("action", ["opened", "closed"])
def test_a_pull_request_of_hublish_itself_is_ignored(action: str) -> None:
    """What it proposes to a hub needs no check."""
    pull = make_pull(repo={"id": 7}, ref="hublish/octo-ts")
    expected = Ignored(reason="the branch is hublish's own", event="pull_request", action=action)

    assert parse("pull_request", action, pull_request=pull) == expected


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"ref": "refs/tags/v1", "deleted": True}, "the tag was deleted"),
        ({"ref": "refs/tags/v1", "after": "0" * 40}, "the tag was deleted"),
        ({"ref": "refs/notes/x"}, "only a pushed branch or tag can start a build"),
        ({"deleted": True}, "the branch was deleted"),
        ({"after": "0" * 40}, "the branch was deleted"),
        ({"ref": "refs/heads/hublish/org-ts"}, "the branch is hublish's own"),
        ({"ref": "refs/heads/-x"}, "the branch has no usable name"),
    ],
)
def test_a_push_that_is_no_new_commit_of_a_branch_is_ignored(parts: dict[str, Any], reason: str) -> None:
    """Notes, deletions and hublish's own branches start nothing."""
    expected = Ignored(reason=reason, event="push", action="")

    assert push(**parts) == expected


def test_a_push_to_what_is_no_commit_is_ignored_with_the_field() -> None:
    """A commit is forty digits."""
    reason = r"the payload's after is not usable: String should match pattern '\A[0-9a-f]{40}\z'"

    assert push(after="HEAD") == Ignored(reason=reason, event="push", action="", fault=("after",))
