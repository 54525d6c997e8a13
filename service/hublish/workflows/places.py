"""Where builds wait, for people: foreseen at most once a second, however many pages and comments ask."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from hublish.core.queue import Pace, Place, QueueLimits, find_places
from hublish.core.queue_records import QueueRecords, ReplicaRecords

FRESH = timedelta(seconds=1)


def read_places(
    queue: QueueRecords, replicas: ReplicaRecords, *, limits: QueueLimits, now: datetime
) -> Mapping[str, Place]:
    """Name of each waiting build to its place; a build that is not in it runs, has ended, or waits very far back."""
    tickets = queue.list_tickets()
    if all(ticket.started_at is not None for ticket in tickets):
        return {}
    rooms = tuple(room for replica in replicas.list_replicas() for room in replica.rooms)
    return find_places(tickets, limits=limits, rooms=rooms, pace=Pace(queue.list_times()), now=now)


class Places:
    """The places of one service."""

    def __init__(
        self, queue: QueueRecords, replicas: ReplicaRecords, *, limits: QueueLimits, now: Callable[[], datetime]
    ) -> None:
        self._queue = queue
        self._replicas = replicas
        self._limits = limits
        self._now = now
        self._lock = threading.Lock()
        self._known: tuple[datetime, Mapping[str, Place]] | None = None

    def read(self) -> Mapping[str, Place]:
        """Name of each waiting build to its place, at most a second old."""
        with self._lock:
            now = self._now()
            if self._known is None or now - self._known[0] >= FRESH:
                places = read_places(self._queue, self._replicas, limits=self._limits, now=now)
                self._known = (now, places)
            return self._known[1]
