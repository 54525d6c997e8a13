"""The engines that the contract suite is run against, made as bootstrap makes them, each with builds that it can do."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from hublish.adapters.docker.engine import DockerEngine
from hublish.adapters.layout import OCILayout
from hublish.builders.containers.containerrun import ContainerBackend
from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.core.building import BuildRequest, Step
from hublish.core.ports import Engine, ImageReader, ImageWriter, SourceFetcher
from hublish.core.reference import Reference
from hublish.engines.buildah import BuildahBackend, BuildahChoices, NetworkMode
from hublish.engines.containers import ContainerEngine, EngineRules
from hublish.engines.controlgroup import Limits
from hublish.engines.docker import NO_NETWORK, DockerBackend, DockerChoices
from hublish.engines.local import LocalEngine
from hublish.oci.manifest import make_digest
from tests.contract.engines.parts import REF, REPOSITORY, FetchHook, Yard
from tests.fakes import FakeSources
from tests.unit.builders.samples import BASE, Bench

LIMITS = Limits(memory_bytes=256 << 20, pids=128)
GONE = "sha256:" + 64 * "0"


def make_buildah(
    folder: Path,
    *,
    network: NetworkMode = NetworkMode.NONE,
    reachable: tuple[str, ...] = (),
    limits: Limits = LIMITS,
) -> ContainerBackend:
    """buildah in a store of its own."""
    choices = BuildahChoices(folder=folder / "buildah", limits=limits, network=network, reachable=reachable)
    return BuildahBackend(choices, make_layout=OCILayout)


def make_docker(host: str, *, network: str = NO_NETWORK, limits: Limits = LIMITS) -> ContainerBackend:
    """A Docker Engine."""
    environ = {"DOCKER_HOST": host}
    choices = DockerChoices(environ=environ, limits=limits, network=network)
    return DockerBackend(choices, make_loader=lambda name: DockerEngine(environ, name=name, progress=lambda *_: None))


def make_backend(kind: str, place: str, *, limits: Limits = LIMITS) -> ContainerBackend:
    """The engine of that name whose store is in a folder, or behind an address."""
    return make_buildah(Path(place), limits=limits) if kind == "buildah" else make_docker(place, limits=limits)


def make_engine(
    backend: ContainerBackend,
    *,
    name: str,
    folder: Path,
    sources: SourceFetcher,
    images: ImageReader,
    output: ImageWriter,
    owners: frozenset[str] | None = None,
    secrets: Mapping[str, bytes] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> ContainerEngine:
    """An engine on a backend."""
    return ContainerEngine(
        EngineRules(name=name, owners=owners, slots=2, folder=folder / "work"),
        backend=backend,
        sources=sources,
        images=images,
        output=output,
        find_secrets=lambda _: secrets or {},
        clock=clock,
    )


class Subject(Protocol):
    """An engine under test.

    Attributes:
        steps: those that its builds go through.
        failure: (step, message) of its failing build.
        time_seconds: limit of its builds.
    """

    steps: tuple[Step, ...]
    failure: tuple[Step, str]
    time_seconds: int

    def open_engine(
        self, *, clock: Callable[[], float] = time.monotonic, fetching: Callable[[], object] | None = None
    ) -> Engine:
        """The engine, new in this process; `fetching` is called whenever it brings a source here."""

    def ask(self, name: str) -> BuildRequest:
        """A build that ends well, for that name; every name's image is the same."""

    def ask_failing(self, name: str) -> BuildRequest:
        """A build with a failing step."""

    def ask_baseless(self, name: str) -> BuildRequest:
        """A build whose base is no longer in the registry."""

    def read_digest(self, name: str) -> str | None:
        """What stands under the build's name."""


@dataclass
class LocalSubject:
    """Layered builds in this process."""

    bench: Bench
    steps = (Step.FETCH, Step.BASE, Step.PACKAGES, Step.LAYERS, Step.PUSH)
    failure = (
        Step.PACKAGES,
        "the locked packages do not fit together: beta 1.0 requires missing, but missing is not among them for Python 3.11.2",
    )
    time_seconds = 60

    def open_engine(
        self, *, clock: Callable[[], float] = time.monotonic, fetching: Callable[[], object] | None = None
    ) -> Engine:
        return LocalEngine(
            sources=FetchHook(FakeSources(self.bench.source), fetching),
            images=self.bench.images,
            output=self.bench.images,
            index=self.bench.index,
            caches=OwnerCaches(self.bench.folder / "workspace"),
            workers=1,
            slots=2,
            clock=clock,
        )

    def ask(self, name: str) -> BuildRequest:
        return BuildRequest(
            name=name, plan=self.bench.plan(), repository=REPOSITORY, ref=REF, target=self._name_target(name)
        )

    def ask_failing(self, name: str) -> BuildRequest:
        self.bench.add_package("beta", requires=["missing"])
        return self.ask(name)

    def ask_baseless(self, name: str) -> BuildRequest:
        return replace(self.ask(name), plan=self.bench.plan(base=replace(BASE, digest=GONE)))

    def read_digest(self, name: str) -> str | None:
        manifest = self.bench.images.fetch_manifest(self._name_target(name))
        return None if manifest is None else manifest.digest

    def _name_target(self, name: str) -> Reference:
        return Reference(registry=BASE.registry, repository=f"team/{name}", tag="built")


@dataclass
class ContainerSubject:
    """Dockerfiles, by one of the engines that run containers."""

    kind: str
    backend: ContainerBackend
    yard: Yard
    folder: Path
    steps = (Step.FETCH, Step.BASE, Step.BUILD, Step.LAYERS, Step.PUSH)
    failure = (Step.BUILD, "the build failed at step 2 of 2, RUN echo before; exit 3: exit status 3")
    time_seconds = 1800

    def open_engine(
        self, *, clock: Callable[[], float] = time.monotonic, fetching: Callable[[], object] | None = None
    ) -> Engine:
        return make_engine(
            self.backend,
            name=self.kind,
            folder=self.folder,
            sources=FetchHook(self.yard.sources, fetching),
            images=self.yard.images,
            output=self.yard.images,
            clock=clock,
        )

    def ask(self, name: str) -> BuildRequest:
        return self.yard.ask("FROM BASE\nCOPY data /data\n", name=name, files={"data": b"1\n"})

    def ask_failing(self, name: str) -> BuildRequest:
        return self.yard.ask("FROM BASE\nRUN echo before; exit 3\n", name=name)

    def ask_baseless(self, name: str) -> BuildRequest:
        request = self.ask(name)
        container = request.plan.container
        assert container is not None
        (pin,) = container.bases
        gone = replace(
            container,
            dockerfile_text=container.dockerfile_text.replace(str(self.yard.base.digest), GONE),
            bases=(replace(pin, image=pin.image.with_digest(GONE)),),
        )
        return replace(request, plan=replace(request.plan, container=gone))

    def read_digest(self, name: str) -> str | None:
        body = self.yard.registry.manifest_bytes(f"team/{name}", "built")
        return None if body is None else make_digest(body)
