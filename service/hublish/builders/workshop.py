"""Where the layers of wheels are made: by the memo where it knows them, else by processes, several at once."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from hublish.builders.assembly import BuiltLayer
from hublish.builders.environment import TargetEnvironment
from hublish.builders.layering import LayerGroup
from hublish.builders.memo import LayerMemo, describe_environment, make_layer_key
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What all layers of one build have in common.

    Attributes:
        plan: gives builder version and byte-code setting.
        environment: where the wheels go.
        memo: layers made before.
        blobs: folder of finished blobs.
        log: told of each layer.
        progress: told of each layer.
        verify_running: raises when the build is to stop.
    """

    plan: Plan
    environment: TargetEnvironment
    memo: LayerMemo
    blobs: Path
    log: Callable[[str], None]
    progress: ProgressSink
    verify_running: Callable[[], None]

    def make_layers(self, groups: Sequence[LayerGroup], *, workers: int) -> tuple[MadeLayer, ...]:
        """Make the layers of all groups, in their order.

        Raises:
            BuildFailed: conflicting wheels, or a process that died.
            WheelInvalid: a wheel that cannot be installed.
            BuildCancelled: the build is to stop.
        """
        keys = [self._make_key(group) for group in groups]
        layers: dict[int, WheelLayer] = {}
        for number, key in enumerate(keys):
            layer = self.memo.load(key)
            if layer is not None:
                layers[number] = layer
        kept = len(layers)
        todo = [number for number in range(len(groups)) if number not in layers]
        if sum(groups[number].size_bytes for number in todo) <= INLINE_LIMIT_BYTES:
            for number in todo:
                self.verify_running()
                layers[number] = make_wheel_layer(self._make_job(groups[number]))
                self._tell(layers, groups, number)
        else:
            self._make_in_processes(todo, groups, layers, workers=workers)
        for number in todo:
            self.memo.store(keys[number], layers[number])
        self.log(f"{len(groups)} layers of packages: {len(todo)} made, {kept} kept from earlier builds")
        return tuple(self._finish(group, layers[number]) for number, group in enumerate(groups))

    def _make_in_processes(
        self, todo: Sequence[int], groups: Sequence[LayerGroup], layers: dict[int, WheelLayer], *, workers: int
    ) -> None:
        # A fresh interpreter for each process: a fork of a service with threads can inherit held locks.
        context = multiprocessing.get_context("spawn")
        largest_first = sorted(todo, key=lambda number: -groups[number].size_bytes)
        with ProcessPoolExecutor(min(workers, len(todo)), mp_context=context, initializer=prepare_worker) as pool:
            running: dict[Future[WheelLayer], int] = {
                pool.submit(make_wheel_layer, self._make_job(groups[number])): number for number in largest_first
            }
            try:
                while running:
                    finished, _ = wait(running, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
                    self.verify_running()
                    for future in finished:
                        number = running.pop(future)
                        layers[number] = future.result()
                        self._tell(layers, groups, number)
            except BrokenProcessPool as exc:
                raise BuildFailed(
                    "a process that makes layers died, most likely for want of memory",
                    hint="Give the builder more memory, or fewer workers.",
                ) from exc
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _make_job(self, group: LayerGroup) -> WheelLayerJob:
        return WheelLayerJob(
            wheels=tuple(wheel.path for wheel in group.wheels),
            environment=self.environment,
            bytecode=self.plan.bytecode,
            folder=self.blobs,
        )

    def _make_key(self, group: LayerGroup) -> str:
        compiler = [importlib.util.MAGIC_NUMBER.hex(), list(sys.version_info[:3])] if self.plan.bytecode else None
        wheels = [[wheel.path.name, wheel.chosen.sha256] for wheel in group.wheels]
        return make_layer_key([self.plan.builder, COMPRESSOR, compiler, describe_environment(self.environment), wheels])

    def _tell(self, layers: dict[int, WheelLayer], groups: Sequence[LayerGroup], number: int) -> None:
        title = groups[number].title
        self.progress(Progress(step=Step.LAYERS, done=len(layers), total=len(groups), label=title))
        self.log(f"layer {title}: {layers[number].blob.size_bytes} bytes")

    def _finish(self, group: LayerGroup, layer: WheelLayer) -> MadeLayer:
        built = BuiltLayer(
            title=group.title,
            history=", ".join(wheel.chosen.title for wheel in group.wheels),
            blob=layer.blob,
            path=self.blobs / layer.blob.digest.removeprefix("sha256:"),
        )
        return MadeLayer(built=built, contents=layer.contents)
