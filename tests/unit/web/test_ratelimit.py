"""How often somebody may ask."""

from __future__ import annotations

from hublish.web.ratelimit import CALLERS_LIMIT, RateLimit


class Clock:
    """Seconds that the test sets."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_bucket_is_emptied_and_filled_again() -> None:
    """All at once, then as time passes; what is refused costs nothing."""
    clock = Clock()
    limit = RateLimit(per_minute=2, clock=clock)
    at_once = [limit.take("a") for _ in range(4)]
    clock.seconds += 30
    later = [limit.take("a"), limit.take("a")]
    clock.seconds += 3600
    full = [limit.take("a") for _ in range(3)]

    assert at_once == [0, 0, 30, 30]
    assert later == [0, 30]
    assert full == [0, 0, 30]


def test_callers_do_not_share_a_bucket() -> None:
    """One that asks too often holds up nobody else."""
    limit = RateLimit(per_minute=1, clock=Clock())

    assert [limit.take("a"), limit.take("a"), limit.take("b")] == [0, 60, 0]


def test_only_so_many_callers_are_remembered() -> None:
    """The memory has an end, however many addresses somebody has."""
    limit = RateLimit(per_minute=1, clock=Clock())
    for number in range(CALLERS_LIMIT + 1):
        limit.take(str(number))

    assert [limit.take("0"), limit.take(str(CALLERS_LIMIT))] == [0, 60]
