"""Installations: which repositories the App was given."""

from __future__ import annotations

import json
from typing import Any

from hublish.core.github.events import Event, Ignored, is_handled, parse_event
from hublish.core.github.installing import Installed
from hublish.core.onboarding.ports import Newcomer

TS = {"id": 7, "full_name": "octo/ts", "name": "ts", "private": False}
NEWCOMER = Newcomer(repo_id=7, installation_id=70, full_name="octo/ts")


def read(event: str, action: str, **parts: Any) -> Event:
    return parse_event(event=event, body=json.dumps({"action": action, "installation": {"id": 70}, **parts}).encode())


def test_new_installation_brings_its_repositories_once_each() -> None:
    """Also when the list names one twice."""
    expected = Installed(newcomers=(NEWCOMER,))

    assert read("installation", "created", repositories=[TS, TS]) == expected
    assert read("installation_repositories", "added", repositories_added=[TS], repositories_removed=[]) == expected


def test_installation_without_repositories_is_ignored() -> None:
    """With an empty list, and without one."""
    expected = "the App was given no repository"

    assert read("installation", "created") == Ignored(reason=expected, event="installation", action="created")
    assert read("installation_repositories", "added", repositories_added=[]) == Ignored(
        reason=expected, event="installation_repositories", action="added"
    )


def test_other_changes_of_an_installation_are_ignored() -> None:
    """What is taken away, suspended or accepted asks for nothing."""
    removed = Ignored(
        reason="only added repositories are looked at", event="installation_repositories", action="removed"
    )
    suspended = Ignored(reason="only a new installation brings repositories", event="installation", action="suspend")

    assert read("installation_repositories", "removed", repositories_added=[TS]) == removed
    assert read("installation", "suspend", repositories=[TS]) == suspended
    assert is_handled("installation", "created")
    assert not is_handled("installation", "deleted")


def test_hostile_name_is_refused() -> None:
    """A name that would lead elsewhere stops the whole delivery."""
    event = read("installation", "created", repositories=[{"id": 7, "full_name": "octo/../../x"}])

    assert isinstance(event, Ignored)
    assert event.reason.startswith("the payload's repositories.0.full_name is not usable: ")
