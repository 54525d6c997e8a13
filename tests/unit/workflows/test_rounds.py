"""A thread that works round after round, whatever goes wrong in one."""

from __future__ import annotations

import threading

from hublish.workflows.rounds import Rounds

LIMIT_SECONDS = 240


def test_work_is_done_at_once_when_woken_and_after_a_failure() -> None:
    """The first round comes at the start, and a failed one is only logged."""
    calls = threading.Semaphore(0)
    count: list[int] = []

    def work() -> None:
        count.append(1)
        calls.release()
        raise RuntimeError("once more")

    rounds = Rounds("test", work, seconds=3600)
    rounds.start()
    done = [calls.acquire(timeout=LIMIT_SECONDS)]
    rounds.wake()
    done.append(calls.acquire(timeout=LIMIT_SECONDS))
    rounds.stop()

    assert done == [True, True]
    assert len(count) == 2


def test_stop_without_a_start_is_nothing() -> None:
    """A service may stop before all of it started."""
    calls: list[int] = []
    rounds = Rounds("test", lambda: calls.append(1), seconds=3600)
    rounds.stop()

    assert calls == []
