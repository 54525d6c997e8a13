"""The queue at work: builds enter it, get a slot, and give it back when their engine has let go of them.

Every replica feeds its own engines; which build is next is decided for all of them in one place, `core.queue`. A slot is
never given back by what the workflow engine says alone: a cancelled workflow's build runs on for a while.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hublish.core.building import BuildOutcome, BuildRequest, BuildStopped, BuildSucceeded, Step
from hublish.core.codec import parse_value
from hublish.core.needs import find_needs
from hublish.core.plan import Trust
from hublish.core.queue import BuildTime, Room, Ticket
from hublish.core.records import Build
from hublish.telemetry import get_logger
from hublish.workflows.baseslots import FULL_HINT, free_left_slot
from hublish.workflows.services import Services

FEED_SECONDS = 0.5
CHECK_EVERY = 10
"""Looks between two searches for slots that nobody gave back: five seconds."""
ENDED_STATES = frozenset({"SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})
"""States of the workflow engine in which a build's workflow does nothing any more."""

_log = get_logger(__name__)


def enter_queue(services: Services, build: Build) -> None:
    """Let a build wait for a slot; one that another run wants already is joined, and an ended one needs none.

    Where the queue is full the build ends with that: whoever wants it is told, and the next one may try again.
    """
    if build.outcome is not None:
        return
    request = _read_request(services, build.key)
    if request is None or request.repository is None:
        return  # the build says so itself, better than a queue could
    ticket = Ticket(
        name=build.name,
        owner=request.repository.owner.lower(),
        repo_id=request.repository.id,
        strategy=request.plan.strategy.value,
        fork=request.plan.trust is Trust.FORK,
        needs=find_needs(request.plan),
        turn=0,
        entered_at=services.now(),
    )
    refusal = services.queue.enter(ticket, limits=services.policy.queue)
    if refusal is not None:
        _log.warning("queue full", build=build.name, reason=refusal)
        stopped = BuildStopped(
            code="QueueFull",
            message=refusal,
            hint=FULL_HINT,
            step=Step.FETCH,
            transient=True,
        )
        services.builds.finish_build(build.name, stopped, at=services.now())


def free_slot(services: Services, name: str) -> bool:
    """Give a build's slot back, if its engine has let go of it; else the engine is asked to, and it is tried again later."""
    status = services.engine.status(name)
    if status is not None and status.outcome is None:
        services.engine.cancel(name)
        return False
    services.queue.leave(name, time=_find_time(services, name))
    return True


def settle_build(services: Services, name: str) -> BuildOutcome:
    """How a build ended whose workflow is over; one that left no outcome is recorded as lost, so that it is not joined."""
    build = services.builds.read_build(name)
    if build is not None and build.outcome is not None:
        return build.outcome
    lost = BuildStopped(
        code="BuildLost",
        message=f"{name} ended without an outcome",
        hint="Ask again: the build starts anew.",
        step=Step.FETCH,
        transient=True,
    )
    services.builds.finish_build(name, lost, at=services.now())
    return lost


def _find_time(services: Services, name: str) -> BuildTime | None:
    build = services.builds.read_build(name)
    if build is None or build.ended_at is None or not isinstance(build.outcome, BuildSucceeded):
        return None
    request = _read_request(services, build.key)
    if request is None or request.repository is None:
        return None
    seconds = (build.ended_at - build.started_at).total_seconds()
    return BuildTime(repo_id=request.repository.id, strategy=request.plan.strategy.value, seconds=seconds)


def _read_request(services: Services, key: str) -> BuildRequest | None:
    text = services.builds.read_request(key)
    return None if text is None else parse_value(BuildRequest, text)


class Feeder:
    """Gives this replica's slots to waiting builds and starts them; finds slots that nobody gave back."""

    def __init__(
        self,
        services: Services,
        *,
        rooms: tuple[Room, ...],
        start_build: Callable[[str], None],
        find_state: Callable[[str], str | None],
    ) -> None:
        """Nothing starts here.

        Args:
            services: the ports.
            rooms: the slots of this replica's engines.
            start_build: starts the workflow of a build, or does nothing when it has started.
            find_state: the workflow engine's state of a build; None when it knows none.
        """
        self._services = services
        self._rooms = tuple(replace(room, replica=services.replica) for room in rooms)
        self._start_build = start_build
        self._find_state = find_state
        self._looks = 0

    def look(self) -> None:
        """Start what may start now; now and then look for slots to be freed first."""
        is_due = self._looks % CHECK_EVERY == 0
        self._looks += 1  # at once: an engine that cannot be asked must not keep the others waiting at every look
        if is_due:
            self.check()
        self.feed()

    def feed(self) -> int:
        """Start what may start now; returns the number of builds."""
        services = self._services
        starts = services.queue.admit(limits=services.policy.queue, rooms=self._rooms, at=services.now())
        for ticket in starts:
            _log.info("build gets a slot", build=ticket.name, owner=ticket.owner, replica=ticket.replica)
            if not ticket.is_base:  # whoever wants a base sees it by the ticket
                self._start_build(ticket.name)
        return len(starts)

    def check(self) -> int:
        """Start builds that got a slot just before a crash, free those whose workflow is over; returns how many of these."""
        services = self._services
        freed = 0
        for ticket in services.queue.list_tickets():
            if ticket.is_base:
                freed += free_left_slot(services, ticket.name)
                continue
            if ticket.started_at is None or ticket.replica != services.replica:
                continue
            state = self._find_state(ticket.name)
            if state is None:
                self._start_build(ticket.name)
            elif state in ENDED_STATES and free_slot(services, ticket.name):
                settle_build(services, ticket.name)
                _log.warning("slot found free", build=ticket.name, workflow_state=state)
                freed += 1
        return freed
