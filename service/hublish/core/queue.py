"""Which waiting builds start now, and when the others may: pure decisions on tickets, limits and rooms.

Every owner has one build in each round; rounds are served in order, and within a round the oldest ticket goes first. A
build that may not start yet (its owner or repository is at its limit, no engine has room) is passed over, so that no
slot stays empty for it. A hundred builds of one owner therefore hold up another one's build by one build at most.
"""

from __future__ import annotations

import heapq
import itertools
import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hublish.core.measures import render_seconds
from hublish.core.needs import Need

PLACES_LIMIT = 200
"""Tickets whose start is foreseen; further back nobody counts, and each one costs a look at all others."""
BASE_PREFIX = "base-"
"""Begins the names of builds of bases with packages, and of no image's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One build in the queue, from the first wish for it until its engine let go of it.

    Attributes:
        name: of the build.
        owner: of its source repository, in lower case.
        repo_id: its source repository.
        strategy: of its plan.
        fork: whether it builds a fork's code.
        needs: what its engine must be able to do beside its strategy.
        turn: number of the round it belongs to.
        entered_at: aware UTC.
        started_at: when it got its slot, aware UTC; None while it waits.
        replica: where it runs; while it waits the only one that may run it, "" for any.
    """

    name: str
    owner: str
    repo_id: int
    strategy: str
    fork: bool = False
    needs: tuple[Need, ...] = ()
    turn: int
    entered_at: datetime
    started_at: datetime | None = None
    replica: str = ""

    @property
    def is_base(self) -> bool:
        """Whether it is for a base with packages: the run that wants the base builds it itself, with no workflow of its own."""
        return self.name.startswith(BASE_PREFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLimits:
    """What the operator allows; None where nothing but the engines' rooms limits.

    Attributes:
        builds: at the same time, on all replicas together.
        per_owner: at the same time.
        per_repo: at the same time.
        waiting: tickets that wait, of all owners.
        waiting_per_owner: tickets that wait, of one owner.
    """

    builds: int | None = None
    per_owner: int | None = None
    per_repo: int | None = None
    waiting: int = 1000
    waiting_per_owner: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The slots of one engine on one replica.

    Attributes:
        replica: where.
        strategies: what this engine executes.
        slots: builds at the same time; None for any number.
        owners: whose builds it takes, in lower case, and then no fork's; None for everybody's.
        lacks: needs of builds that it does not take.
        wheel_owners: for whom it builds wheels, by the rule of `owners`.
    """

    replica: str
    strategies: tuple[str, ...]
    slots: int | None
    owners: tuple[str, ...] | None = None
    lacks: tuple[Need, ...] = ()
    wheel_owners: tuple[str, ...] | None = None

    def takes(self, ticket: Ticket) -> bool:
        """Whether its engine executes that build, sooner or later."""
        if ticket.strategy not in self.strategies or not _serves(self.owners, ticket):
            return False
        builds_wheels = not {Need.WHEELS, Need.TRIED_WHEELS}.isdisjoint(ticket.needs)
        return set(self.lacks).isdisjoint(ticket.needs) and (not builds_wheels or _serves(self.wheel_owners, ticket))


def _serves(owners: tuple[str, ...] | None, ticket: Ticket) -> bool:
    return owners is None or (ticket.owner in owners and not ticket.fork)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildTime:
    """How long a build of a repository took that succeeded."""

    repo_id: int
    strategy: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a ticket stands among those that wait.

    Attributes:
        position: 1 for the next one to start.
        waiting: how many wait.
        wait_seconds: until it starts, by the recent durations of what is before it; None when one of them is unknown.
    """

    position: int
    waiting: int
    wait_seconds: float | None


def make_turn(owner: str, tickets: Sequence[Ticket], *, served: int) -> int:
    """The round of an owner's new ticket: the one after its last, and never one that is over.

    Args:
        owner: whose ticket it is.
        tickets: all that wait or run.
        served: the latest round of which a build was started.
    """
    return max([served, *(ticket.turn + 1 for ticket in tickets if ticket.owner == owner)])


def find_refusal(owner: str, tickets: Sequence[Ticket], limits: QueueLimits) -> str | None:
    """Why an owner's new ticket is not taken; None when it is."""
    waiting = [ticket for ticket in tickets if ticket.started_at is None]
    own = sum(ticket.owner == owner for ticket in waiting)
    if own >= limits.waiting_per_owner:
        return f"{own} builds of {owner} wait already, and this service lets no more of one owner wait"
    if len(waiting) >= limits.waiting:
        return f"{len(waiting)} builds wait already, and this service lets no more wait"
    return None


def choose_starts(
    waiting: Sequence[Ticket], running: Sequence[Ticket], *, limits: QueueLimits, rooms: Sequence[Room]
) -> tuple[Ticket, ...]:
    """Choose the tickets that get a slot now.

    Args:
        waiting: tickets without a slot, in any order.
        running: tickets with one, on any replica.
        limits: the operator's.
        rooms: the slots to give away; a replica's in the order in which its engines are asked: only the first that takes
            a ticket counts for it, as the build ends up there.
    Returns:
        The chosen ones in the order they start, each with its replica.
    """
    usage = _Usage(running, limits=limits, rooms=rooms)
    return tuple(
        chosen for ticket in sorted(waiting, key=_find_rank) if (chosen := usage.give_slot(ticket)) is not None
    )


def _find_rank(ticket: Ticket) -> tuple[int, datetime, str]:
    return (ticket.turn, ticket.entered_at, ticket.name)


class _Usage:
    """Slots in use while they are given away."""

    def __init__(self, running: Sequence[Ticket], *, limits: QueueLimits, rooms: Sequence[Room]) -> None:
        self._limits, self._rooms = limits, rooms
        self._builds = len(running)
        self._owners = Counter(ticket.owner for ticket in running)
        self._repos = Counter(ticket.repo_id for ticket in running)
        self._used = Counter(room for ticket in running for room in self._find_rooms(ticket, ticket.replica))

    def give_slot(self, ticket: Ticket) -> Ticket | None:
        """The ticket with its replica; None when it may not start."""
        limits = self._limits
        if (
            _is_reached(limits.builds, self._builds)
            or _is_reached(limits.per_owner, self._owners[ticket.owner])
            or _is_reached(limits.per_repo, self._repos[ticket.repo_id])
        ):
            return None
        replicas = dict.fromkeys(room.replica for room in self._rooms if ticket.replica in ("", room.replica))
        rooms = (room for replica in replicas for room in self._find_rooms(ticket, replica))
        room = next((room for room in rooms if not _is_reached(room.slots, self._used[room])), None)
        if room is None:
            return None
        self._builds += 1
        self._owners[ticket.owner] += 1
        self._repos[ticket.repo_id] += 1
        self._used[room] += 1
        return replace(ticket, replica=room.replica)

    def _find_rooms(self, ticket: Ticket, replica: str) -> tuple[Room, ...]:
        """The room of a ticket on a replica, if it has one there."""
        return tuple(room for room in self._rooms if room.replica == replica and room.takes(ticket))[:1]


def _is_reached(limit: int | None, used: int) -> bool:
    return limit is not None and used >= limit


class Pace:
    """How long builds take: the median of a repository's recent ones by strategy, else of all repositories'."""

    def __init__(self, times: Sequence[BuildTime]) -> None:
        own: dict[tuple[int, str], list[float]] = {}
        every: dict[str, list[float]] = {}
        for time in times:
            own.setdefault((time.repo_id, time.strategy), []).append(time.seconds)
            every.setdefault(time.strategy, []).append(time.seconds)
        self._own = {key: statistics.median(values) for key, values in own.items()}
        self._every = {key: statistics.median(values) for key, values in every.items()}

    def find_seconds(self, ticket: Ticket) -> float:
        """Seconds that its build is expected to take; infinity when nothing like it was built before."""
        known = self._own.get((ticket.repo_id, ticket.strategy), self._every.get(ticket.strategy))
        return math.inf if known is None else known


def find_places(
    tickets: Sequence[Ticket], *, limits: QueueLimits, rooms: Sequence[Room], pace: Pace, now: datetime
) -> Mapping[str, Place]:
    """Foresee in which order and when the waiting tickets start, by playing on what happens now.

    Returns:
        Name of the build to its place; without those that no room takes, and those more than `PLACES_LIMIT` back.
    """
    running = {ticket.name: ticket for ticket in tickets if ticket.started_at is not None}
    waiting = {ticket.name: ticket for ticket in tickets if ticket.started_at is None}
    number = itertools.count()
    ends = [(_find_rest(ticket, pace, now), next(number), ticket.name) for ticket in running.values()]
    heapq.heapify(ends)
    total, clock = len(waiting), 0.0
    places: dict[str, Place] = {}
    while waiting and len(places) < PLACES_LIMIT:
        for ticket in choose_starts(tuple(waiting.values()), tuple(running.values()), limits=limits, rooms=rooms):
            wait = None if math.isinf(clock) else clock
            places[ticket.name] = Place(position=len(places) + 1, waiting=total, wait_seconds=wait)
            del waiting[ticket.name]
            running[ticket.name] = ticket
            heapq.heappush(ends, (clock + pace.find_seconds(ticket), next(number), ticket.name))
        if not ends:
            break
        clock, _, ended = heapq.heappop(ends)
        del running[ended]
    return places


def _find_rest(ticket: Ticket, pace: Pace, now: datetime) -> float:
    elapsed = 0.0 if ticket.started_at is None else (now - ticket.started_at).total_seconds()
    return max(0.0, pace.find_seconds(ticket) - elapsed)


def render_place(place: Place) -> str:
    """One sentence for people, without a full stop."""
    text = f"waits for a slot, position {place.position} of {place.waiting}"
    if place.wait_seconds is None:
        return text
    return f"{text}, expected to start in about {render_seconds(max(1, math.ceil(place.wait_seconds)))}"
