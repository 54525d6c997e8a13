"""The engines that the contract suite is run against, made as bootstrap makes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hublish.adapters.docker.engine import DockerEngine
from hublish.adapters.layout import OCILayout
from hublish.builders.containers.containerrun import ContainerBackend
from hublish.core.ports import ImageReader, ImageWriter, SourceFetcher
from hublish.engines.buildah import BuildahBackend, BuildahChoices, NetworkMode
from hublish.engines.containers import ContainerEngine, EngineRules
from hublish.engines.controlgroup import Limits
from hublish.engines.docker import NO_NETWORK, DockerBackend, DockerChoices

LIMITS = Limits(memory_bytes=256 << 20, pids=128)


def make_buildah(
    folder: Path, *, network: NetworkMode = NetworkMode.NONE, reachable: tuple[str, ...] = ()
) -> ContainerBackend:
    """buildah in a store of its own."""
    choices = BuildahChoices(folder=folder / "buildah", limits=LIMITS, network=network, reachable=reachable)
    return BuildahBackend(choices, make_layout=OCILayout)


def make_docker(host: str, *, network: str = NO_NETWORK) -> ContainerBackend:
    """A Docker Engine."""
    environ = {"DOCKER_HOST": host}
    choices = DockerChoices(environ=environ, limits=LIMITS, network=network)
    return DockerBackend(choices, make_loader=lambda name: DockerEngine(environ, name=name, progress=lambda *_: None))


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
) -> ContainerEngine:
    """An engine on a backend."""
    return ContainerEngine(
        EngineRules(name=name, owners=owners, slots=2, folder=folder / "work"),
        backend=backend,
        sources=sources,
        images=images,
        output=output,
        find_secrets=lambda _: secrets or {},
    )
