"""The threads in which runs are planned, so that no run waits for long because others wait for bases with packages.

Such a wait may last for a day. A plan that needs one is given up, and made once more when there is a place for it among the
few that may wait, of which one owner has half at most; until then it has no thread, and all other plans go on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Protocol

from hublish.errors import BaseAwaited, DatabaseFailed
from hublish.workflows.prepared import Prepared

PLANNERS = 32
"""Runs that are planned at a time in this process; threads are made as they are needed."""
WAITERS = 16
"""Runs that wait for a base at a time in this process, beside those: each may keep a connection to the database."""
WAITERS_PER_OWNER = WAITERS // 2
_LOOK_SECONDS = 5.0


class MakePlan(Protocol):
    """Plans a run."""

    def __call__(self, *, may_wait: bool) -> Prepared:
        """Plan; where it may not wait for a base that is missing, it raises BaseAwaited."""


class Planners:
    """Plans runs, in threads that are made as they are needed."""

    def __init__(self, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._plans = ThreadPoolExecutor(max_workers=PLANNERS, thread_name_prefix="plans")
        self._waits = ThreadPoolExecutor(max_workers=WAITERS, thread_name_prefix="bases")
        self._waiting: Counter[str] = Counter()
        self._sleep = sleep

    async def run(self, plan: MakePlan, *, is_cancelled: Callable[[], bool]) -> Prepared:
        """Plan a run.

        Args:
            plan: blocks; called again where the first call found that it must wait.
            is_cancelled: asked while there is no place; then the plan is made without one, to say so itself.
        """
        try:
            return await _call(self._plans, partial(plan, may_wait=False))
        except BaseAwaited as error:
            owner = error.owner
        while self._waiting[owner] >= WAITERS_PER_OWNER or self._waiting.total() >= WAITERS:
            if await asyncio.to_thread(_ask, is_cancelled):
                return await _call(self._plans, partial(plan, may_wait=False))
            await self._sleep(_LOOK_SECONDS)
        self._waiting[owner] += 1
        try:
            return await _call(self._waits, partial(plan, may_wait=True))
        finally:
            self._waiting -= Counter([owner])


def _ask(is_cancelled: Callable[[], bool]) -> bool:
    try:
        return is_cancelled()
    except DatabaseFailed:
        return False  # It is asked again soon.


async def _call(pool: Executor, call: Callable[[], Prepared]) -> Prepared:
    return await asyncio.get_running_loop().run_in_executor(pool, partial(copy_context().run, call))
