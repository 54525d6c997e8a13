"""What must hold of the figures, and the tables that show them: rows with ratios, bars, and what is worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench.figures import Figure
from bench.layers.samples import CASES, LIMIT, STARTS, SUBJECTS, Samples

OURS, PEERS = SUBJECTS[0], SUBJECTS[1:]
LIMIT_AIM = 1.5
NOTICEABLE = 0.98
WORSE = {"cpu_s": "processor", "up_bytes": "bytes up", "down_bytes": "bytes down", "rss_bytes": "memory"}
Rows = Mapping[tuple[str, str], Figure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A peer's figure divided by ours must be at least `least`; `aim` is what it should be."""

    case: str
    peer: str
    least: float
    aim: float | None = None
    figure: str = "wall_s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A bar and the ratio found; None where one of both figures is missing."""

    bar: Bar
    ratio: float | None

    @property
    def met(self) -> bool:
        """Whether the bar is met; one that was not measured is not."""
        return self.ratio is not None and self.ratio >= self.bar.least


BARS = (
    Bar(case="cold", peer="pipenv", least=5, aim=8),
    Bar(case="cold", peer="uv", least=3, aim=5),
    *(
        Bar(case=case, peer="uv", least=least, figure=figure)
        for case in ("bump-big", "bump-small")
        for figure, least in (("wall_s", 15.0), ("up_bytes", 10.0))
    ),
    Bar(case="source-empty-disk", peer="uv", least=80),
    Bar(case="source-empty-disk", peer="uv-cache", least=40),
    # Never slower than any peer in any row.
    *(Bar(case=case, peer=peer, least=1) for case in CASES for peer in PEERS),
)


def index_rows(figures: Sequence[Figure]) -> Rows:
    """(case, subject) -> figure."""
    return {(figure.case, figure.subject): figure for figure in figures}


def judge(rows: Rows) -> list[Verdict]:
    """Hold the rows against every bar."""
    return [Verdict(bar=bar, ratio=find_ratio(rows, bar.case, bar.peer, bar.figure)) for bar in BARS]


def find_ratio(rows: Rows, case: str, peer: str, figure: str = "wall_s") -> float | None:
    """The peer's figure divided by ours; None where one is missing."""
    ours, theirs = rows.get((case, OURS)), rows.get((case, peer))
    if ours is None or theirs is None:
        return None
    divisor, dividend = getattr(ours, figure), getattr(theirs, figure)
    return dividend / divisor if divisor and dividend is not None else None


def find_worse(rows: Rows) -> list[str]:
    """Where a peer needs less than hublish, time included: one line for each case and figure."""
    lines = []
    for case in (*CASES, *STARTS):
        for figure, name in {"wall_s": "time", **WORSE}.items():
            better = [
                (peer, ratio)
                for peer in PEERS
                if (ratio := find_ratio(rows, case, peer, figure)) is not None and 0 < ratio < NOTICEABLE
            ]
            if better:
                lines.append(
                    f"{case}: {name} " + ", ".join(f"{1 / ratio:.1f}x that of {peer}" for peer, ratio in better)
                )
    return lines


def show(samples: Samples, *, console: Console) -> None:
    """Print everything."""
    rows = index_rows(samples.figures())
    console.print(_make_figures_table(rows))
    console.print(_make_images_table(samples))
    _show_limit(rows, console)
    console.print(_make_bars_table(judge(rows)))
    console.print("What is worse with hublish:")
    for line in find_worse(rows) or ["nothing"]:
        console.print(f"  {line}")


def _make_figures_table(rows: Rows) -> Table:
    names = ("case", "subject", "wall s", "ratio", "cpu s", "ratio", "MB up", "ratio", "MB down", "RSS MB", "runs")
    table = Table(*names, title="Medians; ratio = subject / hublish")
    for case in (*CASES, *STARTS):
        for subject in SUBJECTS:
            figure = rows.get((case, subject))
            if figure is None:
                continue
            walls = _render_ratio(find_ratio(rows, case, subject))
            processors = _render_ratio(find_ratio(rows, case, subject, "cpu_s"))
            bytes_up = _render_ratio(find_ratio(rows, case, subject, "up_bytes"))
            table.add_row(
                case,
                subject,
                f"{figure.wall_s:.2f}",
                walls,
                "" if figure.cpu_s is None else f"{figure.cpu_s:.1f}",
                processors,
                _render_megabytes(figure.up_bytes),
                bytes_up,
                _render_megabytes(figure.down_bytes),
                _render_megabytes(figure.rss_bytes),
                str(figure.runs),
            )
        table.add_section()
    return table


def _make_images_table(samples: Samples) -> Table:
    table = Table("image of case", "subject", "compressed MB", "layers", title="Images, the base included")
    for case in CASES:
        for subject in SUBJECTS:
            found = [sample for sample in samples.find(case, subject) if sample.layers]
            if found:
                table.add_row(case, subject, _render_megabytes(found[-1].image_bytes), str(found[-1].layers))
    return table


def _make_bars_table(verdicts: Sequence[Verdict]) -> Table:
    table = Table("bar", "against", "figure", "at least", "aim", "found", "", title="Bars: peer / hublish")
    for verdict in verdicts:
        bar = verdict.bar
        state = "not measured" if verdict.ratio is None else "met" if verdict.met else "MISSED"
        aim = "" if bar.aim is None else f"{bar.aim:g}x"
        table.add_row(bar.case, bar.peer, bar.figure, f"{bar.least:g}x", aim, _render_ratio(verdict.ratio), state)
    return table


def _show_limit(rows: Rows, console: Console) -> None:
    limit, ours = rows.get(LIMIT), rows.get(("cold", OURS))
    if limit is None or ours is None or not limit.wall_s or not limit.cpu_s:
        return
    console.print(
        f"Limit of this machine (fetch, inflate, two hashes): {limit.wall_s:.2f} s, {limit.cpu_s:.2f} s of processor; "
        f"cold is {(ours.wall_s or 0) / limit.wall_s:.1f}x the time and {(ours.cpu_s or 0) / limit.cpu_s:.1f}x the "
        f"processor, byte-code included; the aim is {LIMIT_AIM}x."
    )


def _render_ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.1f}x" if ratio < 100 else f"{ratio:.0f}x"


def _render_megabytes(size: int | None) -> str:
    return "" if not size else f"{size / 1e6:.2f}" if size < 1e7 else f"{size / 1e6:.0f}"
