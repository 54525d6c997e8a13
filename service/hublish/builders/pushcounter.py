"""How much of an image stands at its place, told as it grows."""

from __future__ import annotations

import threading
from collections.abc import Callable

from hublish.core.building import Progress, Step
from hublish.core.ports import ProgressSink
from hublish.oci.manifest import Descriptor


class PushCounter:
    """Adds up bytes from several threads; a blob that is there already counts as a whole when it is done."""

    def __init__(self, total_bytes: int, progress: ProgressSink) -> None:
        self._total_bytes = total_bytes
        self._progress = progress
        self._lock = threading.Lock()
        self._finished_bytes = 0
        self._running: dict[str, int] = {}

    def start(self, digest: str, *, title: str) -> Callable[[int], None]:
        """Follow one more blob; returns what its sender calls with the bytes sent since the last call."""

        def sent(count: int) -> None:
            with self._lock:
                self._running[digest] = self._running.get(digest, 0) + count
                self._tell(title)

        return sent

    def finish(self, descriptor: Descriptor, *, title: str) -> None:
        """Count a blob as a whole."""
        with self._lock:
            self._running.pop(descriptor.digest, None)
            self._finished_bytes += descriptor.size_bytes
            self._tell(title)

    def _tell(self, title: str) -> None:
        done = min(self._total_bytes, self._finished_bytes + sum(self._running.values()))
        self._progress(Progress(step=Step.PUSH, done=done, total=self._total_bytes, label=title))
