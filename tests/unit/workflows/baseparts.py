"""A queue that is fed whenever somebody looks at it, as the service's feeder does twice a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hublish.core.queue import QueueLimits, Room, Ticket
from hublish.core.queue_records import QueueRecords
from tests.unit.workflows.parts import AT, REPLICA

ROOM = Room(replica=REPLICA, strategies=("dockerfile",), slots=1)


class FedQueue:
    """QueueRecords over others, with room for one build at a time.

    Args:
        queue: the real one.
        feeds: told before each feeding; False leaves it out.
    """

    def __init__(self, queue: QueueRecords, *, feeds: Callable[[], bool] = lambda: True) -> None:
        self._queue = queue
        self._feeds = feeds
        self.seen: list[tuple[Ticket, ...]] = []

    def list_tickets(self) -> tuple[Ticket, ...]:
        if self._feeds():
            self._queue.admit(limits=QueueLimits(builds=1), rooms=(ROOM,), at=AT)
        self.seen.append(self._queue.list_tickets())
        return self.seen[-1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)
