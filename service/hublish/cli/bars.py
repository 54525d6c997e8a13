"""Moving bars for a person at a terminal; `progress` decides when, and what they say."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from hublish.core.building import Progress, Step

Render = Callable[[Progress], str]


@contextmanager
def open_bars(console: Console, *, titles: Mapping[Step, str], render: Render) -> Iterator[BarSink]:
    """Show bars until the block ends; the sink may be called from any thread."""
    columns = (TextColumn("{task.description:<18}"), BarColumn(), TextColumn("{task.fields[state]}"))
    with Bars(*columns, TimeElapsedColumn(), console=console, transient=True) as bars:
        yield BarSink(bars, titles=titles, render=render)


class BarSink:
    """One bar per step, made when the step first reports."""

    def __init__(self, bars: Bars, *, titles: Mapping[Step, str], render: Render) -> None:
        self._bars = bars
        self._titles = titles
        self._render = render
        self._tasks: dict[Step, TaskID] = {}
        self._lock = threading.Lock()

    def __call__(self, progress: Progress) -> None:
        """Move the step's bar."""
        with self._lock:
            if progress.step not in self._tasks:
                self._tasks[progress.step] = self._bars.add_task(self._titles[progress.step], total=None, state="")
            self._bars.update(
                self._tasks[progress.step],
                completed=progress.done,
                total=progress.total,
                state=self._render(progress),
            )
