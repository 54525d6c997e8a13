"""Runs that nobody works on: ended with an answer, once, and only those."""

from __future__ import annotations

from functools import partial

import pytest

from hublish.core.status import RunState
from hublish.errors import GitHubFailed, NotAllowed
from hublish.workflows.ending import end_run
from hublish.workflows.sweep import LOST_STATES, Sweep
from tests.unit.workflows.parts import AT, COMMENT, RUN_ID, SHA, Stage
from tests.unit.workflows.test_answer import make_answer
from tests.unit.workflows.test_pull_requests import OPENED


@pytest.mark.parametrize("state", sorted(LOST_STATES))
def test_lost_run_is_answered_and_fails(stage: Stage, state: str) -> None:
    """A run whose workflow gave up gets its one answer and may be tried again."""
    stage.receive(COMMENT)
    sweep = Sweep(stage.services, find_state=lambda _run: state)

    ended = [sweep.end_lost_runs(), sweep.end_lost_runs()]
    run = stage.services.runs.read_run(RUN_ID)

    assert ended == [1, 0]
    assert run is not None
    assert run.state is RunState.FAILED
    assert run.state.may_retry
    assert run.message.startswith("RunLost: hublish stopped working on this while it was received")


@pytest.mark.parametrize("state", [None, "PENDING", "SUCCESS", "ENQUEUED"])
def test_run_that_somebody_works_on_is_left_alone(stage: Stage, state: str | None) -> None:
    """Only the engine's word that a workflow gave up ends a run."""
    stage.receive(COMMENT)

    assert Sweep(stage.services, find_state=lambda _run: state).end_lost_runs() == 0


def test_lost_run_that_cannot_be_answered_stays_open(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """While GitHub is away the run stays as it is; the next sweep says it."""
    stage.receive(COMMENT)

    def refuse(*_arguments: object, **_named: object) -> None:
        raise GitHubFailed("away", transient=True)

    monkeypatch.setattr(stage.services.conversation, "ensure_comment", refuse)
    ended = Sweep(stage.services, find_state=lambda _run: "ERROR").end_lost_runs()
    run = stage.services.runs.read_run(RUN_ID)

    assert ended == 0
    assert run is not None
    assert run.state is RunState.RECEIVED


def test_lost_run_whose_place_is_gone_ends_all_the_same(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can be told any more, the run's page says it; it is not tried for ever."""
    stage.receive(COMMENT)

    def refuse(*_arguments: object, **_named: object) -> None:
        raise NotAllowed("The GitHub App is not installed here any more.")

    monkeypatch.setattr(stage.services.conversation, "ensure_comment", refuse)
    ended = Sweep(stage.services, find_state=lambda _run: "ERROR").end_lost_runs()
    run = stage.services.runs.read_run(RUN_ID)

    assert ended == 1
    assert run is not None
    assert run.state is RunState.FAILED
    assert run.message.endswith(
        "The answer could not be given on GitHub: The GitHub App is not installed here any more."
    )


@pytest.mark.parametrize("refused", ["ensure_check_run", "delete_comment"])
def test_lost_run_that_was_answered_is_told_whatever_becomes_of_the_rest(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    """A check run or a progress comment that GitHub refuses takes nothing from the answer, and not the other one."""
    stage.receive(COMMENT)
    stage.services.runs.move_run(RUN_ID, RunState.PLANNING, at=AT, sha=SHA)
    done: list[str] = []

    def refuse(*_arguments: object, **_named: object) -> None:
        raise NotAllowed("no")

    for name in ("ensure_comment", "ensure_check_run", "delete_comment"):
        call = refuse if name == refused else partial(_note, done, name)
        monkeypatch.setattr(stage.services.conversation, name, call)
    ended = Sweep(stage.services, find_state=lambda _run: "ERROR").end_lost_runs()
    run = stage.services.runs.read_run(RUN_ID)
    expected = [name for name in ("ensure_comment", "ensure_check_run", "delete_comment") if name != refused]

    assert (ended, done) == (1, expected)
    assert run is not None
    assert "could not be given" not in run.message


@pytest.mark.parametrize("titles", [("ts", "gpu"), ()])
def test_lost_run_of_a_pull_request_ends_the_checks_it_opened(stage: Stage, titles: tuple[str, ...]) -> None:
    """A pull request hears nothing else; a check of its own for the repository's name was never opened."""
    stage.receive(OPENED)
    stage.services.runs.move_run(RUN_ID, RunState.PLANNING, at=AT, sha=SHA)
    stage.services.steps.ensure_titles(RUN_ID, titles)
    ended = Sweep(stage.services, find_state=lambda _run: "ERROR").end_lost_runs()
    checks = {key: (check.sha, check.conclusion) for key, check in stage.conversation.checks.items()}

    assert ended == 1
    assert checks == {f"{RUN_ID}/{title}": (SHA, "failure") for title in titles}


def test_lost_run_whose_only_answer_is_refused_says_so_on_its_page(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pull request has its check run and no comment."""
    stage.receive(OPENED)
    stage.services.runs.move_run(RUN_ID, RunState.PLANNING, at=AT, sha=SHA)
    stage.services.steps.ensure_titles(RUN_ID, ("ts",))

    def refuse(*_arguments: object, **_named: object) -> None:
        raise NotAllowed("no")

    monkeypatch.setattr(stage.services.conversation, "ensure_check_run", refuse)
    Sweep(stage.services, find_state=lambda _run: "ERROR").end_lost_runs()
    run = stage.services.runs.read_run(RUN_ID)

    assert run is not None
    assert run.state is RunState.FAILED
    assert run.message.endswith("The answer could not be given on GitHub: no")


def _note(done: list[str], name: str, *_arguments: object, **_named: object) -> None:
    done.append(name)


def test_delivered_run_walks_through_the_states_that_a_fault_left_out(stage: Stage) -> None:
    """A run whose state could not be written on the way still ends as delivered."""
    stage.receive(COMMENT)

    end_run(stage.services, RUN_ID, make_answer(RunState.DELIVERED))
    run = stage.services.runs.read_run(RUN_ID)

    assert run is not None
    assert run.state is RunState.DELIVERED
