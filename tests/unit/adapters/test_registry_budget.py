"""The pace of a blob that is read."""

from __future__ import annotations

import pytest

from hublish.adapters.registry.budget import Pace
from hublish.adapters.registry.failure import Purpose
from hublish.adapters.registry.rule import Patience
from hublish.errors import RegistryFailed

PURPOSE = Purpose(host="registry.example.org", repository="team/ts", action="blob sha256:0")
SECOND = 1000


class Reading:
    """A blob that is read under a clock of the test's own."""

    def __init__(self) -> None:
        self.now = 0.0
        patience = Patience(clock=lambda: self.now, pace_seconds=10, slowest_pace_bytes_per_second=SECOND)
        self.pace = Pace(patience, PURPOSE)

    def wait(self, seconds: float, arrived_bytes: int) -> None:
        """Wait for a piece."""
        with self.pace.waiting():
            self.now += seconds
            self.pace.note(arrived_bytes)


def test_drip_is_given_up_after_a_window() -> None:
    """A byte a second is no silence, and still too little; it may go better later."""
    reading = Reading()
    for _ in range(9):
        reading.wait(1, 1)
    with pytest.raises(RegistryFailed) as caught:
        reading.wait(1, 1)

    assert caught.value.message == (
        "blob sha256:0 in registry.example.org/team/ts: expected at least 1000 bytes a second, got 10 bytes in 10 seconds."
    )
    assert caught.value.transient is True


def test_fast_beginning_buys_no_slow_end() -> None:
    """Each window is judged by itself."""
    reading = Reading()
    reading.wait(10, 1000 * 10 * SECOND)
    with pytest.raises(RegistryFailed, match="got 7 bytes in 10 seconds"):
        reading.wait(10, 7)


def test_slow_line_that_keeps_the_pace_is_waited_for() -> None:
    """For as long as it takes, pauses within a window included."""
    reading = Reading()
    for _ in range(100):
        reading.wait(9, 0)
        reading.wait(1, 10 * SECOND)

    assert reading.now == 1000


def test_time_of_the_reader_does_not_count() -> None:
    """Who unpacks or writes between two pieces may take hours."""
    reading = Reading()
    for _ in range(9):
        reading.wait(1, 1)
        reading.now += 3600
    with pytest.raises(RegistryFailed):
        reading.wait(1, 1)
