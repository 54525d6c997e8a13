"""Commands that mean an earlier run: which one it is, and the trigger that asks for the same again.

Decided when the command comes in and kept in its run, so that every later stage reads a request like any other. What was
built is never built twice: builds are shared by their key, so that only what failed is built anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hublish.core.codec import parse_value
from hublish.core.github.buttons import HUB_REFUSED
from hublish.core.github.commands import CommandName
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.records import Run, RunRecords
from hublish.core.repository import RefKind
from hublish.core.status import RunState

LOOKS_AT = 200
BUILT = frozenset(RunState) - {RunState.SKIPPED, RunState.DENIED, RunState.ANSWERED}
"""States of runs that were to build something and were not refused; in a busy repository most others are skipped."""
RETRIED = frozenset({RunState.FAILED, RunState.CANCELLED})
RETRIES = frozenset({CommandName.RETRY, CommandName.RETEST})


def complete_trigger(runs: RunRecords, trigger: Trigger) -> Trigger:
    """Fill in what a command for an earlier run asks for; any other trigger is returned as it is.

    Args:
        runs: what was asked before.
        trigger: as it was read from its delivery.

    Returns:
        The trigger with the ref, the images and the release of that run, or with the problem that there is none.
    """
    if trigger.command is CommandName.DEPLOY and trigger.problem is None:
        return _find_release(runs, trigger)
    if trigger.command not in RETRIES or trigger.problem is not None or trigger.ref is not None:
        return trigger
    if trigger.target is not None:
        return _repeat(trigger, _find_own(runs, trigger))
    built = [(run, earlier) for run, earlier in _list_builds(runs, trigger)]
    if trigger.kind is TriggerKind.CHECK:
        found = next((run for run, _ in built if run.sha == trigger.thread.sha), None)
        # "Re-run all" of a commit without a build is about the check of its config alone.
        return replace(trigger, command=None) if found is None else _repeat(trigger, found)
    place = (trigger.thread.kind, trigger.thread.number)
    here = [run for run, earlier in built if (earlier.thread.kind, earlier.thread.number) == place]
    if here:
        return _repeat(trigger, here[0])
    delivered = {run.ref for run, _ in built if run.state is RunState.DELIVERED}
    return _repeat(trigger, next((run for run, _ in built if run.state in RETRIED and run.ref not in delivered), None))


def _find_release(runs: RunRecords, trigger: Trigger) -> Trigger:
    """The last release whose images stand in the registry, all of them."""
    for run, earlier in _list_builds(runs, trigger):
        stands = run.state is RunState.DELIVERED or run.message.startswith(f"{HUB_REFUSED}:")
        if stands and earlier.ref_kind is RefKind.TAG and not earlier.images:
            return replace(trigger, ref=earlier.ref, ref_kind=RefKind.TAG, prerelease=earlier.prerelease)
    return replace(
        trigger,
        problem="No release of this repository was delivered yet.",
        hint="Publish a release, or comment `/build` with a tag.",
    )


def _find_own(runs: RunRecords, trigger: Trigger) -> Run | None:
    """The run that a press means; one of another repository is none, whatever the check run says."""
    run = runs.read_run(trigger.target or "")
    if run is None or parse_value(Trigger, run.trigger).repository.id != trigger.repository.id:
        return None
    return run


def _list_builds(runs: RunRecords, trigger: Trigger) -> Iterator[tuple[Run, Trigger]]:
    """Earlier runs of the repository that were to build something and were not refused, the newest first."""
    for run in runs.list_repository_runs(trigger.repository.id, limit=LOOKS_AT, states=BUILT):
        earlier = parse_value(Trigger, run.trigger)
        if earlier.builds:
            yield run, earlier


def _repeat(trigger: Trigger, run: Run | None) -> Trigger:
    if run is None:
        return replace(
            trigger,
            problem="Nothing failed here that could be tried again.",
            hint="Comment `/build` with a tag, branch or commit.",
        )
    # Whoever presses "Re-run" means it, also where all went well.
    if run.state not in RETRIED and not (trigger.kind is TriggerKind.CHECK and run.state.ended):
        ended = "was delivered" if run.state.ended else "is still at work"
        return replace(
            trigger,
            problem=f"The last build here {ended}; nothing of it failed.",
            hint="Comment `/build` with `--force` to build anew what was built.",
        )
    earlier = parse_value(Trigger, run.trigger)
    # Whoever spoke for a fork's commit was heard only where the run got as far as that commit.
    approved = run.sha if earlier.approved_sha and run.sha is not None else ""
    return replace(
        trigger,
        approved_sha=approved,
        ref=earlier.ref,
        ref_kind=earlier.ref_kind,
        sha=earlier.sha,
        prerelease=earlier.prerelease,
        images=earlier.images,
        force=earlier.force,
        pull_request_number=earlier.pull_request_number,
    )
