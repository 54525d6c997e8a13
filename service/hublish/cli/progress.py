"""How far a build is, on stderr: moving bars where a person watches, a few plain lines otherwise."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hublish.cli.screen import Screen
from hublish.core.building import Progress, Step
from hublish.core.measures import render_bytes
from hublish.core.ports import ProgressSink

TITLES = {
    Step.FETCH: "fetch the source",
    Step.BASE: "read the base",
    Step.BUILD: "build in a container",
    Step.PACKAGES: "fetch packages",
    Step.LAYERS: "make layers",
    Step.PUSH: "push",
    Step.OUTPUT: "write the image",
}
PLAIN_INTERVAL_SECONDS = 5.0


@contextmanager
def show_progress(screen: Screen) -> Iterator[ProgressSink]:
    """Show progress until the block ends; the sink may be called from any thread."""
    if screen.lively:
        from hublish.cli.bars import open_bars  # noqa: PLC0415  # start-up time: only a terminal needs moving bars

        with open_bars(screen.err.console, titles=TITLES, render=render_progress) as bars:
            yield bars
    else:
        yield PlainSink(screen.remark, clock=time.monotonic)


def render_progress(progress: Progress) -> str:
    """Render how far a step is: "12 of 104, numpy", or in bytes while pushing and writing."""
    units: Callable[[int], str] = render_bytes if progress.step in (Step.PUSH, Step.OUTPUT) else str
    amount = units(progress.done) if progress.total is None else f"{units(progress.done)} of {units(progress.total)}"
    return f"{amount}, {progress.label}" if progress.label else amount


class PlainSink:
    """A line when a step begins, when it is complete, and every few seconds between."""

    def __init__(self, write: Callable[[str], None], *, clock: Callable[[], float]) -> None:
        self._write = write
        self._clock = clock
        self._lock = threading.Lock()
        self._step: Step | None = None
        self._written_at = 0.0
        self._complete = False

    def __call__(self, progress: Progress) -> None:
        """Print a line if one is due."""
        with self._lock:
            now = self._clock()
            begins = progress.step is not self._step
            complete = progress.total is not None and progress.done >= progress.total
            due = complete or now - self._written_at >= PLAIN_INTERVAL_SECONDS
            if not begins and (self._complete or not due):
                return
            self._step, self._written_at, self._complete = progress.step, now, complete
            self._write(f"{TITLES[progress.step]}: {render_progress(progress)}")
