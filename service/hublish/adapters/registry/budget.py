"""How long one call may take: a fresh budget of tries with backoff, jitter and a deadline; for blobs that are read a pace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hublish.adapters.registry.failure import Purpose
from hublish.adapters.registry.rule import Patience
from hublish.errors import RegistryFailed


class Budget:
    """The patience of one call. Not shared between threads."""

    def __init__(self, patience: Patience, *, size_bytes: int = 0) -> None:
        self._patience = patience
        self._failures = 0
        self._ends_at = patience.clock() + patience.total_seconds + size_bytes / patience.slowest_bytes_per_second

    def note_progress(self) -> None:
        """Something arrived: the tries without progress count anew; the deadline stays."""
        self._failures = 0

    def wait(self, failure: RegistryFailed, *, retry_after_seconds: float | None = None) -> None:
        """Wait before the next try.

        Args:
            failure: why one is needed.
            retry_after_seconds: what the server asked for; it replaces a shorter pause of ours.

        Raises:
            RegistryFailed: `failure` itself, when it is not transient, the tries are used up, or the pause would end
                after the deadline.
        """
        self._failures += 1
        if not failure.transient or self._failures >= self._patience.attempts:
            raise failure
        longest = min(
            self._patience.first_delay_seconds * 2 ** (self._failures - 1), self._patience.longest_delay_seconds
        )
        pause = longest * (0.5 + 0.5 * self._patience.jitter())
        if retry_after_seconds is not None:
            pause = max(pause, retry_after_seconds)
        if self._patience.clock() + pause > self._ends_at:
            raise failure
        self._patience.sleep(pause)


class Pace:
    """The speed of one blob that is read, so that a server that drips does not hold its reader for ever.

    Judged window by window: a fast beginning buys no slow end. Not shared between threads.
    """

    def __init__(self, patience: Patience, purpose: Purpose) -> None:
        self._patience = patience
        self._purpose = purpose
        self._bytes = 0
        self._waited_seconds = 0.0
        self._waiting_since = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time of the block; time between two blocks is the reader's own."""
        self._waiting_since = self._patience.clock()
        try:
            yield
        finally:
            self._waited_seconds += self._patience.clock() - self._waiting_since

    def note(self, arrived_bytes: int) -> None:
        """Bytes arrived, inside the block.

        Raises:
            RegistryFailed: too few did since the last judgement; transient.
        """
        now = self._patience.clock()
        waited = self._waited_seconds + now - self._waiting_since
        self._bytes += arrived_bytes
        if waited < self._patience.pace_seconds:
            return
        if self._bytes < waited * self._patience.slowest_pace_bytes_per_second:
            raise RegistryFailed(
                f"{self._purpose.subject}: expected at least {self._patience.slowest_pace_bytes_per_second} bytes a second, "
                f"got {self._bytes} bytes in {waited:.0f} seconds.",
                hint="The registry, or the way to it, is too slow; try again later.",
                transient=True,
            )
        self._bytes, self._waited_seconds, self._waiting_since = 0, 0.0, now
