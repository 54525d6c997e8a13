"""Runs whose workflow gave up: ended with an answer all the same, so that nothing stays open for ever.

A workflow ends without its run only when the engine refuses it (its history does not fit the code, it was taken up too
often, somebody cancelled it by hand). Nothing here repeats work: the run fails, and a redelivery is a new attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hublish.core.answers.report import Answer, Failure
from hublish.core.codec import parse_value
from hublish.core.github.trigger import Trigger
from hublish.core.records import Run
from hublish.core.repository import RefKind
from hublish.core.status import RunState
from hublish.errors import HublishError
from hublish.telemetry import get_logger
from hublish.workflows.answer import Answering
from hublish.workflows.durable import Fault, make_fault
from hublish.workflows.ending import end_run
from hublish.workflows.services import Services

LOST_STATES = frozenset({"ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})
"""States of the engine in which a workflow will not go on by itself."""

_log = get_logger(__name__)


class Sweep:
    """Looks at open runs and ends those that nobody works on."""

    def __init__(self, services: Services, *, find_state: Callable[[str], str | None]) -> None:
        """Nothing happens here.

        Args:
            services: the ports.
            find_state: the engine's state of a run's workflow; None when it knows none.
        """
        self._services = services
        self._answering = Answering(services)
        self._find_state = find_state

    def end_lost_runs(self) -> int:
        """End the runs whose workflow gave up; returns their number. A run that cannot be answered now stays open."""
        # Two replicas that answer for the same run at once would not see each other's comment.
        with self._services.hold_duty("sweep") as free:
            return self._end_all() if free else 0

    def _end_all(self) -> int:
        ended = 0
        for run in self._services.runs.list_open_runs():
            state = self._find_state(run.id)
            if state not in LOST_STATES:
                continue
            try:
                self._end(run, state)
                ended += 1
            except HublishError as error:
                _log.warning("lost run stays open", run=run.id, code=error.code, error=error.message)
        return ended

    def _end(self, run: Run, state: str) -> None:
        _log.error("run lost", run=run.id, workflow_state=state)
        failure = Failure(
            code="RunLost",
            message=f"hublish stopped working on this while it was {run.state.value} (workflow: {state.lower()})",
            hint="ask again; the operator finds the cause in the service's log",
        )
        answer = Answer(
            run_id=run.id,
            run_url=f"{self._services.policy.public_url}/runs/{run.id}",
            state=RunState.FAILED,
            wanted=run.ref,
            sha=run.sha,
            failure=failure,
            pull_request=parse_value(Trigger, run.trigger).ref_kind is RefKind.PULL_REQUEST,
        )
        steps = self._services.steps
        titles = steps.list_titles(run.id) or tuple(image for _, image in steps.list_links(run.id))
        untold = self._tell(run.id, answer, titles)
        end_run(self._services, run.id, answer, untold=untold)

    def _tell(self, run_id: str, answer: Answer, titles: tuple[str, ...]) -> Fault | None:
        """Answer on GitHub; a place that is gone for good must not keep the run open for ever."""
        check = partial(self._answering.check, run_id, answer, titles)
        untold = _try(run_id, partial(self._answering.answer, run_id, answer, check=check))
        # A run that was answered is told, whatever becomes of its check runs and its progress comment.
        _try(run_id, check)
        _try(run_id, partial(self._answering.tidy, run_id, answer))
        return untold


def _try(run_id: str, call: Callable[[], None]) -> Fault | None:
    """Make a call; returns why it failed for good, and raises what the next sweep may do."""
    try:
        call()
    except HublishError as error:
        if error.transient:
            raise
        _log.warning("lost run not wholly answered", run=run_id, code=error.code, error=error.message)
        return make_fault(error)
    return None
