"""Requests that GitHub tells of more than once: a new tag by `create` and by `push`, and by the release under it.

All of them get one answer. A pushed tag gives way to the release of its name and commit, `create`, which names no commit,
gives way to the push; so a tag waits a moment before it is planned. Nothing gives way to it in turn, so that two never
wait for each other.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from enum import Enum

from hublish.core.codec import parse_value
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.github.triggers import Skip
from hublish.core.records import Run
from hublish.core.status import RunState
from hublish.workflows.asked import make_refusal
from hublish.workflows.durable import Fault
from hublish.workflows.ending import note_step
from hublish.workflows.prepared import Prepared
from hublish.workflows.services import Services

POLL_SECONDS = 1.0
NEAR = timedelta(seconds=60)
"""How long before a tag its release, or the other delivery of it, may have come where no commit says that it is the same."""
LOOKS_AT = 200
WAITS = Prepared(state=RunState.RECEIVED, failure=None, ref=None, waits=True)
"""What stands for the plan of a tag while it waits."""

_STEP = "wait for the release"


class Verdict(Enum):
    """What another run is to a tag's: the one that answers, one that may become it, or neither."""

    ANSWERS = "answers"
    MAY = "may"
    NO = "no"


class Joining:
    """Finds the run that answers for a tag."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def must_wait(self, run_id: str) -> bool:
        """Tell whether a run is of a tag."""
        return self._read(run_id)[1].kind is TriggerKind.TAG

    async def wait(self, run_id: str) -> str:
        """Wait for a run that answers for a tag's; returns its id, or "" when there is none.

        It takes as long as the operator's setting says, shorter where one is there already, longer only while a release is
        at work whose commit is not known yet.
        """
        run, trigger = await asyncio.to_thread(self._read, run_id)
        until = run.created_at + timedelta(seconds=self._services.policy.tag_wait_seconds)
        await asyncio.to_thread(note_step, self._services, run_id, _STEP, "running", "")
        while True:
            other, pending = await asyncio.to_thread(self._look, run, trigger)
            late = self._services.now() >= until and not pending
            if other or late or await asyncio.to_thread(self._services.cancels.find_cancel, run_id) is not None:
                await asyncio.to_thread(note_step, self._services, run_id, _STEP, "done", "")
                return other
            await asyncio.sleep(POLL_SECONDS)

    def _look(self, run: Run, trigger: Trigger) -> tuple[str, bool]:
        """`(id of the run that answers or "", whether some run may yet become it)`."""
        pending = False
        for other in self._services.runs.list_repository_runs(trigger.repository.id, limit=LOOKS_AT):
            if other.id == run.id or other.ref != run.ref:
                continue
            verdict = judge(run, trigger, other, parse_value(Trigger, other.trigger))
            if verdict is Verdict.ANSWERS:
                return other.id, False
            pending = pending or verdict is Verdict.MAY
        return "", pending

    def _read(self, run_id: str) -> tuple[Run, Trigger]:
        run = self._services.runs.read_run(run_id)
        if run is None:
            raise LookupError(f"there is no run {run_id}")
        return run, parse_value(Trigger, run.trigger)


def make_joined(joined: str | Fault) -> Prepared | None:
    """The silent end of a run that another one answers for; None when it goes on by itself."""
    if isinstance(joined, Fault) or not joined:
        return None
    return make_refusal(Skip(reason=f"the run {joined} answers for this tag"), ref=None)


def judge(run: Run, trigger: Trigger, other: Run, asked: Trigger) -> Verdict:
    """Judge what another run of the same repository and ref is to a tag's.

    Args:
        run: the tag's.
        trigger: of it; it names no commit where `create` told of the tag.
        other: the other run.
        asked: what that was for.
    """
    near = other.created_at >= run.created_at - NEAR
    if asked.kind is TriggerKind.TAG:
        if trigger.sha is None:
            return Verdict.ANSWERS if near and asked.sha is not None else Verdict.NO
        if asked.sha is not None or other.state is RunState.RECEIVED:
            return Verdict.NO
    elif asked.kind is not TriggerKind.RELEASE:
        return Verdict.NO
    return _judge_resolved(trigger, other, near=near)


def _judge_resolved(trigger: Trigger, other: Run, *, near: bool) -> Verdict:
    """Judge a run that answers if it is about the same commit and was not switched off."""
    if other.state is RunState.SKIPPED:
        return Verdict.NO
    if other.sha is not None and trigger.sha is not None:
        return Verdict.ANSWERS if other.sha == trigger.sha else Verdict.NO
    if other.sha is not None or other.state.ended:
        return Verdict.ANSWERS if near else Verdict.NO
    return Verdict.MAY
