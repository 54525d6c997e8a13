"""A run while its builds wait: it hears of the end, and people hear where it stands, seldom and in one comment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from hublish.core.building import BuildSucceeded
from hublish.core.cancels import Cancel
from hublish.core.queue import Place
from hublish.errors import DatabaseFailed, GitHubFailed
from hublish.workflows import waiting
from hublish.workflows.answer import Answering
from hublish.workflows.places import Places
from hublish.workflows.waiting import TELL_EVERY_SECONDS, Waiting
from tests.unit.workflows.parts import AT, RUN_ID, Stage
from tests.unit.workflows.test_answer import COMMIT, PREPARED, PROGRESS, make_answer

SUCCEEDED = BuildSucceeded(digest=f"sha256:{'0' * 64}", size_bytes=1, layers=(), uploaded_bytes=1, packages=())
SECOND = Place(position=2, waiting=2, wait_seconds=60)
FIRST = Place(position=1, waiting=1, wait_seconds=30)


class Play:
    """A run with one build, whose places and end come look by look; each look takes so many seconds."""

    def __init__(self, stage: Stage, *, seconds: float = 3.0) -> None:
        self.stage = stage
        self.seconds = seconds
        self.time = 0.0
        self.looks: list[Callable[[], Mapping[str, Place]]] = []
        self.bodies: list[str] = []
        stage.receive()
        self.name = stage.services.builds.claim_build("k" * 24, at=AT).name
        stage.services.steps.ensure_link(RUN_ID, self.name, "ts")

    def read(self) -> Mapping[str, Place]:
        """What `Places` would say at this look; after the last one the build ends."""
        self.note()
        self.time += self.seconds
        look = self.looks.pop(0)
        if not self.looks:
            self.stage.services.builds.finish_build(self.name, SUCCEEDED, at=AT)
        return look()

    def note(self) -> None:
        """Keep the comment as it stands, when it changed."""
        body = self.stage.conversation.comments.get((COMMIT, PROGRESS))
        if body is not None and body not in self.bodies:
            self.bodies.append(body)

    def run(self, *looks: Callable[[], Mapping[str, Place]]) -> list[str]:
        """Play the looks; returns the bodies of the progress comment."""
        self.looks = list(looks)
        places = cast(Places, self)
        play = Waiting(self.stage.services, Answering(self.stage.services), places, clock=lambda: self.time)
        asyncio.run(play.wait(RUN_ID, make_answer(), PREPARED, (self.name,)))
        self.note()
        return self.bodies


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0)
    monkeypatch.setattr(waiting, "WAITING_POLL_SECONDS", 0)


@pytest.fixture
def play(stage: Stage) -> Play:
    return Play(stage)


def at(play: Play, place: Place | None) -> Callable[[], Mapping[str, Place]]:
    return lambda: {} if place is None else {play.name: place}


def raise_error(error: Exception) -> Callable[[], Mapping[str, Place]]:
    def look() -> Any:
        raise error

    return look


def test_place_is_told_in_the_progress_comment_and_the_begin_too(play: Play) -> None:
    """One comment: waiting, then building."""
    waits, builds = play.run(at(play, SECOND), at(play, None), at(play, None))

    assert waits.startswith("**Waiting to build** `v1`")
    assert "ts waits for a slot, position 2 of 2, expected to start in about 1 min 0 s." in waits
    assert builds.startswith("**Building** `v1`")
    assert "slot" not in builds


def test_short_wait_is_not_told(stage: Stage) -> None:
    """It is over before anybody reads of it."""
    play = Play(stage, seconds=0.1)

    assert play.run(at(play, FIRST), at(play, None)) == []


def test_place_is_told_anew_once_a_minute_at_most(play: Play) -> None:
    """All runs that wait write to the same GitHub."""
    looks = int(TELL_EVERY_SECONDS / play.seconds) + 3
    bodies = play.run(at(play, SECOND), *[at(play, FIRST)] * looks)

    assert ["position 2 of 2" in body for body in bodies] == [True, False]
    assert "position 1 of 1" in bodies[1]


def test_database_that_is_away_is_waited_for(play: Play) -> None:
    """The builds go on in the meantime."""
    bodies = play.run(raise_error(DatabaseFailed("away", transient=True)), at(play, SECOND), at(play, None))

    assert len(bodies) == 2


def test_fault_that_stays_ends_the_wait(play: Play) -> None:
    """It becomes the run's answer."""
    with pytest.raises(DatabaseFailed, match="no such table"):
        play.run(raise_error(DatabaseFailed("no such table")), at(play, None))


def test_github_that_refuses_a_courtesy_changes_nothing(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says the same."""

    def refuse(*_arguments: object, **_named: object) -> None:
        raise GitHubFailed("away", transient=False)

    monkeypatch.setattr(play.stage.services.conversation, "ensure_comment", refuse)

    assert play.run(at(play, SECOND), at(play, None)) == []


def test_cancelled_run_waits_no_longer(play: Play) -> None:
    """Its builds may go on for others; it has its answer to give."""
    play.stage.services.cancels.request_cancel(Cancel(run_id=RUN_ID, by="c1", actor="octocat"), at=AT)

    assert play.run() == []
