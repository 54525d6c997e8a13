"""Sizes and durations as people read them."""

from __future__ import annotations

import pytest

from hublish.core.measures import render_bytes, render_seconds


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_950, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (365_000_000, "365 MB"),
        (1_200_000_000, "1.2 GB"),
        (5_000_000_000_000_000, "5000 TB"),
    ],
)
def test_size_has_at_most_three_digits(size_bytes: int, expected: str) -> None:
    """Decimal units; the next one is taken before a fourth digit would show; TB is the last."""

    assert render_bytes(size_bytes) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.04, "0.0 s"),
        (0.4, "0.4 s"),
        (9.94, "9.9 s"),
        (9.95, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (185, "3 min 5 s"),
        (3599.7, "1 h 0 min"),
        (3725, "1 h 2 min"),
    ],
)
def test_duration_names_two_units_at_most(seconds: float, expected: str) -> None:
    """Tenths below ten seconds, then whole ones; rounding carries into the next unit."""

    assert render_seconds(seconds) == expected
