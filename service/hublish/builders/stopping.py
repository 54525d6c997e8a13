"""What builds outside a build's own threads ask before they go on: whether this service stops."""

from __future__ import annotations

import threading

from hublish.errors import EngineFailed


def verify_serving(stopping: threading.Event, *, what: str) -> None:
    """Verify that the service goes on.

    Args:
        stopping: set once this process ends.
        what: what happens at its next start instead, e.g. "the lock is made".

    Raises:
        EngineFailed: it stops; transient.
    """
    if stopping.is_set():
        raise EngineFailed(f"this service stops; {what} at its next start", transient=True)
