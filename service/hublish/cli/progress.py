"""How far a build is, on stderr: moving bars where a person watches, a few plain lines otherwise."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from hublish.cli.screen import Screen
from hublish.core.building import Progress, Step
from hublish.core.measures import render_bytes
from hublish.core.ports import ProgressSink

TITLES = {
    Step.FETCH: "fetch the source",
    Step.BASE: "read the base",
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
        columns = (TextColumn("{task.description:<18}"), BarColumn(), TextColumn("{task.fields[state]}"))
        with Bars(*columns, TimeElapsedColumn(), console=screen.err, transient=True) as bars:
            yield BarSink(bars)
    else:
        yield PlainSink(screen.remark, clock=time.monotonic)


def render_progress(progress: Progress) -> str:
    """Render how far a step is: "12 of 104, numpy", or in bytes while pushing and writing."""
    units: Callable[[int], str] = render_bytes if progress.step in (Step.PUSH, Step.OUTPUT) else str
    amount = units(progress.done) if progress.total is None else f"{units(progress.done)} of {units(progress.total)}"
    return f"{amount}, {progress.label}" if progress.label else amount


class BarSink:
    """One bar per step, made when the step first reports."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[Step, TaskID] = {}
        self._lock = threading.Lock()

    def __call__(self, progress: Progress) -> None:
        """Move the step's bar."""
        with self._lock:
            if progress.step not in self._tasks:
                self._tasks[progress.step] = self._bars.add_task(TITLES[progress.step], total=None, state="")
            self._bars.update(
                self._tasks[progress.step],
                completed=progress.done,
                total=progress.total,
                state=render_progress(progress),
            )


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
