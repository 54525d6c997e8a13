"""How often and how long one call is repeated: a fresh budget per call, backoff with jitter, a total deadline."""

from __future__ import annotations

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
