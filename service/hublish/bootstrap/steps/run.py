"""One Step of a pod from start to exit code: finds its work, reports by lines, and never ends without a reason."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from hublish.bootstrap.steps.build import build_image
from hublish.bootstrap.steps.fetch import fetch_all
from hublish.bootstrap.steps.places import StepPlaces, load_request
from hublish.bootstrap.steps.probe import probe, render_probe
from hublish.bootstrap.steps.push import push_built
from hublish.core.building import BuildSucceeded, Progress
from hublish.core.podlines import render_message
from hublish.core.redact import redact
from hublish.engines.runs import BuildRun
from hublish.errors import HublishError

STEPS: Mapping[str, Callable[[BuildRun, StepPlaces], BuildSucceeded | None]] = {
    "fetch": fetch_all,
    "build": build_image,
    "push": push_built,
}
PROGRESS_SECONDS = 0.5


def _say(line: str) -> None:
    """One line at once: who reads the log is waiting for it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class _PodLog:
    """A BuildLog on standard output."""

    def append(self, line: str) -> None:
        _say(redact(line))


class _ReportingRun(BuildRun):
    """A run whose progress is told by lines, few enough for a log."""

    __slots__ = ("_told_at",)

    def advance(self, progress: Progress) -> None:
        known, told_at = self.progress, getattr(self, "_told_at", 0.0)
        self.step, self.progress = progress.step, progress
        if known is None or known.step is not progress.step or self.clock() - told_at > PROGRESS_SECONDS:
            self._told_at = self.clock()
            _say(render_message(progress))


def run_step(name: str, environ: Mapping[str, str]) -> int:
    """Run one Step.

    Args:
        name: fetch, build, push or probe.
        environ: of the pod: folders, and the files of results.

    Returns:
        Exit code: 0 done, 1 not; the reason is the last line.
    """
    if name == "probe":
        _say(render_probe(probe(environ)))
        return 0
    places = StepPlaces.find(name, environ)
    try:
        request = load_request(places)
    except (HublishError, OSError) as error:
        _say(f"error: this Step has no request: {error}")
        return 1
    run = _ReportingRun(request=request, log=_PodLog(), clock=time.monotonic)
    try:
        outcome = STEPS[name](run, places)
    except HublishError as error:
        _say(render_message(replace(run.make_stopped(error), last_lines=())))
        return 1
    except Exception as error:  # noqa: BLE001 -- the boundary of a Step: the engine learns the reason by this line
        _say(render_message(replace(run.make_unexpected(error), last_lines=())))
        return 1
    if outcome is not None:
        _say(render_message(outcome))
    return 0
