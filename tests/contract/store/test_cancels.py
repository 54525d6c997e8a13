"""Cancelled runs in the database: the first word counts, and nothing is stopped that is being delivered."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from hublish.adapters.store import CancelStore, RunStore
from hublish.core.cancels import Cancel
from hublish.core.status import RunState
from tests.contract.store.test_runs import AT, RUN

CANCEL = Cancel(run_id="r1", by="c1", actor="octocat")


@pytest.mark.parametrize("state", [RunState.RECEIVED, RunState.PLANNING, RunState.BUILDING])
def test_run_at_work_is_stopped_and_the_first_word_counts(engine: sa.Engine, state: RunState) -> None:
    """Said again, by whomever, it stays as it was, also when the run has ended since."""
    RunStore(engine).ensure_run(dataclasses.replace(RUN, state=state))
    cancels = CancelStore(engine)
    before = cancels.find_cancel("r1")
    asked = [cancels.request_cancel(CANCEL, at=AT)]
    RunStore(engine).move_run("r1", RunState.CANCELLED, at=AT)
    asked += [cancels.request_cancel(dataclasses.replace(CANCEL, by=by), at=AT) for by in ("c1", "c2")]

    assert before is None
    assert asked == [True, True, True]
    assert cancels.find_cancel("r1") == CANCEL
    assert (cancels.list_cancels("c1"), cancels.list_cancels("c2")) == ((CANCEL,), ())


@pytest.mark.parametrize("state", [RunState.DELIVERING, RunState.DELIVERED, RunState.FAILED])
def test_run_that_is_being_delivered_or_has_ended_is_not_stopped(engine: sa.Engine, state: RunState) -> None:
    """Too late is too late; so is a run that nobody knows."""
    RunStore(engine).ensure_run(dataclasses.replace(RUN, state=state))
    cancels = CancelStore(engine)

    assert [cancels.request_cancel(dataclasses.replace(CANCEL, run_id=run), at=AT) for run in ("r1", "r2")] == [
        False,
        False,
    ]
    assert cancels.find_cancel("r1") is None


def test_several_at_once_are_one(engine: sa.Engine) -> None:
    """Two people who cancel the same run at once both succeed, by one row."""
    RunStore(engine).ensure_run(dataclasses.replace(RUN, state=RunState.BUILDING))
    cancels = CancelStore(engine)

    def ask(number: int) -> bool:
        return cancels.request_cancel(dataclasses.replace(CANCEL, by=f"c{number}"), at=AT)

    with ThreadPoolExecutor(4) as pool:
        asked = list(pool.map(ask, range(8)))
    found = cancels.find_cancel("r1")

    assert asked == [True] * 8
    assert found is not None
    assert cancels.list_cancels(found.by) == (found,)


def test_run_that_begins_its_delivery_meanwhile_is_not_stopped(engine: sa.Engine) -> None:
    """Whoever is first wins: a cancel that is too late by a moment says so, and none is left behind."""
    runs, cancels = RunStore(engine), CancelStore(engine)
    runs.ensure_run(dataclasses.replace(RUN, state=RunState.BUILDING))

    def deliver(*arguments: object) -> None:
        if str(arguments[2]).startswith("INSERT INTO run_cancels"):
            runs.move_run("r1", RunState.DELIVERING, at=AT)

    sa.event.listen(engine, "before_cursor_execute", deliver)
    asked = cancels.request_cancel(CANCEL, at=AT)

    assert asked is False
    assert cancels.find_cancel("r1") is None
