"""Presses on check runs: the command each stands for, and whose check runs are meant."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hublish.core.github.commands import CommandName
from hublish.core.github.events import Event, Ignored, parse_event
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from tests.unit.core.github.parts import BASE, REPOSITORY, SHA

RUN_ID = "0123456789abcdef" * 2
CHECK_RUN = {"id": 21, "head_sha": SHA, "external_id": f"{RUN_ID}/ts"}
PRESSED = Trigger(
    kind=TriggerKind.CHECK,
    repository=REPOSITORY,
    actor="alice",
    actor_is_bot=False,
    semantic_key="check:21:retry:alice",
    ref=None,
    ref_kind=None,
    thread=Thread(kind="commit", number=0, sha=SHA),
    url="",
    command=CommandName.RETRY,
    target=RUN_ID,
)


def press(event: str, action: str, **parts: Any) -> Event:
    return parse_event(event=event, body=json.dumps({**BASE, "action": action, **parts}).encode())


@pytest.mark.parametrize(
    ("identifier", "command"),
    [("retry", CommandName.RETRY), ("cancel", CommandName.CANCEL), ("open-pull-request", CommandName.RETRY)],
)
def test_button_asks_for_its_command(identifier: str, command: CommandName) -> None:
    """For the run that its check run belongs to."""
    expected = replace(PRESSED, command=command, semantic_key=f"check:21:{identifier}:alice")
    action = {"identifier": identifier}

    assert press("check_run", "requested_action", check_run=CHECK_RUN, requested_action=action) == expected


def test_re_run_of_a_check_run_takes_its_run_up_again() -> None:
    """GitHub's own button is there without our doing."""
    expected = replace(PRESSED, semantic_key="check:21:rerun:alice")

    assert press("check_run", "rerequested", check_run=CHECK_RUN) == expected


def test_re_run_of_all_means_the_commit() -> None:
    """No single check run is named: the last build of the commit is looked for."""
    expected = replace(PRESSED, semantic_key="suite:31:alice", target=None)

    assert press("check_suite", "rerequested", check_suite={"id": 31, "head_sha": SHA}) == expected


def test_re_run_of_the_config_check_means_that_check_alone() -> None:
    """It belongs to no run: its commit says what is checked."""
    check_run = {**CHECK_RUN, "external_id": f"config/{SHA}"}
    expected = replace(PRESSED, semantic_key="check:21:config:alice", command=None, target=None)

    assert press("check_run", "rerequested", check_run=check_run) == expected
    assert (expected.checked_sha, expected.only_checks, expected.builds) == (SHA, True, False)


@pytest.mark.parametrize(
    "external_id", [None, "", "config/", "config/" + "b" * 40, "../etc/x", RUN_ID, f"{RUN_ID.upper()}/ts"]
)
def test_check_run_that_is_no_build_of_ours_is_ignored(external_id: str | None) -> None:
    """Whatever another App, or another check of ours, wrote as its id."""
    check_run = {**CHECK_RUN, "external_id": external_id}
    expected = Ignored(reason="the check run is of no build of hublish", event="check_run", action="rerequested")

    assert press("check_run", "rerequested", check_run=check_run) == expected


def test_config_check_has_no_buttons() -> None:
    """A button that it never had asks for nothing."""
    check_run = {**CHECK_RUN, "external_id": f"config/{SHA}"}
    event = press("check_run", "requested_action", check_run=check_run, requested_action={"identifier": "retry"})

    assert event == Ignored(
        reason="the check run is of no build of hublish", event="check_run", action="requested_action"
    )


def test_button_that_is_none_of_ours_is_ignored() -> None:
    """An identifier is foreign text like any other."""
    action = {"identifier": "lgtm\x1b[31m" + "x" * 100}
    event = press("check_run", "requested_action", check_run=CHECK_RUN, requested_action=action)

    assert isinstance(event, Ignored)
    assert event.reason == "hublish has no button lgtm [31m" + "x" * 22 + "…"


@pytest.mark.parametrize(("event", "part"), [("check_run", "check_run"), ("check_suite", "check_suite")])
def test_bot_presses_no_button(event: str, part: str) -> None:
    """As everywhere: only people, and bots that the operator lists."""
    body = {part: CHECK_RUN, "sender": {"login": "other[bot]", "type": "Bot"}}

    assert press(event, "rerequested", **body) == Ignored(
        reason="the sender's type is Bot; only people start builds here", event=event, action="rerequested"
    )


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("check_run", "only a pressed button or a re-run of a check run asks for something"),
        ("check_suite", "only a re-run of all check runs asks for something"),
    ],
)
def test_other_news_of_checks_is_ignored(event: str, reason: str) -> None:
    """Our own check runs come back as news."""
    assert press(event, "completed") == Ignored(reason=reason, event=event, action="completed")
