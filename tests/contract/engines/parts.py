"""What the contract suite of the engines is run with: a registry with a base, plans, and engines to ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from hublish.adapters.registry import RegistryClient, RegistryRule
from hublish.builders.layerindex.ownercache import OWN, OwnerCaches
from hublish.builders.planning.planner import PlanInputs, make_plan
from hublish.core.building import BuildOutcome, BuildRequest, BuildStopped, BuildSucceeded, Step
from hublish.core.config.file import Config, DockerfileConfig, ImageConfig
from hublish.core.plan import Plan, Trust
from hublish.core.ports import BuildLog, Engine, Source, SourceFetcher
from hublish.core.reference import Reference, parse_reference
from hublish.core.repository import RefKind, Repository, ResolvedRef
from tests.fakes import FakeLog, FakeSource
from tests.sandbox.registry import Registry

REPOSITORY = Repository(id=7, owner="org", name="ts", installation_id=1, default_branch="main")
REF = ResolvedRef(name="v1", kind=RefKind.TAG, sha="a" * 40)
WAIT_SECONDS = 240.0
POLL_SECONDS = 0.05
Found = TypeVar("Found")


@dataclass
class Sources:
    """A SourceFetcher: each build's tree by the digest its commit stands for here."""

    trees: dict[str, FakeSource]

    def fetch_source(self, repository: Repository, ref: ResolvedRef) -> FakeSource:
        return self.trees[ref.sha]


@dataclass
class FetchHook:
    """A SourceFetcher that calls something first."""

    inner: SourceFetcher
    call: Callable[[], object] | None

    def fetch_source(self, repository: Repository, ref: ResolvedRef) -> Source:
        if self.call is not None:
            self.call()
        return self.inner.fetch_source(repository, ref)


class StepClock:
    """The real clock, which acts once: when the build of that name is first seen in a step.

    Engines ask the clock all the time, so that this is as soon as the step has begun.
    """

    def __init__(self, name: str, step: Step) -> None:
        self._name = name
        self._step = step
        self._engine: Engine | None = None
        self._act: Callable[[], None] | None = None
        self.ahead_seconds = 0.0

    def watch(self, engine: Engine, act: Callable[[], None]) -> None:
        self._engine, self._act = engine, act

    def __call__(self) -> float:
        status = None if self._engine is None or self._act is None else self._engine.status(self._name)
        if status is not None and status.progress is not None and status.progress.step is self._step:
            act, self._act = self._act, None
            assert act is not None
            act()
        return time.monotonic() + self.ahead_seconds


@dataclass
class Yard:
    """A registry with a base, and requests made for it."""

    registry: Registry
    base: Reference
    sources: Sources
    folder: Path
    base_layout: Path

    @property
    def images(self) -> RegistryClient:
        return RegistryClient(rules={self.registry.host: RegistryRule(plain_http=True)}, allowed_hosts=None)

    def ask(
        self,
        dockerfile: str,
        *,
        name: str,
        files: Mapping[str, bytes | str] | None = None,
        block: DockerfileConfig | None = None,
        repository: Repository = REPOSITORY,
        **changes: object,
    ) -> BuildRequest:
        """A request for a Dockerfile; `BASE` in its text is the base."""
        text = dockerfile.replace("BASE", str(self.base))
        source = FakeSource({"Dockerfile": text.encode(), **(files or {})})
        plan = replace(self.plan(source, block=block), **changes)
        return self.ask_plan(plan, source, name=name, repository=repository)

    def ask_plan(
        self, plan: Plan, source: FakeSource, *, name: str, repository: Repository = REPOSITORY
    ) -> BuildRequest:
        """A request for a plan."""
        sha = source.tree.digest.removeprefix("sha256:")[:40]
        self.sources.trees[sha] = source
        target = parse_reference(f"{self.registry.host}/team/{name}:built")
        return BuildRequest(name=name, plan=plan, repository=repository, ref=replace(REF, sha=sha), target=target)

    def plan(self, source: FakeSource, *, block: DockerfileConfig | None = None) -> Plan:
        """The plan of a tree with a Dockerfile."""
        image = ImageConfig(reference=parse_reference(f"{self.registry.host}/team/ts"), tags=("latest",))
        config = Config(path=".hublish.yaml", legacy=False, images=(image,), dockerfile=block)
        inputs = PlanInputs(
            source=source,
            config=config,
            image=image,
            bases={},
            trust=Trust.OWNER,
            source_repo_id=7,
            target_repository=image.reference.name,
        )
        planned = make_plan(
            inputs, images=self.images, layers=OwnerCaches(self.folder).open(owner=OWN, trust=Trust.OWNER).layers
        )
        assert planned.plan is not None, planned.findings
        return planned.plan


def wait(engine: Engine, name: str, *, seconds: float = WAIT_SECONDS) -> BuildOutcome:
    """Wait for a build's outcome."""
    return wait_for(lambda: find_outcome(engine, name), what=f"the end of {name}", seconds=seconds)


def find_outcome(engine: Engine, name: str) -> BuildOutcome | None:
    status = engine.status(name)
    return None if status is None else status.outcome


def wait_for(find: Callable[[], Found | None], *, what: str, seconds: float = WAIT_SECONDS) -> Found:
    """Wait until `find` finds something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = find()
        if found is not None:
            return found
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"waited {seconds} seconds in vain for {what}")


def run(
    engine: Engine, request: BuildRequest, log: BuildLog | None = None, *, seconds: float = WAIT_SECONDS
) -> BuildOutcome:
    """Start a build and wait for its outcome."""
    engine.start(request, FakeLog() if log is None else log)
    return wait(engine, request.name, seconds=seconds)


def succeed(
    engine: Engine, request: BuildRequest, log: BuildLog | None = None, *, seconds: float = WAIT_SECONDS
) -> BuildSucceeded:
    """Build an image that is expected to come out."""
    outcome = run(engine, request, log, seconds=seconds)
    assert isinstance(outcome, BuildSucceeded), outcome
    return outcome


def stop(engine: Engine, request: BuildRequest, log: BuildLog | None = None) -> BuildStopped:
    """Build an image that is expected not to come out."""
    outcome = run(engine, request, log)
    assert isinstance(outcome, BuildStopped), outcome
    return outcome
