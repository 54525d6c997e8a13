"""How a run's end is put into words."""

from __future__ import annotations

import pytest

from hublish.core.answers.report import Failure
from hublish.core.building import BuildStopped, Step
from hublish.workflows.ending import explain_stop, name_stopped

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
