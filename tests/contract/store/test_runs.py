"""Runs and their history in the database."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from hublish.adapters.store import RunStore, StepStore, ensure_schema
from hublish.core.records import Run, RunRecords, RunStep, StepRecords
from hublish.core.status import RunState
from hublish.errors import TransitionInvalid

AT = datetime(2026, 11, 21, 10, 0, 0, 123456, tzinfo=UTC)
LATER = AT + timedelta(seconds=5)
RUN = Run(
    id="r1",
    key="7:release:1",
    attempt=1,
    state=RunState.RECEIVED,
    repository="octo/ts",
    ref="v1·2",
    actor="octocat",
    sha=None,
    trigger="{}",
    message="",
    created_at=AT,
    ended_at=None,
)


@pytest.fixture
def runs(engine: sa.Engine) -> RunRecords:
    return RunStore(engine)


@pytest.fixture
def steps(engine: sa.Engine) -> StepRecords:
    return StepStore(engine)


def test_run_comes_back_as_it_was_stored(runs: RunRecords) -> None:
    """Times keep their microseconds, text its letters; an unknown id and key are None."""
    stored = runs.ensure_run(RUN)

    assert stored == RUN
    assert runs.read_run("r1") == RUN
    assert runs.find_latest_run("7:release:1") == RUN
    assert runs.read_run("r2") is None
    assert runs.find_latest_run("other") is None


def test_runs_of_a_repository_come_newest_first(runs: RunRecords) -> None:
    """By the repository's id, whatever it was called; another id that starts alike is another repository."""
    for number, key in enumerate(("7:release:1", "7:push:2", "77:release:1", "7_:x", "7:comment:3")):
        runs.ensure_run(dataclasses.replace(RUN, id=f"r{number}", key=key, repository=f"octo/name{number}"))

    assert [run.id for run in runs.list_repository_runs(7, limit=2)] == ["r4", "r1"]
    assert [run.id for run in runs.list_repository_runs(7, limit=9)] == ["r4", "r1", "r0"]


def test_runs_of_a_repository_are_listed_by_their_states(runs: RunRecords) -> None:
    """However many newer ones are in other states."""
    states = [RunState.BUILDING, RunState.FAILED, *([RunState.SKIPPED] * 3)]
    for number, state in enumerate(states):
        runs.ensure_run(dataclasses.replace(RUN, id=f"r{number}", key=f"7:{number}", state=state))
    wanted = {RunState.BUILDING, RunState.FAILED}

    assert [run.id for run in runs.list_repository_runs(7, limit=2, states=wanted)] == ["r1", "r0"]


def test_run_of_a_key_and_attempt_is_stored_once(runs: RunRecords) -> None:
    """The second caller gets the first one's run, whatever id it brought."""
    runs.ensure_run(RUN)

    assert runs.ensure_run(dataclasses.replace(RUN, id="r2", actor="other")) == RUN
    assert runs.list_runs(10) == (RUN,)


def test_latest_attempt_counts(runs: RunRecords) -> None:
    """Attempts are compared by number."""
    last = dataclasses.replace(RUN, id="r10", attempt=10)
    for run in (last, dataclasses.replace(RUN, id="r9", attempt=9), RUN):
        runs.ensure_run(run)

    assert runs.find_latest_run(RUN.key) == last


def test_run_moves_on_and_ends_once(runs: RunRecords) -> None:
    """The commit stays when a later move names none; the end's time is the first one's."""
    runs.ensure_run(RUN)
    runs.move_run("r1", RunState.PLANNING, at=AT)
    runs.move_run("r1", RunState.BUILDING, at=AT, sha="a" * 40)
    runs.move_run("r1", RunState.FAILED, at=LATER, message="WheelMissing: six")
    runs.move_run("r1", RunState.FAILED, at=LATER + timedelta(seconds=1))
    expected = dataclasses.replace(
        RUN, state=RunState.FAILED, sha="a" * 40, message="WheelMissing: six", ended_at=LATER
    )

    assert runs.read_run("r1") == expected


def test_illegal_move_is_refused_and_changes_nothing(runs: RunRecords) -> None:
    """Neither an ended run nor one that does not exist moves."""
    runs.ensure_run(RUN)
    with pytest.raises(TransitionInvalid, match="a run that is received cannot become delivered"):
        runs.move_run("r1", RunState.DELIVERED, at=AT, message="no")
    with pytest.raises(TransitionInvalid, match="there is no run r2"):
        runs.move_run("r2", RunState.PLANNING, at=AT)

    assert runs.read_run("r1") == RUN


def test_newest_runs_are_listed_first_and_open_ones_oldest_first(runs: RunRecords) -> None:
    """A page shows the newest; a restart goes on in the order people asked."""
    for number in (1, 2, 3):
        runs.ensure_run(dataclasses.replace(RUN, id=f"r{number}", key=str(number)))
    runs.move_run("r2", RunState.FAILED, at=AT)
    runs.move_run("r3", RunState.PLANNING, at=AT)

    assert [run.id for run in runs.list_runs(2)] == ["r3", "r2"]
    assert [run.id for run in runs.list_open_runs()] == ["r1", "r3"]


def test_step_keeps_its_start_and_takes_its_end(steps: StepRecords) -> None:
    """A step that is repeated after a crash is one line; one that runs again has no end."""
    steps.ensure_step("r1", "plan", state="running", detail="", at=AT)
    steps.ensure_step("r1", "build ts", state="failed", detail="no space", at=LATER)
    steps.ensure_step("r1", "plan", state="done", detail="", at=LATER)
    steps.ensure_step("r1", "build ts", state="running", detail="", at=LATER)
    steps.ensure_step("r2", "plan", state="running", detail="", at=AT)
    expected = (
        RunStep(name="plan", state="done", detail="", started_at=AT, ended_at=LATER),
        RunStep(name="build ts", state="running", detail="", started_at=LATER, ended_at=None),
    )

    assert steps.list_steps("r1") == expected
    assert steps.list_steps("r3") == ()


def test_index_that_came_later_is_made_in_a_database_of_before(engine: sa.Engine) -> None:
    """At the next start, and only once; a table that is there gets no index by being there."""
    with engine.begin() as connection:
        connection.execute(sa.text("DROP INDEX runs_by_name"))
    ensure_schema(engine)
    ensure_schema(engine)

    with engine.begin() as connection:
        connection.execute(sa.text("DROP INDEX runs_by_name"))


def test_runs_are_found_by_the_name_their_repository_had(runs: RunRecords) -> None:
    """The newest first, as many as asked for; GitHub's names have no case."""
    named = [("r1", "octo/ts"), ("r2", "Octo/TS"), ("r3", "octo/other"), ("r4", "octo/ts")]
    for run_id, repository in named:
        runs.ensure_run(dataclasses.replace(RUN, id=run_id, key=run_id, repository=repository))

    assert [run.id for run in runs.list_named_runs("OCTO/ts", limit=10)] == ["r4", "r2", "r1"]
    assert [run.id for run in runs.list_named_runs("octo/ts", limit=2)] == ["r4", "r2"]
    assert runs.list_named_runs("octo", limit=2) == ()
