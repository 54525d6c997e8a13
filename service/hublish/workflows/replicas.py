"""Replicas watch each other: each says that it lives, and who finds one dead lets its work go on.

A lock that is free once may be one that its owner is about to take back, after the database was restarted; it has to be
free at two looks. What the owner was doing is fenced by the workflow engine: it stops at its next step.
"""

from __future__ import annotations

from collections.abc import Callable

from hublish.core.queue import Room
from hublish.telemetry import get_logger
from hublish.workflows.services import Services

WATCH_SECONDS = 1.0

_log = get_logger(__name__)


class Watch:
    """Keeps the place of this replica and takes over from dead ones."""

    def __init__(self, services: Services, *, rooms: tuple[Room, ...], recover: Callable[[str], None]) -> None:
        """Nothing starts here.

        Args:
            services: the ports.
            rooms: the slots of this replica's engines.
            recover: lets the workflows of a dead replica go on.
        """
        self._services = services
        self._rooms = rooms
        self._recover = recover
        self._suspects: set[str] = set()

    def join(self) -> None:
        """Take this replica's place; before anything is launched, or its work would be taken for a dead one's.

        Raises:
            DatabaseFailed: another process has it.
        """
        self._services.replicas.join(self._rooms, at=self._services.now())

    def look(self) -> tuple[str, ...]:
        """Say that this replica lives, look at the others; returns those whose work was taken over."""
        services = self._services
        if not services.replicas.keep(at=services.now()):
            _log.error("place lost; it is taken again", replica=services.replica)
            self.join()
        others = [replica.id for replica in services.replicas.list_replicas() if replica.id != services.replica]
        return tuple(replica for replica in others if self._take_over(replica))

    def leave(self) -> None:
        """Give the place back: whoever is left goes on with what was not finished."""
        self._services.replicas.release()

    def _take_over(self, replica: str) -> bool:
        services = self._services
        with services.replicas.hold_dead(replica) as dead:
            if not dead:
                self._suspects.discard(replica)
                return False
            if replica not in self._suspects:
                self._suspects.add(replica)
                return False
            mine = tuple(ticket.name for ticket in services.queue.list_tickets() if ticket.replica == replica)
            services.queue.move_tickets(mine, target=services.replica)
            self._recover(replica)
            services.replicas.forget(replica)
        self._suspects.discard(replica)
        _log.warning("took over from a dead replica", dead=replica, builds=len(mine), replica=services.replica)
        return True
