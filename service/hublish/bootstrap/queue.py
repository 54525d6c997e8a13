"""The queue and the replicas as the settings want them."""

from __future__ import annotations

import socket

from hublish.core.plan import Strategy
from hublish.core.queue import QueueLimits, Room
from hublish.settings import Settings

SQLITE_REPLICA = "local"
"""SQLite serves one process, whose name must not change with the machine it runs on."""


def make_queue_limits(settings: Settings) -> QueueLimits:
    """The operator's limits."""
    return QueueLimits(**settings.limits.queue.model_dump())


def make_replica_name(settings: Settings) -> str:
    """How this process is called among those that share the database."""
    if settings.executor_id is not None:
        return settings.executor_id
    return SQLITE_REPLICA if settings.database.startswith("sqlite") else socket.gethostname()


def make_rooms(settings: Settings) -> tuple[Room, ...]:
    """The slots of this replica's engines: every strategy that an engine executes has to be in one of them."""
    replica = make_replica_name(settings)
    local = Room(replica=replica, strategies=(Strategy.LAYERED.value,), slots=settings.engines.local.slots)
    return (local,)
