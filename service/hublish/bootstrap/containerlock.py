"""Locking a Pipfile in a container of its base: which base that is, what the sources are called from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hublish.adapters.index import read_pip_configuration
from hublish.bootstrap.locking import find_mirrors
from hublish.bootstrap.options import WorkbenchOptions
from hublish.builders.baseimage.record import load_base
from hublish.builders.layerindex.index import LayerIndex
from hublish.builders.locking.pipenvtask import LockTools, lock_in_container, read_sources
from hublish.core.locks.renewal import redirect_sources, restore_lock
from hublish.core.ports import ContainerRunner, ImageReader, PackageIndex
from hublish.core.reference import Reference
from hublish.errors import BuildCancelled, LockFailed, clip


@dataclass(frozen=True, slots=True, kw_only=True)
class LockParts:
    """What of a workbench a lock needs: options, images, what is known of bases, indexes, the engine, the certificates."""

    options: WorkbenchOptions
    images: ImageReader
    layers: LayerIndex
    index: PackageIndex
    runner: ContainerRunner
    ca_file: Path | None
    platform: str


def choose_lock_base(
    base: Reference | None, *, python_version: str | None, bases: Mapping[str, Reference]
) -> Reference:
    """Choose the base whose Python locks: the one that is named, else the default for the Pipfile's Python.

    Raises:
        LockFailed: there is none.
    """
    if base is not None:
        return base
    minor = ".".join((python_version or "").split(".")[:2])
    if minor not in bases:
        wanted = f"Python {clip(minor)}" if minor else "the Pipfile, which names no python_version"
        raise LockFailed(
            f"there is no base for {wanted}",
            hint="Name one by --base or in the config file, or lock by your own pipenv: `hublish lock --here`.",
        )
    return bases[minor]


def lock_in_base(
    pipfile: bytes, reference: Reference, *, parts: LockParts, log: Callable[[str], None], cancelled: Callable[[], bool]
) -> bytes:
    """Lock a Pipfile that was parsed before.

    Returns:
        The lock, with the Pipfile's own sources and hash, whatever was asked.

    Raises:
        LockFailed: a source cannot be asked from a container, or pipenv failed.
        BuildCancelled: `cancelled` said so.
        HublishError: base, index or engine.
    """

    def verify_running() -> None:
        if cancelled():
            raise BuildCancelled("locking was stopped; nothing was changed")

    options = parts.options
    sources = read_sources(pipfile)
    asked = redirect_sources(pipfile, find_mirrors(pipfile, environ=options.environ, index_map=options.index_map))
    read_sources(asked)
    opened, facts = load_base(parts.images, reference, platform=parts.platform, layers=parts.layers)
    pip = None if parts.ca_file is not None else read_pip_configuration(options.environ)
    tools = LockTools(
        base=replace(reference, digest=opened.named_digest),
        facts=facts,
        platform=parts.platform,
        index=parts.index,
        runner=parts.runner,
        folder=options.cache / "tasks",
        ca_file=parts.ca_file or (None if pip is None else pip.ca_file),
        log=log,
        verify_running=verify_running,
    )
    return restore_lock(lock_in_container(asked, sources=sources, tools=tools), pipfile=pipfile, asked=asked)
