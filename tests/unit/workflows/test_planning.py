"""Runs that wait for bases with packages stand in nobody's way: few wait at a time, and few of one owner."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field

import pytest

from hublish.core.status import RunState
from hublish.errors import BaseAwaited, DatabaseFailed
from hublish.workflows.planning import WAITERS, WAITERS_PER_OWNER, Planners
from hublish.workflows.prepared import Prepared

PLANNED = Prepared(state=RunState.BUILDING, failure=None, ref=None)
CANCELLED = Prepared(state=RunState.CANCELLED, failure=None, ref=None)
PATIENCE_SECONDS = 120.0


@dataclass
class Bases:
    """Plans whose base is missing; those that may wait do so until it is there."""

    there: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    inside: int = 0
    most: int = 0

    def plan(self, owner: str, *, may_wait: bool) -> Prepared:
        if not may_wait:
            raise BaseAwaited("waits", owner=owner)
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        assert self.there.wait(PATIENCE_SECONDS)
        with self.lock:
            self.inside -= 1
        return PLANNED


def never() -> bool:
    return False


def plan_at_once(*, may_wait: bool) -> Prepared:
    assert not may_wait
    return PLANNED


@pytest.mark.parametrize(
    ("owners", "most"),
    [(["octo"] * (WAITERS_PER_OWNER + 2), WAITERS_PER_OWNER), ([f"o{n}" for n in range(WAITERS + 2)], WAITERS)],
    ids=["one owner", "many owners"],
)
def test_few_runs_wait_and_all_others_are_planned(owners: list[str], most: int) -> None:
    """Two more than may wait have no thread until others end; who needs no base is planned meanwhile."""
    bases = Bases()

    async def play() -> tuple[Prepared, list[Prepared]]:
        full, free = asyncio.Event(), asyncio.Event()

        async def sleep(_seconds: float) -> None:
            full.set()
            await free.wait()

        planners = Planners(sleep=sleep)

        def start(owner: str) -> asyncio.Task[Prepared]:
            def plan(*, may_wait: bool) -> Prepared:
                return bases.plan(owner, may_wait=may_wait)

            return asyncio.create_task(planners.run(plan, is_cancelled=never))

        waiting = [start(owner) for owner in owners]
        await asyncio.wait_for(full.wait(), PATIENCE_SECONDS)
        meanwhile = await asyncio.wait_for(planners.run(plan_at_once, is_cancelled=never), PATIENCE_SECONDS)
        bases.there.set()
        # Whoever waits for a place looks again once those who had one are through.
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE_SECONDS)
        free.set()
        return meanwhile, await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE_SECONDS)

    meanwhile, planned = asyncio.run(play())

    assert meanwhile == PLANNED
    assert planned == [PLANNED] * len(owners)
    assert bases.most <= most


def test_run_that_is_cancelled_waits_for_no_place() -> None:
    """Its plan says so; a database that is away for a moment does not."""
    answers = iter([DatabaseFailed("away", transient=True), False, True])
    slept: list[float] = []

    def is_cancelled() -> bool:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    planners = Planners(sleep=sleep)
    planners._waiting["octo"] = WAITERS_PER_OWNER
    calls = iter([BaseAwaited("waits", owner="octo"), CANCELLED])

    def plan(*, may_wait: bool) -> Prepared:
        assert not may_wait
        answer = next(calls)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert asyncio.run(planners.run(plan, is_cancelled=is_cancelled)) == CANCELLED
    assert slept == [5.0, 5.0]
