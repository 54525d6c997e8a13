"""What this process remembers of GitHub, to ask less: bounded, never the only proof of anything.

What a write is based on is taken out before and put back after it proved right, so that a try that failed leads to a
look at what GitHub holds.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

_MOST = 1024
"""A service of thousands of repositories must not remember them all; what is forgotten costs one request."""


class Memory(Generic[KeyT, ValueT]):
    """The values that were kept last. Safe for threads."""

    def __init__(self, *, most: int = _MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[KeyT, ValueT] = OrderedDict()

    def find(self, key: KeyT) -> ValueT | None:
        """Look at a value and leave it; None when there is none."""
        with self._lock:
            return self._values.get(key)

    def take(self, key: KeyT) -> ValueT | None:
        """Take a value out; None when there is none."""
        with self._lock:
            return self._values.pop(key, None)

    def keep(self, key: KeyT, value: ValueT) -> None:
        """Remember a value, in place of the oldest when there are too many."""
        with self._lock:
            self._values.pop(key, None)
            self._values[key] = value
            while len(self._values) > self._most:
                self._values.popitem(last=False)
