"""How a run's end is put into words."""

from __future__ import annotations

import pytest

from hublish.core.answers.report import Failure
from hublish.core.building import BuildStopped, Step
from hublish.core.status import RunState
from hublish.workflows.ending import end_run, explain_stop, name_stopped
from tests.unit.workflows.parts import AT, RUN_ID, Stage
from tests.unit.workflows.test_answer import make_answer

LATER = "The same build may succeed later: comment `/build` on an issue here."


@pytest.mark.parametrize(
    ("transient", "hint", "expected"),
    [
        (True, "Free some space.", f"Free some space. {LATER}"),
        (True, "", LATER),
        (False, "Lock again.", "Lock again."),
    ],
)
def test_build_that_may_succeed_later_says_how_to_ask(*, transient: bool, hint: str, expected: str) -> None:
    """Only where trying again can help; a broken lock stays broken."""
    stopped = BuildStopped(code="DiskFull", message="full", hint=hint, step=Step.PUSH, transient=transient)

    assert explain_stop(stopped, last_lines=("end",)) == Failure(
        code="DiskFull", message="full", hint=expected, last_lines=("end",)
    )


def test_failure_of_several_images_names_those_without_one() -> None:
    """The verdict is joint: one image that cannot be built keeps back all of them."""
    failure = Failure(code="BuildFailed", message="no space", hint="free some")
    expected = "2 of 3 images could not be built (gpu, web), so none is published. gpu: no space"

    assert name_stopped(failure, ("gpu", "web"), total=3) == Failure(
        code="BuildFailed", message=expected, hint="free some"
    )
    assert name_stopped(failure, ("ts",), total=1) == failure
    assert name_stopped(None, (), total=3) is None


def test_run_that_ends_leaves_no_step_running(stage: Stage) -> None:
    """A build it no longer waits for is skipped, what was tried in vain failed; what ended stays as it was."""
    stage.receive()
    steps = stage.services.steps
    for name, state, detail in (
        ("plan", "done", ""),
        ("build ts", "running", ""),
        ("answer", "running", "GitHub is away"),
    ):
        steps.ensure_step(RUN_ID, name, state=state, detail=detail, at=AT)
    end_run(stage.services, RUN_ID, make_answer(RunState.CANCELLED))

    assert [(step.name, step.state, step.detail, step.ended_at) for step in steps.list_steps(RUN_ID)] == [
        ("plan", "done", "", AT),
        ("build ts", "skipped", "", AT),
        ("answer", "failed", "GitHub is away", AT),
    ]
