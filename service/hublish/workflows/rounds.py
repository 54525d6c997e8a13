"""A thread that does the same again and again, and at once when it is woken; it outlives whatever goes wrong in it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from hublish.telemetry import get_logger

_log = get_logger(__name__)


class Rounds:
    """Calls `work` every so many seconds in a thread of its own."""

    def __init__(self, name: str, work: Callable[[], object], *, seconds: float) -> None:
        self._name = name
        self._work = work
        self._seconds = seconds
        self._due = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._go_round, name=name, daemon=True)

    def start(self) -> None:
        """Start; the first call comes at once."""
        self._thread.start()

    def wake(self) -> None:
        """Let the next call come at once."""
        self._due.set()

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called: a long call may end early."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Stop after the call at hand; without a start nothing happens."""
        self._stopping.set()
        self._due.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _go_round(self) -> None:
        while not self._stopping.is_set():
            try:
                self._work()
            except Exception:  # noqa: BLE001  # a boundary: a database that is away for a while must not end the thread
                _log.exception("round failed", thread=self._name)
            self._due.wait(self._seconds)
            self._due.clear()
