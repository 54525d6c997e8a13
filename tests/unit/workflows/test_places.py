"""Places in the queue, for people: of all replicas together, and not anew for everybody who asks."""

from __future__ import annotations

from datetime import datetime, timedelta

from hublish.core.queue import Place, QueueLimits, Room, Ticket
from hublish.workflows.places import Places
from tests.unit.workflows.parts import AT, REPLICA, Stage

ROOM = Room(replica=REPLICA, strategies=("layered",), slots=1)


def enter(stage: Stage, key: str) -> str:
    name = stage.builds.claim_build(key, at=AT).name
    ticket = Ticket(name=name, owner="octo", repo_id=7, strategy="layered", turn=0, entered_at=AT)
    assert stage.queue.enter(ticket, limits=QueueLimits()) is None
    return name


def test_places_count_what_waits_for_the_replicas_rooms(stage: Stage) -> None:
    """A build that runs has none; without a replica nobody knows."""
    nobody = Places(stage.queue, stage.replicas, limits=QueueLimits(), now=lambda: AT)
    enter(stage, "a")
    empty = nobody.read()
    stage.replicas.join((ROOM,), at=AT)
    stage.queue.admit(limits=QueueLimits(), rooms=(ROOM,), at=AT)
    waiting = enter(stage, "b")
    places = Places(stage.queue, stage.replicas, limits=QueueLimits(), now=lambda: AT).read()
    stage.replicas.release()

    assert empty == {}
    assert places == {waiting: Place(position=1, waiting=1, wait_seconds=None)}


def test_places_are_found_anew_after_a_second(stage: Stage) -> None:
    """However many pages and comments ask."""
    clock = [AT]

    def now() -> datetime:
        return clock[0]

    stage.replicas.join((ROOM,), at=AT)
    places = Places(stage.queue, stage.replicas, limits=QueueLimits(), now=now)
    seen = [len(places.read())]
    enter(stage, "a")
    seen.append(len(places.read()))
    clock[0] += timedelta(seconds=1)
    seen.append(len(places.read()))
    stage.replicas.release()

    assert seen == [0, 0, 1]
