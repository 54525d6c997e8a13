"""How a run's end is put into words."""

from __future__ import annotations

import pytest

from hublish.core.answers.report import Failure
from hublish.core.building import BuildStopped, Step
from hublish.workflows.ending import explain_stop

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
