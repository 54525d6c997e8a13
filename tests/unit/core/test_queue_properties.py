"""The queue's promises, whatever comes and ends in whatever order."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hublish.core.queue import QueueLimits, Room, Ticket, choose_starts, make_turn
from tests.unit.core.test_queue import AT, FREE, ROOM, make_ticket

OPERATION = st.one_of(
    st.tuples(st.just("enter"), st.integers(0, 3), st.integers(0, 2)),
    st.tuples(st.just("end"), st.integers(0, 9), st.just(0)),
)
LIMIT = st.one_of(st.none(), st.integers(1, 3))
LIMITS = st.builds(QueueLimits, builds=LIMIT, per_owner=LIMIT, per_repo=LIMIT)


class House:
    """A queue as the service runs it: decided after every change, with every promise checked each time."""

    def __init__(self, limits: QueueLimits, rooms: tuple[Room, ...]) -> None:
        self.limits, self.rooms = limits, rooms
        self.waiting: list[Ticket] = []
        self.running: list[Ticket] = []
        self.started: list[Ticket] = []
        self.served = 0
        self.entered = 0

    def enter(self, owner: int, repo: int) -> None:
        self.entered += 1
        name = f"owner{owner}"
        turn = make_turn(name, [*self.waiting, *self.running], served=self.served)
        ticket = make_ticket(f"t{self.entered}", owner=name, repo_id=owner * 10 + repo, turn=turn, second=self.entered)
        self.waiting.append(ticket)
        self.decide()

    def end(self, index: int) -> None:
        if self.running:
            del self.running[index % len(self.running)]
        self.decide()

    def decide(self) -> None:
        for ticket in choose_starts(self.waiting, self.running, limits=self.limits, rooms=self.rooms):
            self.waiting = [other for other in self.waiting if other.name != ticket.name]
            self.running.append(replace(ticket, started_at=AT))
            self.started.append(ticket)
            self.served = max(self.served, ticket.turn)
        self.check()

    def check(self) -> None:
        limits = self.limits
        for limit, keys in (
            (limits.builds, ["all"] * len(self.running)),
            (limits.per_owner, [ticket.owner for ticket in self.running]),
            (limits.per_repo, [str(ticket.repo_id) for ticket in self.running]),
            (self.rooms[0].slots, [ticket.replica for ticket in self.running]),
        ):
            assert limit is None or all(keys.count(key) <= limit for key in keys)
        for ticket in self.waiting:
            # Work-conserving: whatever waits could not start even if it were alone.
            assert choose_starts([ticket], self.running, limits=limits, rooms=self.rooms) == ()


@given(limits=LIMITS, slots=st.one_of(st.none(), st.integers(1, 3)), operations=st.lists(OPERATION, max_size=40))
def test_limits_hold_no_slot_stays_empty_and_everything_starts(
    limits: QueueLimits, slots: int | None, operations: list[tuple[str, int, int]]
) -> None:
    """Whatever comes and ends in whatever order: limits are never exceeded, nobody starves, each starts once."""
    house = House(limits, (Room(replica="a", strategies=("layered",), slots=slots),))
    for kind, first, second in operations:
        house.enter(first, second) if kind == "enter" else house.end(first)
    while house.running:
        house.end(0)

    assert house.waiting == []
    assert sorted(ticket.name for ticket in house.started) == sorted(f"t{n + 1}" for n in range(house.entered))


@given(operations=st.lists(OPERATION, max_size=60))
def test_one_owner_is_never_before_another_twice(operations: list[tuple[str, int, int]]) -> None:
    """An owner whose only build waits sees at most one further build of each other owner start before it."""
    house = House(FREE, (ROOM,))
    alone: dict[str, int] = {}
    for kind, first, second in operations:
        before = {ticket.owner for ticket in (*house.waiting, *house.running)}
        house.enter(first, second) if kind == "enter" else house.end(first)
        if kind == "enter" and f"owner{first}" not in before:
            alone[f"t{house.entered}"] = len(house.started)
    while house.running:
        house.end(0)
    names = [ticket.name for ticket in house.started]

    for name, since in alone.items():
        others = [ticket.owner for ticket in house.started[since : names.index(name)]]
        assert len(others) == len(set(others))


@given(operations=st.lists(OPERATION, max_size=40))
def test_oldest_of_an_owner_starts_first(operations: list[tuple[str, int, int]]) -> None:
    """With no limit but the slots, an owner's builds start in the order they came."""
    house = House(FREE, (ROOM,))
    for kind, first, second in operations:
        house.enter(first, second) if kind == "enter" else house.end(first)
    while house.running:
        house.end(0)

    for owner in {ticket.owner for ticket in house.started}:
        numbers = [int(ticket.name[1:]) for ticket in house.started if ticket.owner == owner]
        assert numbers == sorted(numbers)
