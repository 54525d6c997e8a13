"""The deliver workflow where a step of it fails: what is done then, and what is not."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from hublish.core.answers.report import Answer, Failure
from hublish.core.status import RunState
from hublish.workflows import deliver
from hublish.workflows.durable import Fault
from hublish.workflows.prepared import Built
from tests.unit.workflows.parts import RUN_ID
from tests.unit.workflows.test_answer import PREPARED, make_answer


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
