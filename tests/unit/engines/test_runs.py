"""A build's life as every engine tells it: what was at work when it stopped."""

from __future__ import annotations

import pytest

from hublish.core.building import Progress, Step
from hublish.core.plan import Strategy
from hublish.engines.runs import BuildRun
from hublish.errors import BuildFailed
from tests.fakes import FakeLog
from tests.unit.engines.test_dispatch import ask

AT_WORK = Progress(step=Step.BUILD, done=1, total=3, label="RUN echo ghs_" + "a" * 40)


@pytest.mark.parametrize(
    ("progress", "step", "label"),
    [(None, Step.FETCH, ""), (AT_WORK, Step.BUILD, "RUN echo ***"), (AT_WORK, Step.PUSH, "")],
)
def test_stopped_build_names_what_was_at_work(progress: Progress | None, step: Step, label: str) -> None:
    """As far as it is known of the very step it stopped in; secrets are masked."""
    run = BuildRun(request=ask(Strategy.DOCKERFILE), log=FakeLog(), clock=lambda: 0.0)
    if progress is not None:
        run.advance(progress)
    run.step = step

    assert run.make_stopped(BuildFailed("no")).label == label
