"""How often somebody may ask: a bucket of requests for each caller, filled again as time passes. Per process."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable

CALLERS_LIMIT = 10_000
"""Callers that are remembered; who has not asked for longest is forgotten first, with a full bucket."""
_MINUTE = 60.0


class RateLimit:
    """Counts requests; to be used from one thread, as the event loop's."""

    def __init__(self, *, per_minute: int, clock: Callable[[], float]) -> None:
        """Nothing is counted yet.

        Args:
            per_minute: requests of one caller, which may also come all at once.
            clock: seconds that never go back.
        """
        self._size = float(per_minute)
        self._per_second = per_minute / _MINUTE
        self._clock = clock
        self._callers: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> int:
        """Count a request; returns 0 when it may go on, else the seconds to wait, rounded up."""
        left, now = self._fill(caller)
        allowed = left >= 1.0
        self._callers[caller] = (left - 1.0 if allowed else left, now)
        self._callers.move_to_end(caller)
        if len(self._callers) > CALLERS_LIMIT:
            self._callers.popitem(last=False)
        return 0 if allowed else math.ceil((1.0 - left) / self._per_second)

    def _fill(self, caller: str) -> tuple[float, float]:
        now = self._clock()
        left, at = self._callers.get(caller, (self._size, now))
        return min(self._size, left + (now - at) * self._per_second), now
