"""Replicas watch each other: only what is dead twice is taken over, and all of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from hublish.core.queue import QueueLimits, Room, Ticket
from hublish.core.queue_records import Replica
from hublish.errors import DatabaseFailed
from hublish.workflows.replicas import Watch
from hublish.workflows.services import Services
from tests.unit.workflows.parts import AT, REPLICA, Stage

ROOMS = (Room(replica=REPLICA, strategies=("layered",), slots=1),)


@dataclass
class FakeReplicas:
    """Replicas that a test lets live and die."""

    listed: list[str] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    kept: bool = True
    joined: int = 0
    released: int = 0

    def join(self, rooms: tuple[Room, ...], *, at: datetime) -> None:
        self.joined += 1
        self.kept = True

    def keep(self, *, at: datetime) -> bool:
        return self.kept

    def list_replicas(self) -> tuple[Replica, ...]:
        return tuple(Replica(id=name, rooms=(), started_at=AT, seen_at=AT) for name in self.listed)

    @contextmanager
    def hold_dead(self, replica: str) -> Iterator[bool]:
        yield replica in self.dead

    def forget(self, replica: str) -> None:
        self.listed.remove(replica)

    def release(self) -> None:
        self.released += 1


@pytest.fixture
def replicas() -> FakeReplicas:
    return FakeReplicas(listed=[REPLICA, "b"])


@pytest.fixture
def services(stage: Stage, replicas: FakeReplicas) -> Services:
    return dataclasses.replace(stage.services, replicas=replicas)


def make_watch(services: Services, recovered: list[str]) -> Watch:
    return Watch(services, rooms=ROOMS, recover=recovered.append)


def start_build(services: Services, key: str, *, replica: str) -> str:
    """A build that runs on a replica; returns its name."""
    name = services.builds.claim_build(key, at=AT).name
    ticket = Ticket(name=name, owner="octo", repo_id=7, strategy="layered", turn=0, entered_at=AT)
    services.queue.enter(ticket, limits=QueueLimits())
    services.queue.admit(limits=QueueLimits(), rooms=(dataclasses.replace(ROOMS[0], replica=replica),), at=AT)
    return name


def test_work_of_a_dead_replica_is_taken_over_with_its_slots(services: Services, replicas: FakeReplicas) -> None:
    """At the second look: the first may have come while its owner was about to take the lock back."""
    theirs, mine = start_build(services, "a", replica="b"), start_build(services, "b", replica=REPLICA)
    recovered: list[str] = []
    watch = make_watch(services, recovered)
    looks = [watch.look()]
    replicas.dead.add("b")
    looks += [watch.look(), watch.look(), watch.look()]

    assert looks == [(), (), ("b",), ()]
    assert recovered == ["b"]
    assert replicas.listed == [REPLICA]
    assert {ticket.name: ticket.replica for ticket in services.queue.list_tickets()} == {theirs: REPLICA, mine: REPLICA}


def test_replica_that_came_back_is_left_alone(services: Services, replicas: FakeReplicas) -> None:
    """After a restart of the database each replica takes its place back; a suspicion does not outlast that."""
    recovered: list[str] = []
    watch = make_watch(services, recovered)
    for dead in ({"b"}, set[str](), {"b"}):
        replicas.dead = dead
        watch.look()

    assert recovered == []


def test_takeover_that_fails_is_tried_again(services: Services, replicas: FakeReplicas) -> None:
    """A dead replica is forgotten only when its work goes on."""
    replicas.dead.add("b")
    recovered: list[str] = []

    def recover(replica: str) -> None:
        recovered.append(replica)
        if len(recovered) == 1:
            raise DatabaseFailed("away", transient=True)

    watch = Watch(services, rooms=ROOMS, recover=recover)
    watch.look()
    with pytest.raises(DatabaseFailed, match="away"):
        watch.look()
    listed = list(replicas.listed)

    assert listed == [REPLICA, "b"]
    assert watch.look() == ("b",)
    assert recovered == ["b", "b"]


def test_place_that_was_lost_is_taken_again(services: Services, replicas: FakeReplicas) -> None:
    """A restart of the database ends the session that holds it; leaving gives it back."""
    watch = make_watch(services, [])
    watch.join()
    replicas.kept = False
    watch.look()
    watch.leave()

    assert (replicas.joined, replicas.released) == (2, 1)
