"""The queue and the replicas as the settings want them."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from hublish.core.needs import Need
from hublish.core.plan import Strategy
from hublish.core.queue import QueueLimits, Room
from hublish.enginesettings import EngineName
from hublish.settings import Settings

_EVERY = tuple(strategy.value for strategy in Strategy)
_LAYERED = (Strategy.LAYERED.value,)
_CONTAINERS = (Strategy.SOURCE.value, Strategy.DOCKERFILE.value)
# Pods hand wheels over by the image's own repository.
_LACKS: Mapping[EngineName, tuple[Need, ...]] = {"docker": (Need.BUILDKIT,), "tekton": (Need.TRIED_WHEELS,)}
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
    """The slots of this replica's engines, in the order in which they are asked."""
    replica = make_replica_name(settings)
    rooms = []
    for name in settings.engines.use:
        engine = getattr(settings.engines, name)  # each has the block of its name
        owners = getattr(engine, "owners", None)
        rooms.append(
            Room(
                replica=replica,
                strategies=_find_strategies(name, settings),
                slots=engine.slots,
                owners=None if owners is None else tuple(owner.lower() for owner in owners),
                lacks=_LACKS.get(name, ()),
                wheel_owners=_find_wheel_owners(name, settings),
            )
        )
    # What no engine takes does not wait for one: it starts and ends with the reason.
    return (*rooms, Room(replica=replica, strategies=_EVERY, slots=None))


def _find_strategies(name: EngineName, settings: Settings) -> tuple[str, ...]:
    match name:
        case "local":
            return _LAYERED
        case "docker" | "buildah":
            return _CONTAINERS
        case "tekton":
            images = settings.engines.tekton
            return (*(() if images.image is None else _LAYERED), *(() if images.build_image is None else _CONTAINERS))


def _find_wheel_owners(name: EngineName, settings: Settings) -> tuple[str, ...] | None:
    """For whom an engine builds wheels, as `Room.wheel_owners`: `local` for those whom a container engine beside it serves."""
    chosen = settings.engines
    if name == "tekton":
        return () if chosen.tekton.build_image is None else None
    if name != "local" or "docker" in chosen.use:
        return None
    return tuple(owner.lower() for owner in chosen.buildah.owners) if "buildah" in chosen.use else ()
