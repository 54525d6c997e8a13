"""The engine inside the service: layered builds in threads of this process. It never runs anything of a repository.

What it knows is gone when the process ends; whoever asks for a run it never heard of starts it anew, and what builds leave
in their cache makes that cheap.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from hublish.builders.attachment import attach_document
from hublish.builders.layered.build import build_layered
from hublish.builders.layerindex.ownercache import OwnerCache, OwnerCaches
from hublish.core.building import BuildRequest, BuildSucceeded, EngineStatus, Step
from hublish.core.plan import Plan, Strategy
from hublish.core.ports import (
    BuildLog,
    CommitFetcher,
    ContainerRunner,
    ImageReader,
    ImageWriter,
    PackageIndex,
    SourceFetcher,
)
from hublish.core.reference import Reference
from hublish.core.sbom import SBOM_MEDIA_TYPE, render_sbom
from hublish.engines.commits import RepositoryCommits
from hublish.engines.runs import (
    BuildRun,
    BuildThreads,
    choose_output,
    fetch_run_source,
    find_owner,
    find_target,
    list_places,
)
from hublish.errors import StrategyUnavailable


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
        find_runner: finds what may build wheels for a request; None where nothing may.
        web_url: root of GitHub's pages, where packages of other repositories may come from; "" for none.
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
        find_runner: Callable[[BuildRequest], ContainerRunner | None] = lambda _: None,
        web_url: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = sources
        self._images = images
        self._output = output
        self._index = index
        self._caches = caches
        self._workers = workers
        self._find_runner = find_runner
        self._web_url = web_url
        self._clock = clock
        self._threads = BuildThreads(name="local", build=self._build, slots=slots, clock=clock)

    @property
    def strategies(self) -> frozenset[Strategy]:
        """Only `layered`: the other strategies run code of the repository."""
        return frozenset({Strategy.LAYERED})

    def verify_plan(self, plan: Plan) -> None:
        """Raise StrategyUnavailable when the plan's strategy is not `layered`."""
        if plan.strategy is not Strategy.LAYERED:
            raise StrategyUnavailable(
                f"the local engine builds the strategy layered, the plan says {plan.strategy.value}",
                hint="Run `hublish doctor` to see which engines work here.",
            )

    def start(self, request: BuildRequest, log: BuildLog) -> None:
        """Start a build, or leave the one of that name alone; returns at once.

        Raises:
            StrategyUnavailable: see `verify_plan`; nothing here builds the wheels that it needs, or the engine is closed.
        """
        self.verify_plan(request.plan)
        if request.plan.builds_wheels and self._find_runner(request) is None:
            raise StrategyUnavailable(
                "the local engine builds no wheels for this owner, and a package of the lock has none that fits",
                hint="The operator adds docker or buildah to `engines.use`, or `engines.tekton.build_image`.",
            )
        self._threads.start(request, log)

    def status(self, name: str) -> EngineStatus | None:
        """What is known of a run; None after a restart."""
        return self._threads.status(name)

    def cancel(self, name: str) -> None:
        """Ask a run to stop; it does so at the next unit of work."""
        self._threads.cancel(name)

    def close(self) -> None:
        """Take no more builds and let go of running ones: they stop without an outcome and are started anew later."""
        self._threads.close()

    def _build(self, run: BuildRun) -> BuildSucceeded:
        plan = run.request.plan
        started, target = self._clock(), find_target(run.request)
        source = fetch_run_source(run, self._sources)
        fetched_seconds = round(self._clock() - started, 3)
        outcome = build_layered(
            plan,
            source=source,
            images=self._images,
            output=choose_output(run.request, self._output),
            target=target,
            index=self._index,
            workspace=self._caches.workspace,
            workers=self._workers,
            log=run.tell,
            progress=run.advance,
            cancelled=run.should_stop,
            cache=self._open_cache(run.request),
            runner=self._find_runner(run.request),
            commits=self._open_commits(run.request),
            clock=self._clock,
        )
        if run.request.target is not None:
            self._attach_sbom(run, outcome, target)
        return replace(outcome, step_seconds=((Step.FETCH.value, fetched_seconds), *outcome.step_seconds))

    def _open_cache(self, request: BuildRequest) -> OwnerCache:
        cache = self._caches.open(
            owner=find_owner(request), trust=request.plan.trust, repositories=list_places(request)
        )
        return replace(cache, in_registry=request.target is not None)

    def _open_commits(self, request: BuildRequest) -> CommitFetcher | None:
        if request.repository is None or not self._web_url:
            return None
        return RepositoryCommits(sources=self._sources, repository=request.repository, web_url=self._web_url)

    def _attach_sbom(self, run: BuildRun, outcome: BuildSucceeded, target: Reference) -> None:
        repository = run.request.repository
        attach_document(
            render_sbom(run.request.plan, outcome, repository=None if repository is None else repository.full_name),
            media_type=SBOM_MEDIA_TYPE,
            image=target.with_digest(outcome.digest),
            images=self._images,
            output=self._output,
            log=run.tell,
        )
