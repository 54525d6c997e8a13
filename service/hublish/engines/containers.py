"""An engine of container builds on this machine, on top of a backend: threads, source, whose builds it takes.

A backend that isolates less than a container or pod of its own serves the owners that the operator lists, and never a
fork.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hublish.builders.containers.containerrun import ContainerBackend, ContainerTools, build_container
from hublish.core.building import BuildRequest, BuildSucceeded, EngineStatus, Step
from hublish.core.plan import Plan, Strategy, Trust
from hublish.core.ports import BuildLog, ImageReader, ImageWriter, SourceFetcher
from hublish.engines.runs import BuildRun, BuildThreads, choose_output, fetch_run_source, find_target
from hublish.errors import StrategyUnavailable, clip

STRATEGIES = frozenset({Strategy.SOURCE, Strategy.DOCKERFILE})


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRules:
    """What an engine takes.

    Attributes:
        name: of the engine, as settings have it.
        owners: owners of repositories, lower case, that it builds for; None for everybody, forks included.
        slots: builds at the same time.
        folder: for files of builds at work.
    """

    name: str
    owners: frozenset[str] | None
    slots: int
    folder: Path


class ContainerEngine:
    """Executes builds of the strategies source and dockerfile.

    Args:
        rules: what it takes.
        backend: what builds.
        sources: brings the source tree here.
        images: where bases are read from.
        output: where images are pushed to.
        find_secrets: what the operator gives a build, id -> bytes.
        clock: seconds that only go up.
    """

    def __init__(
        self,
        rules: EngineRules,
        *,
        backend: ContainerBackend,
        sources: SourceFetcher,
        images: ImageReader,
        output: ImageWriter,
        find_secrets: Callable[[BuildRequest], Mapping[str, bytes]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rules = rules
        self._backend = backend
        self._sources = sources
        self._images = images
        self._output = output
        self._find_secrets = find_secrets
        self._clock = clock
        self._threads = BuildThreads(name=rules.name, build=self._build, slots=rules.slots, clock=clock)

    @property
    def strategies(self) -> frozenset[Strategy]:
        """Those that run code of the repository in containers."""
        return STRATEGIES

    def verify_plan(self, plan: Plan) -> None:
        """Raise StrategyUnavailable for another strategy, and for what the backend cannot execute."""
        if plan.strategy not in STRATEGIES or plan.container is None:
            raise StrategyUnavailable(
                f"the {self._rules.name} engine builds source and dockerfile, the plan says {plan.strategy.value}",
                hint="Run `hublish doctor` to see which engines work here.",
            )
        self._backend.verify_container(plan.container)

    def start(self, request: BuildRequest, log: BuildLog) -> None:
        """Start a build, or leave the one of that name alone; returns at once.

        Raises:
            StrategyUnavailable: see `verify_plan`; an owner that is not listed, a fork, or the engine is closed.
        """
        self.verify_plan(request.plan)
        self._verify_allowed(request)
        self._threads.start(request, log)

    def status(self, name: str) -> EngineStatus | None:
        """What is known of a run; None after a restart."""
        return self._threads.status(name)

    def cancel(self, name: str) -> None:
        """Ask a run to stop; it does so within a second."""
        self._threads.cancel(name)

    def close(self) -> None:
        """Take no more builds and let go of running ones: they are started anew, or taken as they ended, later."""
        self._threads.close()

    def _verify_allowed(self, request: BuildRequest) -> None:
        if self._rules.owners is None:
            return
        owner = "" if request.repository is None else request.repository.owner.lower()
        if request.plan.trust is Trust.FORK:
            reason = "a fork"
        elif owner not in self._rules.owners:
            reason = f"the owner {clip(owner)}"
        else:
            return
        raise StrategyUnavailable(
            f"the {self._rules.name} engine isolates builds by chroot alone, and does not build for {reason}",
            hint=f"The operator lists owners under `engines.{self._rules.name}.owners`, or adds an engine with containers.",
        )

    def _build(self, run: BuildRun) -> BuildSucceeded:
        started = self._clock()
        source = fetch_run_source(run, self._sources)
        fetched_seconds = round(self._clock() - started, 3)
        outcome = build_container(
            run.request.plan,
            name=run.request.name,
            source=source,
            target=find_target(run.request),
            tools=ContainerTools(
                backend=self._backend,
                images=self._images,
                output=choose_output(run.request, self._output),
                folder=self._rules.folder,
                secrets=self._find_secrets(run.request),
                log=run.tell,
                progress=run.advance,
                cancelled=run.should_stop,
                clock=self._clock,
            ),
        )
        return replace(outcome, step_seconds=((Step.FETCH.value, fetched_seconds), *outcome.step_seconds))
