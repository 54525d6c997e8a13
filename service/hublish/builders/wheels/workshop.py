"""Where the layers of wheels are made: by processes, several at once, or here where that is quicker."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from hublish.builders.layered.environment import TargetEnvironment
from hublish.builders.layered.layering import LayerGroup
from hublish.builders.wheels.bytecodecache import BytecodeCache
from hublish.builders.wheels.wheelhouse import Wheelhouse
from hublish.builders.wheels.wheellayer import WheelLayer, WheelLayerJob, make_wheel_layer
from hublish.errors import BuildFailed

# Below this, starting a process takes longer than the work.
INLINE_LIMIT_BYTES = 1 << 20
_POLL_SECONDS = 0.2


def prepare_worker() -> None:
    """Prepare a process that makes layers: it ends with its parent, and only through it.

    A worker holds both ends of the pool's pipe, so it would wait for work for ever after its parent was killed; and
    an interrupt at the terminal, which reaches all processes, is the parent's to handle.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@dataclass(slots=True, kw_only=True)
class Workshop:
    """What all layers of one build have in common; its processes end with its block.

    Attributes:
        environment: where the wheels go.
        bytecode: whether modules are compiled.
        cache: byte-code made before.
        wheels: where fetched wheels lie.
        blobs: folder of finished blobs.
        workers: processes at most.
        verify_running: raises when the build is to stop.
    """

    environment: TargetEnvironment
    bytecode: bool
    cache: BytecodeCache
    wheels: Wheelhouse
    blobs: Path
    workers: int
    verify_running: Callable[[], None]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pool: ProcessPoolExecutor | None = None
    _begun: dict[LayerGroup, Future[WheelLayer]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def begin(self, group: LayerGroup) -> None:
        """Begin the layer of a group ahead of `make`; may be called from several threads.

        Raises:
            BuildFailed: a process died.
        """
        with self._lock:
            if group not in self._begun and group.size_bytes > INLINE_LIMIT_BYTES:
                self._begun[group] = self._submit(group)

    def make(self, groups: Sequence[LayerGroup]) -> Iterator[tuple[LayerGroup, WheelLayer]]:
        """Make the layers of groups whose wheels were fetched; each is handed out as it is finished, in any order.

        Raises:
            BuildFailed: conflicting wheels, or a process that died.
            WheelInvalid: a wheel that cannot be installed.
            BuildCancelled: the build is to stop.
        """
        if not self._begun and sum(group.size_bytes for group in groups) <= INLINE_LIMIT_BYTES:
            for group in groups:
                self.verify_running()
                yield group, make_wheel_layer(self._make_job(group))
            return
        running: dict[Future[WheelLayer], LayerGroup] = {}
        for group in sorted(groups, key=lambda group: -group.size_bytes):
            begun = self._begun.get(group)
            running[self._submit(group) if begun is None else begun] = group
        try:
            while running:
                done, _ = wait(running, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
                self.verify_running()
                for future in done:
                    yield running.pop(future), future.result()
        except BrokenProcessPool as exc:
            raise _make_death() from exc

    def _submit(self, group: LayerGroup) -> Future[WheelLayer]:
        if self._pool is None:
            # A fresh interpreter for each process: a fork of a service with threads can inherit held locks.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.workers, mp_context=context, initializer=prepare_worker)
        try:
            return self._pool.submit(make_wheel_layer, self._make_job(group))
        except BrokenProcessPool as exc:
            raise _make_death() from exc

    def _make_job(self, group: LayerGroup) -> WheelLayerJob:
        return WheelLayerJob(
            wheels=tuple(self.wheels.path(wheel.chosen) for wheel in group.wheels),
            environment=self.environment,
            bytecode=self.bytecode,
            folder=self.blobs,
            hashes=tuple(wheel.chosen.sha256 for wheel in group.wheels),
            cache=self.cache,
        )


def _make_death() -> BuildFailed:
    return BuildFailed(
        "a process that makes layers died, most likely for want of memory",
        hint="Give the builder more memory, or fewer workers.",
    )
