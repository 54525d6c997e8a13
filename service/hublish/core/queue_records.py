"""What is remembered of the queue and of the replicas that empty it; the ports through which it is done.

One decider at a time: a call that decides sees all tickets and is alone with them, among all replicas.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hublish.core.queue import BuildTime, QueueLimits, Room, Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One process of the service.

    Attributes:
        id: its stable name.
        rooms: the slots of its engines.
        started_at: aware UTC.
        seen_at: when it last said that it lives, aware UTC.
    """

    id: str
    rooms: tuple[Room, ...]
    started_at: datetime
    seen_at: datetime


class QueueRecords(Protocol):
    """The queue before the engines."""

    def enter(self, ticket: Ticket, *, limits: QueueLimits) -> str | None:
        """Let a build wait; one that waits, runs or has ended is left as it is. A base's has no record to have ended in.

        Args:
            ticket: its `turn` is found here.
            limits: the operator's.
        Returns:
            Why it may not wait; None when it does.
        """

    def admit(self, *, limits: QueueLimits, rooms: Sequence[Room], at: datetime) -> tuple[Ticket, ...]:
        """Give slots to waiting builds, whose time begins with that; returns those that got one, in order."""

    def leave(self, name: str, *, time: BuildTime | None) -> None:
        """Free the slot of a build whose engine let go of it; `time` is what it took when it succeeded."""

    def list_tickets(self) -> tuple[Ticket, ...]:
        """All tickets, those that run and those that wait."""

    def list_times(self) -> tuple[BuildTime, ...]:
        """The durations of recent builds, of each repository and strategy some."""

    def move_tickets(self, names: Sequence[str], *, target: str) -> None:
        """Say that running builds run on another replica now."""


class ReplicaRecords(Protocol):
    """Who is alive, told by locks that end with their process."""

    def join(self, rooms: tuple[Room, ...], *, at: datetime) -> None:
        """Take this replica's place; DatabaseFailed when another process holds it."""

    def keep(self, *, at: datetime) -> bool:
        """Say that this replica lives; False when its place is lost for now (it is taken back when it is free)."""

    def list_replicas(self) -> tuple[Replica, ...]:
        """All replicas that joined and were not found dead."""

    def hold_dead(self, replica: str) -> AbstractContextManager[bool]:
        """True for the block when that replica is dead and nobody else is taking over from it."""

    def forget(self, replica: str) -> None:
        """Take a dead replica off the list."""

    def release(self) -> None:
        """Give this replica's place back. Its row stays: what it left undone is somebody else's then."""
