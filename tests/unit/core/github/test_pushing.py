"""Tags as `push` and `create` tell of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hublish.core.github.events import Event, Ignored, parse_event
from hublish.core.github.ports import Thread
from hublish.core.github.pushing import KEY_CHARACTERS
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.gitref import REF_LIMIT_BYTES
from hublish.core.repository import RefKind
from tests.unit.core.github.parts import BASE, REPOSITORY, SHA

OBJECT = "b" * 40
PUSHED = Trigger(
    kind=TriggerKind.TAG,
    repository=REPOSITORY,
    actor="alice",
    actor_is_bot=False,
    semantic_key=f"tag:v1.2:{OBJECT}",
    ref="v1.2",
    ref_kind=RefKind.TAG,
    sha=SHA,
    thread=Thread(kind="commit", number=0, sha=SHA),
    url="",
)
CREATED = replace(
    PUSHED,
    semantic_key="tag:v1.2:created:2026-11-21T10:00:00Z",
    sha=None,
    thread=Thread(kind="commit", number=0, sha=""),
)

ODD_NAMES = (
    "$(touch${IFS}x)",
    "`id`",
    "a: {b: c}",
    "v1\u202egnp.exe",
    "v1\nv2",
    "--upload-pack=x",
    "[a](http://b)<!-- c -->",
    "v" * 201,
)
"""Shell, YAML, Markdown, right-to-left text, options, and more than a name holds."""


def push(tag: str = "v1.2", **parts: Any) -> Event:
    payload = {
        **BASE,
        "ref": f"refs/tags/{tag}",
        "after": OBJECT,
        "deleted": False,
        "head_commit": {"id": SHA},
        **parts,
    }
    return parse_event(event="push", body=json.dumps(payload).encode())


def create(tag: str = "v1.2", *, ref_type: str = "tag", pushed_at: object = "2026-11-21T10:00:00Z") -> Event:
    repository = {**BASE["repository"], "pushed_at": pushed_at}
    payload = {**BASE, "ref": tag, "ref_type": ref_type, "repository": repository}
    return parse_event(event="create", body=json.dumps(payload).encode())


def test_a_pushed_tag_asks_for_the_commit_it_stands_for() -> None:
    """An annotated tag is an object of its own: it makes the key, its commit is what is built and answered on."""
    assert push() == PUSHED


def test_a_bot_may_push_a_tag() -> None:
    """Release tools do; GitHub checked their permission already."""
    sender = {"login": "release-tool[bot]", "type": "Bot"}

    assert push(sender=sender) == replace(PUSHED, actor="release-tool[bot]", actor_is_bot=True)


def test_a_tag_of_no_commit_names_none() -> None:
    """Git tags trees and files too; what the tag stands for is asked later."""
    assert push(head_commit=None) == replace(PUSHED, sha=None, thread=CREATED.thread)


def test_a_moved_tag_is_another_request() -> None:
    """GitHub sends a push and no `create`; its new object makes another key."""
    moved = push(after="c" * 40, created=False, forced=True)

    assert moved == replace(PUSHED, semantic_key=f"tag:v1.2:{'c' * 40}")


@pytest.mark.parametrize(
    ("pushed_at", "time"), [("2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"), (1795255200, "1795255200"), (None, "")]
)
def test_a_created_tag_names_no_commit(pushed_at: object, time: str) -> None:
    """What `create` says; the time of the push tells a tag from an earlier one of its name."""
    assert create(pushed_at=pushed_at) == replace(CREATED, semantic_key=f"tag:v1.2:created:{time}")


def test_a_created_branch_is_known_by_its_push() -> None:
    """Two deliveries, one request."""
    expected = Ignored(reason="a new branch starts a build by its push", event="create", action="")

    assert create("main", ref_type="branch") == expected


@pytest.mark.parametrize("prefix", ["refs/tags/", "refs/heads/"])
@pytest.mark.parametrize("length", [KEY_CHARACTERS, KEY_CHARACTERS + 1, REF_LIMIT_BYTES])
def test_the_longest_names_fit_the_records(prefix: str, length: int) -> None:
    """A key that the database refuses would put the delivery away without an answer; two long names stay two requests."""
    names = [f"{'v' * (length - 1)}{last}" for last in "ab"]
    triggers = [push(ref=f"{prefix}{name}") for name in names]
    keys = [f"{2**63 - 1}:{trigger.semantic_key}" for trigger in triggers if isinstance(trigger, Trigger)]

    assert len(set(keys)) == 2
    assert max(map(len, keys)) <= 255
    assert all((name in key) == (length <= KEY_CHARACTERS) for name, key in zip(names, keys, strict=True))


@pytest.mark.parametrize("tag", ODD_NAMES)
def test_an_odd_tag_is_a_name_or_a_problem(tag: str) -> None:
    """What git allows is taken as it is, and what could be an option, a line or a disguise never becomes a ref."""
    for trigger in (push(tag), create(tag)):
        assert isinstance(trigger, Trigger)
        assert (trigger.ref == tag) != (trigger.problem is not None)
        assert "\n" not in trigger.semantic_key
        assert "\u202e" not in trigger.semantic_key
        if trigger.problem is not None:
            assert trigger.ref is None
            assert trigger.problem.startswith('The pushed tag "')
            assert len(trigger.problem) < 200
            assert trigger.hint == "Push a tag such as v1.2.3."
