"""Sizes and durations as people read them."""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB")


def render_bytes(size_bytes: int) -> str:
    """Render a size in decimal units with at most three digits: 999 B, 1.2 kB, 365 MB."""
    size, unit = float(size_bytes), _UNITS[0]
    for larger in _UNITS[1:]:
        if size >= 999.5:  # noqa: PLR2004  # the next unit reads better from here on
            size, unit = size / 1000, larger
    digits = 0 if unit == "B" or size >= 9.95 else 1  # noqa: PLR2004  # two digits say enough
    return f"{size:.{digits}f} {unit}"


def render_seconds(seconds: float) -> str:
    """Render a duration: 0.4 s, 12 s, 3 min 5 s, 1 h 2 min."""
    if seconds < 9.95:  # noqa: PLR2004  # two digits say enough
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes_rest = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_rest} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
