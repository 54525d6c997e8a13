"""The life of a build in a thread of this process, the same for every engine: start, adopt, progress, stop, outcome.

What is known here is gone when the process ends. Whether an engine finds something of a build again after that is the
engine's own matter; nothing that goes wrong in a build is lost.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hublish.builders.layerindex.ownercache import name_owner
from hublish.builders.nowhere import NOWHERE, Nowhere
from hublish.core.building import BuildOutcome, BuildRequest, BuildStopped, BuildSucceeded, EngineStatus, Progress, Step
from hublish.core.plan import Trust
from hublish.core.ports import BuildLog, ImageWriter, Source, SourceFetcher
from hublish.core.redact import redact
from hublish.core.reference import Reference
from hublish.errors import (
    BuildCancelled,
    BuildFailed,
    HublishError,
    NotAllowed,
    SourceInvalid,
    StrategyUnavailable,
    clip,
)

LAST_LINES = 20
MESSAGE_LIMIT = 4000
ENDED_RUNS_KEPT = 500


@dataclass(slots=True, kw_only=True)
class BuildRun:
    """One build: what it was asked, how far it is, how it ended."""

    request: BuildRequest
    log: BuildLog
    clock: Callable[[], float]
    stop: threading.Event = field(default_factory=threading.Event)
    deadline: float | None = None
    progress: Progress | None = None
    outcome: BuildOutcome | None = None
    step: Step = Step.FETCH
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))

    def tell(self, line: str) -> None:
        """Log a line and remember it for the answer."""
        self.lines.append(line)
        self.log.append(line)

    def hear(self, line: str) -> None:
        """Take a line of what runs for the build elsewhere."""
        self.tell(line)

    def tell_end(self, line: str) -> None:
        """Log how it ended, as far as the log can be written: a full disk must not cost the run its outcome."""
        with suppress(HublishError, OSError):
            self.tell(line)

    def advance(self, progress: Progress) -> None:
        """Note how far it is."""
        self.step = progress.step
        self.progress = progress

    def is_late(self) -> bool:
        """Whether its time is over."""
        return self.deadline is not None and self.clock() > self.deadline

    def should_stop(self) -> bool:
        """Whether a person, the engine's end or the clock asks it to stop."""
        return self.is_late() or self.stop.is_set()

    def make_stopped(self, error: HublishError) -> BuildStopped:
        """The outcome of a build that an error ended; logged, too."""
        cancelled = isinstance(error, BuildCancelled)
        message, hint = error.message, error.hint
        if cancelled and not self.stop.is_set() and self.is_late():
            message = f"the build ran into its limit of {self.request.plan.time_seconds} seconds"
            hint = "Raise `limits.time` in the config file if the operator allows, or build less."
        self.tell_end(f"error: {message}")
        return BuildStopped(
            code=error.code,
            message=redact(clip(message, limit=MESSAGE_LIMIT)),
            hint=hint,
            step=self.step,
            cancelled=cancelled,
            transient=error.transient,
            last_lines=tuple(redact(line) for line in self.lines),
            label=self._find_label(),
        )

    def _find_label(self) -> str:
        """What is at work; "" when the last word of it was on another step."""
        known = self.progress
        return redact(known.label) if known is not None and known.step is self.step else ""

    def make_unexpected(self, error: Exception) -> BuildStopped:
        """The outcome of a build that a bug ended; the error's text may hold anything and stays out."""
        frame = traceback.extract_tb(error.__traceback__)[-1]
        self.tell_end(f"unexpected {type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}")
        return BuildStopped(
            code="Unexpected",
            message=f"the build stopped at an error nobody foresaw: {type(error).__name__}",
            hint="Please report it with the log of this build.",
            step=self.step,
            last_lines=tuple(redact(line) for line in self.lines),
        )


class BuildThreads:
    """The builds of one engine, each in a thread; a name that is known is never started twice.

    Args:
        name: of the engine, for messages.
        build: executes one run to its image; raises HublishError when it cannot.
        slots: builds at the same time; more wait in the order they came.
        clock: seconds that only go up.
    """

    def __init__(
        self,
        *,
        name: str,
        build: Callable[[BuildRun], BuildSucceeded],
        slots: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._build = build
        self._clock = clock
        self._pool = ThreadPoolExecutor(max_workers=slots, thread_name_prefix=f"build-{name}")
        self._lock = threading.Lock()
        self._runs: dict[str, BuildRun] = {}
        self._closed = False

    def start(self, request: BuildRequest, log: BuildLog) -> None:
        """Start a build, or leave the one of that name alone; returns at once.

        Raises:
            StrategyUnavailable: the engine is closed.
        """
        with self._lock:
            if self._closed:
                raise StrategyUnavailable(f"the {self._name} engine is shutting down", transient=True)
            if request.name in self._runs:
                return
            self._forget_old_runs()
            run = BuildRun(request=request, log=log, clock=self._clock)
            self._runs[request.name] = run
            self._pool.submit(self._execute, run)

    def status(self, name: str) -> EngineStatus | None:
        """What is known of a run; None after a restart."""
        with self._lock:
            run = self._runs.get(name)
            return None if run is None else EngineStatus(progress=run.progress, outcome=run.outcome)

    def cancel(self, name: str) -> None:
        """Ask a run to stop; it does so at the next unit of work."""
        with self._lock:
            run = self._runs.get(name)
        if run is not None:
            run.stop.set()

    def close(self) -> None:
        """Take no more builds and let go of running ones: they stop without an outcome and are started anew later."""
        with self._lock:
            self._closed = True
            for run in self._runs.values():
                run.stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _forget_old_runs(self) -> None:
        ended = [name for name, run in self._runs.items() if run.outcome is not None]
        for name in ended[: max(0, len(ended) - ENDED_RUNS_KEPT)]:
            del self._runs[name]

    def _execute(self, run: BuildRun) -> None:
        """Run one build to its outcome; nothing that goes wrong is lost."""
        run.deadline = self._clock() + run.request.plan.time_seconds
        try:
            if run.should_stop():
                raise BuildCancelled("the build was stopped before it began")
            outcome: BuildOutcome = self._build(run)
        except HublishError as exc:
            if self._closed and isinstance(exc, BuildCancelled):
                # It stopped only because the engine closes: it goes on after the restart, and its log with it.
                return
            outcome = run.make_stopped(exc)
        except Exception as exc:  # noqa: BLE001 -- the boundary of a build: an error here must end it, not the thread
            outcome = run.make_unexpected(exc)
        with self._lock:
            run.outcome = outcome


def fetch_run_source(run: BuildRun, sources: SourceFetcher) -> Source:
    """Fetch the tree of a run, which must be the one that was planned.

    Raises:
        BuildFailed: the request names no repository and commit.
        BuildCancelled: it was to stop meanwhile.
        SourceInvalid: the tree is another one than when the plan was made.
    """
    repository, ref, plan = run.request.repository, run.request.ref, run.request.plan
    if repository is None or ref is None:
        raise BuildFailed("a build in the service needs a repository and a commit")
    run.advance(Progress(step=Step.FETCH, done=0, total=None, label=repository.full_name))
    run.tell(f"source {repository.full_name} at {ref.sha}")
    source = sources.fetch_source(repository, ref)
    if run.should_stop():
        raise BuildCancelled("the build was stopped while its source was fetched")
    if source.tree.digest != plan.source_digest:
        raise SourceInvalid(
            f"the tree of {plan.commit} has {source.tree.digest}, it was planned with {plan.source_digest}",
            hint="Ask for the build again.",
        )
    return source


def find_owner(request: BuildRequest) -> str:
    """Whose builds share a cache."""
    return name_owner(request.repository)


def find_target(request: BuildRequest) -> Reference:
    """Where the image goes; NOWHERE for a build that is only tried.

    Raises:
        NotAllowed: a fork's image is pushed under no name.
    """
    if request.target is None:
        return NOWHERE
    if request.plan.trust is Trust.FORK:
        raise NotAllowed("the image of a fork is pushed nowhere, and this request names a place for it")
    return request.target


def choose_output(request: BuildRequest, registries: ImageWriter) -> ImageWriter:
    """What writes the image: the client of registries, or nothing at all for a build that is only tried."""
    return Nowhere() if request.target is None else registries


def list_places(request: BuildRequest) -> tuple[Reference, ...]:
    """Repositories where layers of the owner's images lie: the target's first, if there is one."""
    return request.siblings if request.target is None else (find_target(request), *request.siblings)
