"""The file every bench writes, and the table it prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

OUT = Path(__file__).parent / "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What one subject needed in one case; None where a figure makes no sense.

    Attributes:
        case: what was measured.
        subject: "hublish", or the peer's name.
        wall_s: time from beginning to end.
        p99_s: 99th percentile of the single answers.
        cpu_s: processor time of the subject.
        up_bytes: bytes it sent.
        down_bytes: bytes it received.
        rss_bytes: most memory it held.
        runs: how often it was measured.
    """

    case: str
    subject: str
    wall_s: float | None = None
    p99_s: float | None = None
    cpu_s: float | None = None
    up_bytes: int | None = None
    down_bytes: int | None = None
    rss_bytes: int | None = None
    runs: int = 1


def write_figures(name: str, figures: Sequence[Figure]) -> Path:
    """Write `bench/out/NAME.json`; returns its path."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{name}.json"
    path.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")
    return path


def print_figures(figures: Sequence[Figure], *, remarks: Sequence[tuple[str, str]] = ()) -> None:
    """Print the figures that are not None, then the remarks, as one small table."""
    table = Table("case", "subject", "figure", "value")
    for figure in figures:
        for name, value in asdict(figure).items():
            if name not in ("case", "subject") and value is not None:
                shown = f"{value:.3f}" if isinstance(value, float) else f"{value:,}"
                table.add_row(figure.case, figure.subject, name, shown)
    for name, value in remarks:
        table.add_row("", "", name, value)
    Console().print(table)
