"""Where the layers of wheels are made: by the memo where it knows them, else by processes, several at once."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from hublish.builders.assembly import BuiltLayer
from hublish.builders.bytecodecache import BytecodeCache
from hublish.builders.environment import TargetEnvironment
from hublish.builders.keys import make_key
from hublish.builders.layering import LayerGroup
from hublish.builders.memo import LayerMemo, describe_environment
from hublish.builders.wheellayer import WheelContents, WheelLayer, WheelLayerJob, make_wheel_layer
from hublish.core.building import Progress, Step
from hublish.core.plan import Plan
from hublish.core.ports import ProgressSink
from hublish.errors import BuildFailed
from hublish.oci.gzip_members import COMPRESSOR

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


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeLayer:
    """A layer of wheels, and what each of them brought."""

    built: BuiltLayer
    contents: tuple[WheelContents, ...]


@dataclass(slots=True, kw_only=True)
class Workshop:
    """What all layers of one build have in common; its processes end with its block.

    Attributes:
        plan: gives builder version and byte-code setting.
        environment: where the wheels go.
        memo: layers made before.
        cache: byte-code made before.
        blobs: folder of finished blobs.
        workers: processes at most.
        log: told of each layer.
        progress: told of each layer.
        verify_running: raises when the build is to stop.
    """

    plan: Plan
    environment: TargetEnvironment
    memo: LayerMemo
    cache: BytecodeCache
    blobs: Path
    workers: int
    log: Callable[[str], None]
    progress: ProgressSink
    verify_running: Callable[[], None]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pool: ProcessPoolExecutor | None = None
    _kept: dict[str, WheelLayer | None] = field(default_factory=dict)
    _begun: dict[str, Future[WheelLayer]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def begin(self, group: LayerGroup) -> None:
        """Begin the layer of a group ahead of `make_layers`, unless it is known; may be called from several threads."""
        key = self._make_key(group)
        with self._lock:
            if self._load(key) is None and key not in self._begun and group.size_bytes > INLINE_LIMIT_BYTES:
                self._begun[key] = self._submit(group)

    def make_layers(
        self, groups: Sequence[LayerGroup], *, finished: Callable[[MadeLayer], None]
    ) -> tuple[MadeLayer, ...]:
        """Make the layers of all groups, in their order.

        Args:
            groups: all of the image.
            finished: told of each layer as it is finished, in any order.

        Raises:
            BuildFailed: conflicting wheels, or a process that died.
            WheelInvalid: a wheel that cannot be installed.
            BuildCancelled: the build is to stop.
        """
        keys = [self._make_key(group) for group in groups]
        made: dict[int, MadeLayer] = {}
        with self._lock:
            for number, key in enumerate(keys):
                layer = self._load(key)
                if layer is not None:
                    made[number] = self._finish(groups[number], layer)
                    finished(made[number])
        kept = len(made)
        todo = [number for number in range(len(groups)) if number not in made]
        for number, layer in self._make(todo, groups, keys):
            self.memo.store(keys[number], layer)
            made[number] = self._finish(groups[number], layer)
            finished(made[number])
            title = groups[number].title
            self.progress(Progress(step=Step.LAYERS, done=len(made), total=len(groups), label=title))
            self.log(f"layer {title}: {layer.blob.size_bytes} bytes")
        self.log(f"{len(groups)} layers of packages: {len(todo)} made, {kept} kept from earlier builds")
        return tuple(made[number] for number in range(len(groups)))

    def _make(
        self, todo: Sequence[int], groups: Sequence[LayerGroup], keys: Sequence[str]
    ) -> Iterator[tuple[int, WheelLayer]]:
        """Make what is not known, as it comes."""
        if not self._begun and sum(groups[number].size_bytes for number in todo) <= INLINE_LIMIT_BYTES:
            for number in todo:
                self.verify_running()
                yield number, make_wheel_layer(self._make_job(groups[number]))
            return
        running: dict[Future[WheelLayer], int] = {}
        for number in sorted(todo, key=lambda number: -groups[number].size_bytes):
            begun = self._begun.get(keys[number])
            running[self._submit(groups[number]) if begun is None else begun] = number
        try:
            while running:
                done, _ = wait(running, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
                self.verify_running()
                for future in done:
                    yield running.pop(future), future.result()
        except BrokenProcessPool as exc:
            raise BuildFailed(
                "a process that makes layers died, most likely for want of memory",
                hint="Give the builder more memory, or fewer workers.",
            ) from exc

    def _load(self, key: str) -> WheelLayer | None:
        if key not in self._kept:
            self._kept[key] = self.memo.load(key)
        return self._kept[key]

    def _submit(self, group: LayerGroup) -> Future[WheelLayer]:
        if self._pool is None:
            # A fresh interpreter for each process: a fork of a service with threads can inherit held locks.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.workers, mp_context=context, initializer=prepare_worker)
        return self._pool.submit(make_wheel_layer, self._make_job(group))

    def _make_job(self, group: LayerGroup) -> WheelLayerJob:
        return WheelLayerJob(
            wheels=tuple(wheel.path for wheel in group.wheels),
            environment=self.environment,
            bytecode=self.plan.bytecode,
            folder=self.blobs,
            hashes=tuple(wheel.chosen.sha256 for wheel in group.wheels),
            cache=self.cache,
        )

    def _make_key(self, group: LayerGroup) -> str:
        compiler = [importlib.util.MAGIC_NUMBER.hex(), list(sys.version_info[:3])] if self.plan.bytecode else None
        wheels = [[wheel.path.name, wheel.chosen.sha256] for wheel in group.wheels]
        return make_key([self.plan.builder, COMPRESSOR, compiler, describe_environment(self.environment), wheels])

    def _finish(self, group: LayerGroup, layer: WheelLayer) -> MadeLayer:
        built = BuiltLayer(
            title=group.title,
            history=", ".join(wheel.chosen.title for wheel in group.wheels),
            blob=layer.blob,
            path=self.blobs / layer.blob.digest.removeprefix("sha256:"),
        )
        return MadeLayer(built=built, contents=layer.contents)
