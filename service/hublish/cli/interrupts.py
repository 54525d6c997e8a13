"""Ctrl-C for commands that work for long: the first one asks them to stop at a safe point, the second one stops."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from hublish.cli.screen import Screen


@contextmanager
def catch_interrupt(screen: Screen) -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event that the build looks at; the second one stops at once."""
    interrupted = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()
        screen.interrupted = True
        screen.remark("Stopping at the next safe point; press Ctrl-C again to stop at once.")

    previous = signal.signal(signal.SIGINT, on_signal)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, previous)
