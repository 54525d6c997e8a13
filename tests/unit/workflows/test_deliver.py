"""The deliver workflow where a step of it fails: what is done then, and what is not."""

from __future__ import annotations

import asyncio
import dataclasses
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from hublish.core.answers.report import Answer, Failure
from hublish.core.github.ports import CheckRun
from hublish.core.github.trigger import Trigger
from hublish.core.repository import ResolvedRef
from hublish.core.status import RunState
from hublish.errors import DatabaseFailed
from hublish.workflows import deliver
from hublish.workflows.answer import Answering
from hublish.workflows.durable import Fault
from hublish.workflows.prepared import Built, Prepared
from tests.unit.workflows.parts import AT, RELEASE, RUN_ID, SHA, TAG, Stage
from tests.unit.workflows.test_answer import PREPARED, make_answer
from tests.unit.workflows.test_pull_requests import OPENED


@pytest.mark.parametrize(("code", "state"), [("DatabaseFailed", RunState.FAILED), ("RunCancelled", RunState.CANCELLED)])
def test_run_that_cannot_begin_its_delivery_delivers_nothing(
    monkeypatch: pytest.MonkeyPatch, code: str, state: RunState
) -> None:
    """Where nobody knows whether it was cancelled, nothing is published; the answer is the fault."""
    effects: list[str] = []

    async def play(name: str, _kind: type, _call: object, **_named: Any) -> object:
        effects.append(name)
        known = {"builds": Built(names=("build-k-1",), failure=None), "claim ts": "build-k-1"}
        return Fault(code=code, message="m", hint="h") if name == "state delivering" else known.get(name)

    async def know(_name: str) -> bool:
        return True

    for effect in ("run_effect", "run_async_effect"):
        monkeypatch.setattr(deliver, effect, play)
    monkeypatch.setattr(deliver, "DBOS", SimpleNamespace(patch_async=know))
    # Without the constructor, which registers with an engine that is not there.
    workflow: Any = object.__new__(deliver.DeliverWorkflow)
    workflow._answering = workflow._waiting = Mock()
    answer: Answer = asyncio.run(workflow._go(RUN_ID, PREPARED, make_answer()))

    assert (answer.state, answer.failure) == (state, Failure(code=code, message="m", hint="h"))
    assert effects[-1] == "state delivering"


def open_checks(stage: Stage, trigger: Trigger, ref: ResolvedRef, titles: tuple[str, ...]) -> None:
    """What the plan's stage does once it is decided that images are built."""
    workflow: Any = object.__new__(deliver.DeliverWorkflow)
    workflow._services, workflow._answering = stage.services, Answering(stage.services)
    stage.receive(trigger)
    stage.runs.move_run(RUN_ID, RunState.PLANNING, at=AT)
    workflow._open_checks(RUN_ID, ref, titles)


@pytest.mark.parametrize(("trigger", "ref"), [(RELEASE, TAG), (OPENED, "8")])
def test_checks_of_a_plan_that_failed_are_ended(stage: Stage, trigger: Trigger, ref: ResolvedRef | str) -> None:
    """A fault knows neither commit nor images: what was decided is remembered, so that no check stays queued."""
    ref = stage.reader.refs[ref] if isinstance(ref, str) else ref
    open_checks(stage, trigger, ref, ("ts", "gpu"))
    opened = {key: check.status for key, check in stage.conversation.checks.items()}
    Answering(stage.services).check(RUN_ID, make_answer(RunState.FAILED, sha=None), ())
    ended = {key: (check.sha, check.conclusion) for key, check in stage.conversation.checks.items()}

    assert opened == {"r1/ts": "queued", "r1/gpu": "queued"}
    assert ended == {"r1/ts": (SHA, "failure"), "r1/gpu": (SHA, "failure")}


@pytest.mark.parametrize("state", [RunState.SKIPPED, RunState.DENIED])
def test_checks_of_a_plan_that_is_refused_after_all_are_ended_where_they_stand(stage: Stage, state: RunState) -> None:
    """A try of the plan may fail after they were opened, and the next find the head moved or the config gone."""
    open_checks(stage, OPENED, stage.reader.refs["8"], ("ts",))
    refused = make_answer(state, sha="b" * 40)
    for _ in range(2):
        Answering(stage.services).check(RUN_ID, refused, ())
    ended = {key: (check.sha, check.conclusion) for key, check in stage.conversation.checks.items()}

    assert ended == {"r1/ts": (SHA, "skipped" if state is RunState.SKIPPED else "neutral")}


def test_run_that_is_skipped_before_anything_was_opened_has_no_check(stage: Stage) -> None:
    """Nobody asked for anything."""
    stage.receive(RELEASE)
    Answering(stage.services).check(RUN_ID, make_answer(RunState.SKIPPED), ())

    assert stage.conversation.checks == {}


def test_skipped_run_ends_its_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says nothing else."""
    effects: dict[str, Any] = {}

    async def play(name: str, _kind: type, call: Any, **_named: Any) -> None:
        effects[name] = call

    async def know(_name: str) -> bool:
        return True

    monkeypatch.setattr(deliver, "run_effect", play)
    monkeypatch.setattr(deliver, "DBOS", SimpleNamespace(patch_async=know))
    workflow: Any = object.__new__(deliver.DeliverWorkflow)
    workflow._answering = Mock()
    skipped = make_answer(RunState.SKIPPED)
    asyncio.run(workflow._finish(RUN_ID, Prepared(state=RunState.SKIPPED, failure=None, ref=None), skipped))
    effects["check ended"]()

    assert list(effects) == ["check ended", "end"]
    workflow._answering.check.assert_called_once_with(RUN_ID, skipped, ())


def test_check_on_a_commit_that_the_branch_left_is_ended(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that is tried again finds the branch elsewhere: what was opened before must not stay queued for ever."""
    open_checks(stage, OPENED, stage.reader.refs["8"], ("ts",))
    said: list[CheckRun] = []
    monkeypatch.setattr(stage.conversation, "ensure_check_run", lambda _repository, check: said.append(check))
    moved = dataclasses.replace(stage.reader.refs["8"], sha="b" * 40)
    workflow: Any = object.__new__(deliver.DeliverWorkflow)
    workflow._services, workflow._answering = stage.services, Answering(stage.services)
    workflow._open_checks(RUN_ID, moved, ("ts",))
    workflow._open_checks(RUN_ID, moved, ("ts",))

    assert [(check.sha, check.status, check.conclusion) for check in said] == [
        (SHA, "completed", "skipped"),
        ("b" * 40, "queued", None),
        ("b" * 40, "queued", None),
    ]
    assert f"8 moved on to {'b' * 40}, which is built instead." in said[0].summary


def test_nothing_is_opened_that_could_not_be_ended(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it cannot be remembered what was decided, the check runs come with the build."""

    def refuse(*_arguments: object) -> None:
        raise DatabaseFailed("the database is full")

    monkeypatch.setattr(stage.services.steps, "ensure_titles", refuse)
    open_checks(stage, RELEASE, TAG, ("ts",))

    assert stage.conversation.checks == {}


@pytest.mark.parametrize("fault", [Fault(code="GitHubFailed", message="away", hint=""), None])
def test_check_run_that_could_not_be_ended_is_tried_again_as_the_answer(
    monkeypatch: pytest.MonkeyPatch, fault: Fault | None
) -> None:
    """A pull request hears nothing else: it is tried as often as a comment, and the fault of the last try is told."""
    effects: dict[str, tuple[Any, int | None]] = {}

    async def play(name: str, _kind: type, call: Any, *, attempts: int | None = None, **_named: Any) -> object:
        effects[name] = (call, attempts)
        return fault if name in ("check ended", "answer") else None

    monkeypatch.setattr(deliver, "run_effect", play)
    workflow: Any = object.__new__(deliver.DeliverWorkflow)
    workflow._services, workflow._answering = Mock(), Mock()
    untold = asyncio.run(workflow._say(RUN_ID, PREPARED, make_answer()))
    effects["answer"][0]()
    again = workflow._answering.answer.call_args.kwargs["check"]

    assert untold == fault
    assert effects["answer"][1] == deliver.ANSWER_ATTEMPTS
    assert again is (None if fault is None else effects["check ended"][0])
