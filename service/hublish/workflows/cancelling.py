"""Stopping runs: a command says it, the run itself sees it and ends with its own answer, builds nobody wants are let go.

A build is shared: it stops only when every run that waits for it is stopped. Everything here is safe to repeat.
"""

from __future__ import annotations

from hublish.core.answers.replies import RunLine, render_cancel
from hublish.core.building import BuildStopped, Step
from hublish.core.cancels import Cancel
from hublish.core.codec import parse_value
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.github.triggers import Skip
from hublish.core.records import Run
from hublish.core.repository import RefKind
from hublish.core.status import ENDED, RunState
from hublish.errors import SourceMissing
from hublish.telemetry import get_logger
from hublish.workflows.asked import make_refusal
from hublish.workflows.prepared import Prepared, make_reply
from hublish.workflows.services import Services
from hublish.workflows.superseding import explain_cancel, is_about

AT_WORK = frozenset(RunState) - ENDED
LOOKS_AT = 200
"""Runs at work in a repository that a command may mean; those that ended, most of all, are not among them."""

_log = get_logger(__name__)


class Cancelling:
    """Stops the runs of one service."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def cancel(self, run_id: str, trigger: Trigger) -> Prepared:
        """Carry out a command that stops runs, and make its answer.

        Args:
            run_id: the run of the command.
            trigger: the command: with a ref it means every run of that ref, without one those of its own thread, and
                with `target` that one run.
        """
        services = self._services
        at_work = [run for run in self._find_targets(run_id, trigger) if not run.state.ended]
        if at_work and self._is_open_again(trigger):
            return make_refusal(Skip(reason="the pull request was opened again since"), ref=None)
        late: list[Run] = []
        for run in at_work:
            cancel = Cancel(run_id=run.id, by=run_id, actor=trigger.actor)
            if not services.cancels.request_cancel(cancel, at=services.now()):
                late.append(run)
        # What is said counts from the records: a step that is repeated finds the runs ended that it stopped itself.
        stopped = [services.runs.read_run(cancel.run_id) for cancel in services.cancels.list_cancels(run_id)]
        return make_reply(
            render_cancel(self._describe([run for run in stopped if run is not None]), late=self._describe(late))
        )

    def _find_targets(self, run_id: str, trigger: Trigger) -> list[Run]:
        if trigger.target is not None:
            run = self._services.runs.read_run(trigger.target)
            own = run is not None and parse_value(Trigger, run.trigger).repository.id == trigger.repository.id
            return [run] if run is not None and own else []
        listed = self._services.runs.list_repository_runs(trigger.repository.id, limit=LOOKS_AT, states=AT_WORK)
        return [run for run in reversed(listed) if run.id != run_id and _is_meant(trigger, run)]

    def _is_open_again(self, trigger: Trigger) -> bool:
        """Tell whether a pull request whose end was told is open now: deliveries come late, and in any order."""
        if trigger.kind is not TriggerKind.PULL_REQUEST or trigger.ref is None:
            return False
        try:
            head = self._services.reader.resolve_ref(trigger.repository, trigger.ref, kind=RefKind.PULL_REQUEST.value)
        except SourceMissing:
            return False
        return not head.closed

    def _describe(self, runs: list[Run]) -> tuple[RunLine, ...]:
        root = self._services.policy.public_url
        return tuple(RunLine(run=run, url=f"{root}/runs/{run.id}") for run in runs)

    def is_cancelled(self, run_id: str) -> bool:
        """Tell whether somebody stopped a run."""
        return self._services.cancels.find_cancel(run_id) is not None

    def verify_wanted(self, run_id: str) -> None:
        """Make sure that nobody stopped a run; the builds of one that is stopped are let go.

        Raises:
            RunCancelled: somebody did; the message says who.
        """
        cancel = self._services.cancels.find_cancel(run_id)
        if cancel is not None:
            self._let_go(run_id)
            by = self._services.runs.read_run(cancel.by)
            raise explain_cancel(cancel, None if by is None else parse_value(Trigger, by.trigger))

    def _let_go(self, run_id: str) -> None:
        """Stop the builds of a run that no other run waits for."""
        services = self._services
        for name, _ in services.steps.list_links(run_id):
            build = services.builds.read_build(name)
            if build is None or build.outcome is not None:
                continue
            stopped = BuildStopped(
                code="BuildCancelled",
                message="the build was cancelled",
                hint="Ask for it again.",
                step=Step.FETCH,
                cancelled=True,
                transient=True,
            )
            if not services.builds.stop_build(name, stopped, at=services.now()):
                continue
            _log.info("build stopped", build=name, run=run_id)
            waits = any(ticket.name == name and ticket.started_at is None for ticket in services.queue.list_tickets())
            if waits:
                # One that has its slot gives it back when its engine has let go of it; see the build's workflow.
                services.queue.leave(name, time=None)


def _is_meant(trigger: Trigger, run: Run) -> bool:
    other = parse_value(Trigger, run.trigger)
    if not other.builds:
        return False
    if trigger.kind is TriggerKind.PULL_REQUEST:
        return is_about(other, trigger)
    if trigger.ref is not None:
        return run.ref == trigger.ref
    return (other.thread.kind, other.thread.number) == (trigger.thread.kind, trigger.thread.number)
