"""Missed deliveries: fetched once, in order, and no failure of GitHub loses one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from hublish.core.github.deliveries import KEPT, ListedDelivery
from hublish.errors import GitHubFailed
from hublish.workflows.missed import OVERLAP, MissedDeliveries
from tests.unit.workflows.parts import AT, Stage

LIMIT_BYTES = 100


class Scene:
    """A sweep whose clock is set by the test."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.log = stage.delivery_log
        self.now = AT
        self.woken = 0
        services = dataclasses.replace(stage.services, now=lambda: self.now)
        self.missed = MissedDeliveries(services, limit_bytes=LIMIT_BYTES, wake=self.wake)

    def wake(self) -> None:
        self.woken += 1

    def miss(self, guid: str, *, at: datetime = AT, body: bytes | None = b"{}", answered: bool = False) -> None:
        """Let GitHub list one more delivery."""
        number = len(self.log.listed) + 1
        listed = ListedDelivery(
            id=number, guid=guid, event="release", action="published", delivered_at=at, answered=answered
        )
        self.log.listed.insert(0, listed)
        if body is not None:
            self.log.payloads[number] = body

    def stored(self) -> list[tuple[str, str, bytes, int]]:
        """What is due."""
        due = self.stage.services.deliveries.list_due_deliveries(100)
        return [(delivery.guid, delivery.event, delivery.body, delivery.times) for delivery in due]


def test_missed_deliveries_are_stored_once_in_order(stage: Stage) -> None:
    """An hour of deliveries comes in the order it happened; a second look finds nothing new."""
    scene = Scene(stage)
    for minute in range(60):
        scene.miss(f"g{minute}", at=AT - timedelta(minutes=60 - minute), body=b'{"n":%d}' % minute)

    counts = [scene.missed.fetch_missed(), scene.missed.fetch_missed()]

    assert counts == [60, 0]
    assert scene.stored() == [(f"g{minute}", "release", b'{"n":%d}' % minute, 1) for minute in range(60)]
    assert (scene.woken, len(scene.log.fetched)) == (60, 60)


def test_later_looks_go_back_to_the_last_complete_one(stage: Stage) -> None:
    """The first covers all that GitHub keeps, those after it an hour more than the time since."""
    scene = Scene(stage)
    scene.missed.fetch_missed()
    scene.now += timedelta(minutes=5)
    scene.missed.fetch_missed()

    assert scene.log.since == [AT - KEPT, AT - OVERLAP]


def test_failure_of_github_repeats_the_look(stage: Stage) -> None:
    """What it does not give now stands before no newer one, and comes by the next look, which goes back as far."""
    scene = Scene(stage)
    scene.miss("a")
    scene.miss("b")
    scene.log.error = GitHubFailed("away", transient=True)

    counts = [scene.missed.fetch_missed(), scene.missed.fetch_missed(), scene.missed.fetch_missed()]

    assert counts == [1, 1, 0]
    assert scene.stored() == [("b", "release", b"{}", 1), ("a", "release", b"{}", 1)]
    assert scene.log.since == [AT - KEPT, AT - KEPT, AT - OVERLAP]


def test_delivery_that_is_lost_stands_in_nobodys_way(stage: Stage) -> None:
    """Gone, refused or too large: it is logged and left, and the others come."""
    scene = Scene(stage)
    scene.miss("refused")
    scene.miss("gone", body=None)
    scene.miss("large", body=b"x" * (LIMIT_BYTES + 1))
    scene.miss("well")
    scene.log.error = GitHubFailed("refused", status=422)

    assert scene.missed.fetch_missed() == 1
    assert scene.stored() == [("well", "release", b"{}", 1)]


def test_webhook_that_comes_after_all_is_the_same_delivery(stage: Stage) -> None:
    """A person redelivers what was fetched already: one row, with the signed bytes."""
    scene = Scene(stage)
    scene.miss("a")
    scene.missed.fetch_missed()

    fresh = stage.services.deliveries.insert_delivery(guid="a", event="release", body=b"{ }", at=AT)

    assert fresh is False
    assert scene.stored() == [("a", "release", b"{ }", 2)]


def test_only_one_replica_looks(stage: Stage) -> None:
    """While another one has the duty, GitHub is not asked."""

    @contextmanager
    def hold_duty(_name: str) -> Iterator[bool]:
        yield False

    services = dataclasses.replace(stage.services, hold_duty=hold_duty)
    count = MissedDeliveries(services, limit_bytes=LIMIT_BYTES, wake=lambda: None).fetch_missed()

    assert (count, stage.delivery_log.since) == (0, [])


def test_stopped_sweep_ends_between_two_deliveries(stage: Stage) -> None:
    """What is left comes at the next start."""
    scene = Scene(stage)
    scene.miss("a")
    scene.missed.stop()

    assert scene.missed.fetch_missed() == 0
    assert scene.stored() == []
