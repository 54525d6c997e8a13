"""Builds of a pull request that a newer push, or its end, makes useless: which they are, and why they stopped.

Whoever pushes twenty times gets one build: of the head. Safe to repeat, and safe against deliveries that come late: only the
run of the head as GitHub has it now stops others.
"""

from __future__ import annotations

from hublish.core.cancels import Cancel
from hublish.core.codec import parse_value
from hublish.core.github.commands import CommandName
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.repository import RefKind
from hublish.core.status import ENDED, RunState
from hublish.errors import RunCancelled
from hublish.workflows.services import Services

AT_WORK = frozenset(RunState) - ENDED
LOOKS_AT = 200
"""Runs that are looked at; of one pull request there are seldom more than its pushes of a day."""
_SHORT_SHA = 7


def stop_superseded(services: Services, run_id: str, trigger: Trigger, *, sha: str) -> None:
    """Stop what is at work for other commits of a pull request.

    Args:
        services: the ports.
        run_id: the run of the head.
        trigger: that brought the head.
        sha: the head.
    """
    for run in services.runs.list_repository_runs(trigger.repository.id, limit=LOOKS_AT, states=AT_WORK):
        other = parse_value(Trigger, run.trigger)
        # A command means the head of its day, which is not known before it is resolved; then it finds this one.
        meant = other.sha if run.sha is None else run.sha
        if is_about(other, trigger) and run.id != run_id and other.builds and meant not in (None, sha):
            cancel = Cancel(run_id=run.id, by=run_id, actor=trigger.actor)
            services.cancels.request_cancel(cancel, at=services.now())


def is_about(other: Trigger, trigger: Trigger) -> bool:
    """Tell whether two triggers are about the head of the same pull request."""
    kinds = {other.ref_kind, trigger.ref_kind}
    return kinds == {RefKind.PULL_REQUEST} and other.ref == trigger.ref


def explain_cancel(cancel: Cancel, by: Trigger | None) -> RunCancelled:
    """Say who or what stopped a run.

    Args:
        cancel: what is remembered of it.
        by: the trigger of the run that stopped it; None where that is gone.
    """
    if by is None or by.kind is not TriggerKind.PULL_REQUEST:
        return RunCancelled(f"{cancel.actor} cancelled this.", hint="Comment `/retry` to take it up again.")
    if by.command is CommandName.CANCEL:
        return RunCancelled("The pull request was closed.", hint="Reopen it to have its head built.")
    return RunCancelled(f"A newer push, {(by.sha or '')[:_SHORT_SHA]}, takes the place of this one.")
