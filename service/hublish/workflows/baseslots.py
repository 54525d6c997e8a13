"""The slot that the build of a base with packages needs: waited for like any build's, while the run that wants it is planned.

A run that is planned has no slot itself, and whoever has one for a base waits for nobody in the queue: so limits of one
build at a time hold nobody up for ever. A place in the queue belongs to whoever holds the base's name in the database; one
that is there while nobody holds the name was left by a process that died.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from hublish.builders.containers.systembase import BUILD_SECONDS
from hublish.core.queue import Ticket
from hublish.errors import DatabaseFailed, HublishError, QueueFull
from hublish.telemetry import get_logger
from hublish.workflows.services import Services

LONGEST_WAIT_SECONDS = 86_400.0 + BUILD_SECONDS
"""For another run that builds the same base: a day in the queue, and the build."""
FULL_HINT = "Wait until one of them has started."
_LOOK_SECONDS = 0.5

_log = get_logger(__name__)


def hold_base(
    services: Services, name: str, *, verify_running: Callable[[], None] = lambda: None, longest_wait_seconds: float
) -> AbstractContextManager[None]:
    """Hold the name of a base's build: no other run, of any replica, builds it meanwhile.

    Raises:
        DatabaseFailed: another one holds it for longer than it may be waited for; transient.
    """
    return services.hold(
        f"the build of {name}", longest_wait_seconds=longest_wait_seconds, verify_running=verify_running
    )


@contextmanager
def take_slot(
    services: Services, ticket: Ticket, *, log: Callable[[str], None], verify_running: Callable[[], None]
) -> Iterator[None]:
    """Wait for a slot and have it for the block; the base's name must be held.

    Args:
        services: the ports.
        ticket: of the base; its turn is found here.
        log: told that it waits.
        verify_running: asked about every second; raises when it is to stop.

    Raises:
        QueueFull: so many builds wait that this one may not.
    """
    services.queue.leave(ticket.name, time=None)  # of a process that died
    try:
        _await_slot(services, ticket, log=log, verify_running=verify_running)
        yield
    finally:
        # Where the database is away, the slot is found free as soon as the name is.
        with suppress(HublishError):
            services.queue.leave(ticket.name, time=None)


def _await_slot(
    services: Services, ticket: Ticket, *, log: Callable[[str], None], verify_running: Callable[[], None]
) -> None:
    told = False
    while True:
        found = next((known for known in services.queue.list_tickets() if known.name == ticket.name), None)
        if found is None:
            refusal = services.queue.enter(ticket, limits=services.policy.queue)
            if refusal is not None:
                raise QueueFull(refusal, hint=FULL_HINT)
        elif found.started_at is not None:
            return
        elif not told:
            told = True
            log("waits for a slot")
        verify_running()
        time.sleep(_LOOK_SECONDS)


def free_left_slot(services: Services, name: str) -> bool:
    """Take a base's ticket out of the queue if nobody builds the base any more; whether it was so."""
    try:
        with hold_base(services, name, longest_wait_seconds=0):
            services.queue.leave(name, time=None)
    except DatabaseFailed:
        return False
    _log.warning("slot found free", build=name)
    return True
