"""The engine inside the service: layered builds in threads of this process. It never runs anything of a repository.

What it knows is gone when the process ends; whoever asks for a run it never heard of starts it anew, and what builds leave
in their cache makes that cheap.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from hublish.builders.attachment import attach_document
from hublish.builders.layered.layered import build_layered
from hublish.builders.layerindex.ownercache import OWN, OwnerCaches
from hublish.core.building import BuildOutcome, BuildRequest, BuildStopped, BuildSucceeded, EngineStatus, Progress, Step
from hublish.core.plan import Plan, Strategy, make_build_key
from hublish.core.ports import BuildLog, ImageReader, ImageWriter, PackageIndex, Source, SourceFetcher
from hublish.core.redact import redact
from hublish.core.reference import Reference
from hublish.core.sbom import SBOM_MEDIA_TYPE, render_sbom
from hublish.errors import BuildCancelled, BuildFailed, HublishError, SourceInvalid, StrategyUnavailable, clip

LAST_LINES = 20
MESSAGE_LIMIT = 4000
ENDED_RUNS_KEPT = 500


@dataclass(slots=True, kw_only=True)
class _Run:
    """One build: what it was asked, how far it is, how it ended."""

    request: BuildRequest
    log: BuildLog
    stop: threading.Event = field(default_factory=threading.Event)
    deadline: float | None = None
    progress: Progress | None = None
    outcome: BuildOutcome | None = None
    step: Step = Step.FETCH
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))

    def tell(self, line: str) -> None:
        """Log a line and remember it for the answer, without what looks like a secret."""
        self.lines.append(redact(line))
        self.log.append(line)

    def tell_end(self, line: str) -> None:
        """Log how it ended, as far as the log can be written: a full disk must not cost the run its outcome."""
        with suppress(HublishError, OSError):
            self.tell(line)

    def advance(self, progress: Progress) -> None:
        """Note how far it is."""
        self.step = progress.step
        self.progress = progress


class LocalEngine:
    """Executes layered builds in this process.

    Args:
        sources: brings the source tree here.
        images: where bases are read from.
        output: where images are pushed to.
        index: where wheels come from.
        caches: what builds share, and the folder where it lies.
        workers: processes of one build.
        slots: builds at the same time; more wait in the order they came.
        clock: seconds that only go up.
    """

    def __init__(
        self,
        *,
        sources: SourceFetcher,
        images: ImageReader,
        output: ImageWriter,
        index: PackageIndex,
        caches: OwnerCaches,
        workers: int,
        slots: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = sources
        self._images = images
        self._output = output
        self._index = index
        self._caches = caches
        self._workers = workers
        self._clock = clock
        self._pool = ThreadPoolExecutor(max_workers=slots, thread_name_prefix="build")
        self._lock = threading.Lock()
        self._runs: dict[str, _Run] = {}
        self._closed = False

    @property
    def strategies(self) -> frozenset[Strategy]:
        """Only `layered`: the other strategies run code of the repository."""
        return frozenset({Strategy.LAYERED})

    def start(self, request: BuildRequest, log: BuildLog) -> None:
        """Start a build, or leave the one of that name alone; returns at once.

        Raises:
            StrategyUnavailable: the plan's strategy is not `layered`, or the engine is closed.
        """
        if request.plan.strategy is not Strategy.LAYERED:
            raise StrategyUnavailable(
                f"the local engine builds the strategy layered, the plan says {request.plan.strategy.value}",
                hint="Run `hublish doctor` to see which engines work here.",
            )
        with self._lock:
            if self._closed:
                raise StrategyUnavailable("the local engine is shutting down", transient=True)
            if request.name in self._runs:
                return
            self._forget_old_runs()
            run = _Run(request=request, log=log)
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
            runs = list(self._runs.values())
        for run in runs:
            run.stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _forget_old_runs(self) -> None:
        ended = [name for name, run in self._runs.items() if run.outcome is not None]
        for name in ended[: max(0, len(ended) - ENDED_RUNS_KEPT)]:
            del self._runs[name]

    def _execute(self, run: _Run) -> None:
        """Run one build to its outcome; nothing that goes wrong is lost."""
        run.deadline = self._clock() + run.request.plan.time_seconds
        try:
            outcome: BuildOutcome = self._build(run)
        except HublishError as exc:
            outcome = self._stopped(run, exc)
        except Exception as exc:  # noqa: BLE001 -- the boundary of a build: an error here must end it, not the thread
            frame = traceback.extract_tb(exc.__traceback__)[-1]
            run.tell_end(f"unexpected {type(exc).__name__} in {Path(frame.filename).name}:{frame.lineno}")
            outcome = BuildStopped(
                code="Unexpected",
                message=f"the build stopped at an error nobody foresaw: {type(exc).__name__}",
                hint="Please report it with the log of this build.",
                step=run.step,
                last_lines=tuple(run.lines),
            )
        with self._lock:
            # A build that stopped only because the engine closes has no outcome: it goes on after the restart.
            if not (self._closed and isinstance(outcome, BuildStopped) and outcome.cancelled):
                run.outcome = outcome

    def _build(self, run: _Run) -> BuildSucceeded:
        plan = run.request.plan
        started, target = self._clock(), _find_target(run.request)
        if self._should_stop(run):
            raise BuildCancelled("the build was stopped before it began")
        source = self._fetch_source(run)
        fetched_seconds = round(self._clock() - started, 3)
        outcome = build_layered(
            plan,
            source=source,
            images=self._images,
            output=self._output,
            target=target,
            index=self._index,
            workspace=self._caches.workspace,
            workers=self._workers,
            log=run.tell,
            progress=run.advance,
            cancelled=lambda: self._should_stop(run),
            cache=self._caches.open(
                owner=_find_owner(run.request), trust=plan.trust, repositories=(target, *run.request.siblings)
            ),
            clock=self._clock,
        )
        if run.request.target is not None:
            self._attach_sbom(run, outcome, target)
        return replace(outcome, step_seconds=((Step.FETCH.value, fetched_seconds), *outcome.step_seconds))

    def _attach_sbom(self, run: _Run, outcome: BuildSucceeded, target: Reference) -> None:
        repository = run.request.repository
        attach_document(
            render_sbom(run.request.plan, outcome, repository=None if repository is None else repository.full_name),
            media_type=SBOM_MEDIA_TYPE,
            image=target.with_digest(outcome.digest),
            images=self._images,
            output=self._output,
            log=run.tell,
        )

    def _fetch_source(self, run: _Run) -> Source:
        repository, ref = run.request.repository, run.request.ref
        if repository is None or ref is None:
            raise BuildFailed("a build in the service needs a repository and a commit")
        run.advance(Progress(step=Step.FETCH, done=0, total=None, label=repository.full_name))
        run.tell(f"source {repository.full_name} at {ref.sha}")
        source = self._sources.fetch_source(repository, ref)
        _verify_source(source, run.request.plan)
        return source

    def _should_stop(self, run: _Run) -> bool:
        return run.stop.is_set() or self._is_late(run)

    def _is_late(self, run: _Run) -> bool:
        return run.deadline is not None and self._clock() > run.deadline

    def _stopped(self, run: _Run, error: HublishError) -> BuildStopped:
        cancelled = isinstance(error, BuildCancelled)
        message, hint = error.message, error.hint
        if cancelled and not run.stop.is_set() and self._is_late(run):
            message = f"the build ran into its limit of {run.request.plan.time_seconds} seconds"
            hint = "Raise `limits.time` in the config file if the operator allows, or build less."
        run.tell_end(f"error: {message}")
        return BuildStopped(
            code=error.code,
            message=redact(clip(message, limit=MESSAGE_LIMIT)),
            hint=hint,
            step=run.step,
            cancelled=cancelled,
            transient=error.transient,
            last_lines=tuple(run.lines),
        )


def _verify_source(source: Source, plan: Plan) -> None:
    if source.tree.digest != plan.source_digest:
        raise SourceInvalid(
            f"the tree of {plan.commit} has {source.tree.digest}, it was planned with {plan.source_digest}",
            hint="Ask for the build again.",
        )


def _find_owner(request: BuildRequest) -> str:
    """Whose builds share a cache: GitHub does not tell names by their case."""
    return OWN if request.repository is None else request.repository.owner.lower()


def _find_target(request: BuildRequest) -> Reference:
    """Where the image goes: what was asked for, else a name for the engine's own output."""
    if request.target is not None:
        return request.target
    key = make_build_key(request.plan)
    return Reference(registry="localhost", repository=request.plan.source_name.lower(), tag=f"build-{key}")
