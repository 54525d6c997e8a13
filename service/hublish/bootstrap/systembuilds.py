"""What installs Debian packages for a service's builds: the container engines that the operator chose, for whom they serve."""

from __future__ import annotations

import shutil
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hublish.builders.containers.containerrun import ContainerBackend
from hublish.builders.containers.systembase import BUILD_SECONDS, SystemBaseBuild, make_system_plan
from hublish.core.plan import Trust
from hublish.core.ports import ImageReader, ImageWriter, SystemBaseBuilder
from hublish.core.reference import Reference
from hublish.errors import BuildCancelled, BuildFailed


class Registry(ImageReader, ImageWriter, Protocol):
    """Where bases are read from, and where they are pushed to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedBackend:
    """A container engine of the settings: its name there, builds at once, and the owners it serves (None: everybody)."""

    name: str
    owners: frozenset[str] | None
    slots: int
    backend: ContainerBackend


def serves(owners: frozenset[str] | None, *, owner: str, trust: Trust) -> bool:
    """Tell whether an engine for these owners (lower case; None is everybody) builds somebody's code; forks are nobody's."""
    return owners is None or (owner.lower() in owners and trust is not Trust.FORK)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemBuilder:
    """`hublish.core.ports.SystemBaseBuilder` by one engine, one base at a time: each may use all of a build's memory.

    Attributes:
        backend: the engine.
        registry: holds the bases.
        folder: for files of builds at work.
        seconds: longest build.
        clock: seconds that only go up.
    """

    backend: ContainerBackend
    registry: Registry
    folder: Path
    seconds: float
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def build(
        self,
        base: Reference,
        packages: tuple[str, ...],
        *,
        platform: str,
        user: str,
        target: Reference,
        log: Callable[[str], None],
    ) -> str:
        """See the port."""
        name = f"base-{uuid.uuid4().hex[:16]}"
        plan = make_system_plan(base, packages, platform=platform, user=user)
        with self._lock:
            deadline = self.clock() + self.seconds
            build = SystemBaseBuild(
                backend=self.backend,
                images=self.registry,
                output=self.registry,
                folder=self.folder / name,
                log=log,
                cancelled=lambda: self.clock() > deadline,
            )
            try:
                return build.run(plan, packages, name=name, target=target)
            except BuildCancelled as error:
                raise BuildFailed(
                    f"system.apt: installing {', '.join(packages)} took longer than {self.seconds:.0f} seconds",
                    hint="Name fewer packages, or a `base` that holds them.",
                ) from error
            finally:
                shutil.rmtree(self.folder / name, ignore_errors=True)


class SystemBuilders:
    """Finds what installs packages for whom.

    Args:
        backends: in the operator's order.
        registry: holds the bases.
        folder: for files of builds at work.
        build_seconds: the operator's limit of a build.
    """

    def __init__(
        self, backends: Sequence[ServedBackend], *, registry: Registry, folder: Path, build_seconds: float
    ) -> None:
        seconds = min(BUILD_SECONDS, build_seconds)
        self._builders = tuple(
            (item.owners, SystemBuilder(backend=item.backend, registry=registry, folder=folder, seconds=seconds))
            for item in backends
        )

    def find(self, owner: str, trust: Trust) -> SystemBaseBuilder | None:
        """The first engine that serves an owner; None where none does."""
        return next((found for owners, found in self._builders if serves(owners, owner=owner, trust=trust)), None)
