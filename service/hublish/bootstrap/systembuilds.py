"""What installs Debian packages for a service's builds: the container engines that the operator chose, for whom they serve."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hublish.builders.containers.containerrun import ContainerBackend
from hublish.builders.containers.systembase import BUILD_SECONDS, SystemBaseBuild, make_system_plan
from hublish.builders.stopping import verify_serving
from hublish.core.plan import Trust
from hublish.core.ports import ImageReader, ImageWriter, SystemBaseBuilder
from hublish.core.reference import Reference
from hublish.errors import BuildCancelled, BuildFailed, HublishError

_ASK_SECONDS = 1.0


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
        stopping: set once this process ends.
        clock: seconds that only go up.
    """

    backend: ContainerBackend
    registry: Registry
    folder: Path
    seconds: float
    stopping: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def verify_open(self) -> None:
        """See the port."""
        verify_serving(self.stopping, what="packages are installed")

    def build(
        self,
        base: Reference,
        packages: tuple[str, ...],
        *,
        platform: str,
        user: str,
        target: Reference,
        name: str,
        log: Callable[[str], None],
        verify_running: Callable[[], None],
    ) -> str:
        """See the port."""
        plan = make_system_plan(base, packages, platform=platform, user=user)

        def verify() -> None:
            self.verify_open()
            verify_running()

        with self._take_turn(verify):
            watch = _Watch(verify=verify, ends_at=self.clock() + self.seconds, clock=self.clock)
            build = SystemBaseBuild(
                backend=self.backend,
                images=self.registry,
                output=self.registry,
                folder=self.folder / name,
                log=log,
                cancelled=watch.is_stopped,
            )
            try:
                return build.run(plan, packages, name=name, target=target)
            except BuildCancelled as error:
                if watch.reason is not None:
                    raise watch.reason from error
                raise BuildFailed(
                    f"system.apt: installing {', '.join(packages)} took longer than {self.seconds:.0f} seconds",
                    hint="Name fewer packages, or a `base` that holds them.",
                ) from error
            finally:
                shutil.rmtree(self.folder / name, ignore_errors=True)

    @contextmanager
    def _take_turn(self, verify: Callable[[], None]) -> Iterator[None]:
        verify()
        while not self._lock.acquire(timeout=_ASK_SECONDS):
            verify()
        try:
            yield
        finally:
            self._lock.release()


@dataclass(slots=True, kw_only=True)
class _Watch:
    """Whether a build is to stop, and why: `reason` is None when its time is over."""

    verify: Callable[[], None]
    ends_at: float
    clock: Callable[[], float]
    reason: HublishError | None = None
    asks_at: float | None = None

    def is_stopped(self) -> bool:
        now = self.clock()
        # Engines ask for every piece of what they send; the database is not asked as often.
        if self.reason is None and (self.asks_at is None or now >= self.asks_at):
            self.asks_at = now + _ASK_SECONDS
            try:
                self.verify()
            except HublishError as error:
                self.reason = error
        return self.reason is not None or now > self.ends_at


class SystemBuilders:
    """Finds what installs packages for whom.

    Args:
        builders: `(owners, builder)` in the operator's order; owners as in `serves`.
    """

    def __init__(self, builders: Sequence[tuple[frozenset[str] | None, SystemBaseBuilder]]) -> None:
        self._builders = tuple(builders)

    def find(self, owner: str, trust: Trust) -> SystemBaseBuilder | None:
        """The first engine that serves an owner; None where none does."""
        return next((found for owners, found in self._builders if serves(owners, owner=owner, trust=trust)), None)


def make_system_builders(
    names: Sequence[str],
    backends: Sequence[ServedBackend],
    *,
    pods: SystemBaseBuilder | None,
    registry: Registry,
    folder: Path,
    build_seconds: float,
    stopping: threading.Event,
) -> SystemBuilders:
    """Make what installs packages for a service's builds.

    Args:
        names: of the engines, in the operator's order.
        backends: container engines.
        pods: the one of the engine tekton; None where it builds no containers.
        registry: holds the bases.
        folder: for files of builds at work.
        build_seconds: the operator's limit of a build.
        stopping: set once this process ends.
    """
    known = {item.name: item for item in backends}
    builders: list[tuple[frozenset[str] | None, SystemBaseBuilder]] = []
    for name in names:
        if name in known:
            builder = SystemBuilder(
                backend=known[name].backend,
                registry=registry,
                folder=folder,
                seconds=min(BUILD_SECONDS, build_seconds),
                stopping=stopping,
            )
            builders.append((known[name].owners, builder))
        elif name == "tekton" and pods is not None:
            builders.append((None, pods))
    return SystemBuilders(builders)
