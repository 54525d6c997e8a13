"""The engines that the contract suite is run against, made as bootstrap makes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hublish.adapters.layout import OCILayout
from hublish.builders.containers.containerrun import ContainerBackend
from hublish.core.ports import ImageReader, ImageWriter, SourceFetcher
from hublish.engines.buildah import BuildahBackend, BuildahChoices, Limits, NetworkMode
from hublish.engines.containers import ContainerEngine, EngineRules

LIMITS = Limits(memory_bytes=256 << 20, pids=128)


def make_buildah(
    folder: Path, *, network: NetworkMode = NetworkMode.NONE, reachable: tuple[str, ...] = ()
) -> ContainerBackend:
    """buildah in a store of its own."""
    choices = BuildahChoices(folder=folder / "buildah", limits=LIMITS, network=network, reachable=reachable)
    return BuildahBackend(choices, make_layout=OCILayout)


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
