"""From stored deliveries to runs: read once per arrival, joined by meaning, started as durable workflows.

A delivery stays due until its row says what became of it, and a run's workflow is named after the run: a crash
anywhere in between repeats what is missing and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from hublish.core.codec import parse_value, render_value
from hublish.core.github.events import NOBODY, Ignored, Listener, find_former_key, parse_event
from hublish.core.github.installing import Installed
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.records import Delivery, DeliveryState, Run, RunRecords
from hublish.core.status import RunState
from hublish.errors import HublishError, WebhookRefused
from hublish.telemetry import get_logger
from hublish.workflows.durable import make_fault
from hublish.workflows.repeating import complete_trigger
from hublish.workflows.rounds import Rounds
from hublish.workflows.services import Services

BATCH = 200
IDLE_SECONDS = 1.0
SWEEP_EVERY = 300
"""Looks between two sweeps: at most five minutes."""
DOUBLE_CLICK = timedelta(seconds=60)
CLOCKS = timedelta(seconds=60)
"""How far the clocks of two replicas may be apart."""
TRIES = 60
"""Looks at a delivery that fails in a way nobody foresaw; about a minute, then it no longer stands before others."""

LEFT = frozenset({RunState.CANCELLED, RunState.SKIPPED})
"""States in which the run of a pull request's head ends when it is the head no more."""

TALK = frozenset({"issue_comment", "issues"})
"""Events in which a bot may quote another one."""

_log = get_logger(__name__)


class Inbox:
    """Looks at due deliveries in a thread of its own; `wake` makes it look at once."""

    def __init__(
        self,
        services: Services,
        *,
        start_run: Callable[[str], None],
        sweep: Callable[[], object] = lambda: None,
        wake_onboarding: Callable[[], None] = lambda: None,
    ) -> None:
        """Nothing starts here.

        Args:
            services: the ports.
            start_run: starts the workflow of a run id, or does nothing when it has started.
            sweep: called at the start and every few minutes; ends what nobody works on.
            wake_onboarding: called when repositories came.
        """
        self._services = services
        self._start_run = start_run
        self._sweep = sweep
        self._wake_onboarding = wake_onboarding
        self._failures: dict[int, int] = {}
        self._idle = 0
        self._rounds = Rounds("inbox", self._look, seconds=IDLE_SECONDS)

    def start(self) -> None:
        """Start looking; first the runs that a crash left without a workflow are started, and lost ones ended."""
        for run in self._services.runs.list_open_runs():
            self._start_run(run.id)
        self._rounds.start()

    def wake(self) -> None:
        """Say that a delivery came."""
        self._rounds.wake()

    def stop(self) -> None:
        """Stop after the delivery at hand."""
        self._rounds.stop()

    def _look(self) -> None:
        sweep_is_due = self._idle % SWEEP_EVERY == 0
        self._idle += 1
        if sweep_is_due:
            self._sweep()
        if self.take_batch() == BATCH:
            self._rounds.wake()

    def take_batch(self) -> int:
        """Look at the due deliveries once; returns how many of them are no longer due."""
        taken = 0
        for delivery in self._services.deliveries.list_due_deliveries(BATCH):
            if self._rounds.is_stopping:
                break
            try:
                self._take(delivery)
            except HublishError as error:
                _log.warning("delivery stays due", guid=delivery.guid, code=error.code, error=error.message)
                taken += not error.transient and self._give_up(delivery, error)
            except Exception as error:  # noqa: BLE001  # a boundary: one delivery must not stand in the way of others
                if delivery.id not in self._failures:
                    _log.exception("delivery failed unexpectedly", guid=delivery.guid)
                taken += self._give_up(delivery, error)
            else:
                self._failures.pop(delivery.id, None)
                taken += 1
        return taken

    def _give_up(self, delivery: Delivery, error: Exception) -> bool:
        """Count a failure; at the last one the delivery is put away with the reason, until it is delivered again."""
        failures = self._failures[delivery.id] = self._failures.get(delivery.id, 0) + 1
        if failures < TRIES:
            return False
        fault = make_fault(error)
        self._services.deliveries.finish_delivery(
            delivery.id,
            times=delivery.times,
            state=DeliveryState.IGNORED,
            reason=f"{fault.code}: {fault.message}",
            run_id=None,
        )
        del self._failures[delivery.id]
        return True

    def _take(self, delivery: Delivery) -> None:
        state, reason, run_id = DeliveryState.IGNORED, "", None
        try:
            event = parse_event(
                event=delivery.event, body=delivery.body, listener=make_listener(self._services, delivery.event)
            )
        except WebhookRefused as error:
            event = Ignored(reason=error.message, event=delivery.event, action="")
        if isinstance(event, Ignored):
            reason = event.reason
        elif isinstance(event, Installed):
            state, reason = self._welcome(event)
        else:
            event = complete_trigger(self._services.runs, event)
            run_id = self._ensure_run(event, delivery).id
            self._start_run(run_id)
            state = DeliveryState.ACCEPTED
        self._services.deliveries.finish_delivery(
            delivery.id, times=delivery.times, state=state, reason=reason, run_id=run_id
        )
        _log.info(
            "delivery", guid=delivery.guid, github_event=delivery.event, state=state.value, reason=reason, run=run_id
        )

    def _welcome(self, event: Installed) -> tuple[DeliveryState, str]:
        """Let the repositories of an installation wait for their onboarding."""
        if self._services.policy.proposals_per_hour == 0:
            return DeliveryState.IGNORED, "the operator wants no pull requests to new repositories"
        added = self._services.newcomers.add_newcomers(event.newcomers, at=self._services.now())
        self._wake_onboarding()
        _log.info("repositories to look at", given=len(event.newcomers), added=added)
        return DeliveryState.ACCEPTED, ""

    def _ensure_run(self, trigger: Trigger, delivery: Delivery) -> Run:
        latest = find_latest(self._services.runs, trigger, arrived_at=delivery.received_at)
        again = delivery.times > 1
        if latest is not None and answers_already(
            self._services, latest, trigger, again=again, arrived_at=delivery.received_at
        ):
            return latest
        return self._services.runs.ensure_run(make_run(self._services, trigger, latest))


def find_latest(runs: RunRecords, trigger: Trigger, *, arrived_at: datetime | None) -> Run | None:
    """Find the last run that was for the same request.

    A release that a former version took up has a run under the key of its day. That one did not tell two publications of
    a moved tag apart: a run that is older than the delivery is of an earlier one, and not the same request.

    Args:
        runs: what was asked before.
        trigger: what is asked.
        arrived_at: when its delivery first came, aware UTC; None where that is not known, and any run counts.
    """
    latest = runs.find_latest_run(make_run_key(trigger))
    former = find_former_key(trigger)
    if latest is not None or former is None:
        return latest
    latest = runs.find_latest_run(make_run_key(replace(trigger, semantic_key=former)))
    older = latest is not None and arrived_at is not None and latest.created_at < arrived_at - CLOCKS
    return None if older else latest


def answers_already(services: Services, latest: Run, trigger: Trigger, *, again: bool, arrived_at: datetime) -> bool:
    """Tell whether the latest run of a trigger's key is the answer to it; see `is_new_attempt`."""
    stopping = is_stopping(services, latest, trigger)
    return not is_new_attempt(latest, trigger, again=again, arrived_at=arrived_at, stopping=stopping)


def is_stopping(services: Services, latest: Run, trigger: Trigger) -> bool:
    """Tell whether the run of a pull request's head was told to stop; it may take a while until it has ended."""
    return trigger.kind is TriggerKind.PULL_REQUEST and services.cancels.find_cancel(latest.id) is not None


def is_new_attempt(latest: Run, trigger: Trigger, *, again: bool, arrived_at: datetime, stopping: bool = False) -> bool:
    """Tell whether a trigger whose key had a run already is a new attempt.

    Args:
        latest: that run.
        trigger: what was asked.
        again: True for a redelivery, which repeats a failure and nothing else.
        arrived_at: when its delivery came, aware UTC.
        stopping: True where that run was told to stop.
    """
    if trigger.kind is TriggerKind.RELEASE and _was_prerelease(latest) and not trigger.prerelease:
        return True
    if trigger.kind is TriggerKind.PULL_REQUEST and not again:
        # A head that comes back, by a forced push or when the pull request is opened again, is built after all: also
        # where what stopped it came a moment ago, as when somebody closes and opens it to have its checks made anew.
        return latest.state in LEFT or stopping
    if again or trigger.kind is not TriggerKind.CHECK:
        return again and latest.state.may_retry
    # A second press within a minute is a double click; a later one means it. By its arrival and not by the clock: after a
    # crash it is looked at again, however late, and the latest run is then its own.
    return arrived_at - latest.created_at >= DOUBLE_CLICK


def _was_prerelease(run: Run) -> bool:
    """Tell whether a run was of a release while it was a pre-release: skipped, or kept from the floating tags."""
    return parse_value(Trigger, run.trigger).prerelease


def make_listener(services: Services, event: str) -> Listener:
    """Who reads a delivery; GitHub is asked for the bot's own name only where somebody wrote something."""
    if event not in TALK:
        return NOBODY
    try:
        return Listener(app=services.conversation.fetch_name(), bots=services.policy.bots)
    except HublishError as error:
        if error.transient:
            raise
        # The bot that does not know itself hears people only, so that it never answers itself.
        _log.warning("own name not known", code=error.code, error=error.message)
        return NOBODY


def make_run(services: Services, trigger: Trigger, latest: Run | None) -> Run:
    """Make the run of a trigger: the first, or the next after `latest`."""
    return Run(
        id=services.make_run_id(),
        key=make_run_key(trigger),
        attempt=1 if latest is None else latest.attempt + 1,
        state=RunState.RECEIVED,
        repository=trigger.repository.full_name,
        ref=trigger.ref or "",
        actor=trigger.actor,
        sha=None,
        trigger=render_value(trigger),
        message="",
        created_at=services.now(),
        ended_at=None,
    )


def make_run_key(trigger: Trigger) -> str:
    """What two deliveries that mean the same request have in common."""
    return f"{trigger.repository.id}:{trigger.semantic_key}"
