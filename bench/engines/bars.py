"""What must hold of the figures, and the table that shows them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench.engines.order import find_disorder, find_most_held_up, render_order
from bench.engines.queue import BUILDS, Queued
from bench.engines.singles import Pair
from bench.engines.stage import SLOTS
from bench.figures import Figure

MORE_SECONDS = 2.0
"""What hublish may add to a bare build."""
QUEUE_CASE = f"{BUILDS} builds on {SLOTS} slots"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A bar: what was found, the most it may be."""

    bar: str
    found: float
    most: float

    @property
    def met(self) -> bool:
        """Whether the bar is met."""
        return self.found <= self.most


def make_figures(pairs: Mapping[str, Sequence[Pair]], queued: Queued | None) -> list[Figure]:
    """The rows of bench/out/engines.json: medians of the runs."""
    figures = []
    for case, runs in pairs.items():
        rows = {
            (case, "hublish"): [pair.hublish_seconds for pair in runs],
            (case, "bare"): [pair.bare_seconds for pair in runs],
            (f"{case}, to the pod", "hublish"): [pair.hublish_pod_seconds for pair in runs],
            (f"{case}, to the pod", "bare"): [pair.bare_pod_seconds for pair in runs],
            (f"{case}, to the answer", "hublish"): [pair.hublish_answer_seconds for pair in runs],
        }
        figures += [
            Figure(case=name, subject=subject, wall_s=_median(values), runs=len(values))
            for (name, subject), values in rows.items()
        ]
    if queued is not None:
        figures += [
            Figure(case=QUEUE_CASE, subject="hublish", wall_s=round(queued.hublish_seconds, 3)),
            Figure(case=QUEUE_CASE, subject="bare", wall_s=round(queued.bare_seconds, 3)),
            Figure(case=f"{BUILDS} builds, sum", subject="bare", wall_s=round(queued.bare_sum_seconds, 3)),
        ]
    return figures


def judge(pairs: Mapping[str, Sequence[Pair]], queued: Queued | None) -> list[Verdict]:
    """Hold what was measured against every bar."""
    verdicts = []
    for case, runs in pairs.items():
        more = _median([pair.hublish_seconds for pair in runs]) - _median([pair.bare_seconds for pair in runs])
        verdicts.append(Verdict(bar=f"{case}: seconds more than bare", found=more, most=MORE_SECONDS))
    if queued is not None:
        # Each slot takes its share of the builds one after the other, and may lose as much at each of them.
        share = MORE_SECONDS * BUILDS / SLOTS
        verdicts += [
            Verdict(
                bar=f"{QUEUE_CASE}: seconds more than bare",
                found=queued.hublish_seconds - queued.bare_seconds,
                most=share,
            ),
            Verdict(
                bar=f"{QUEUE_CASE}: seconds, at most the bare sum",
                found=queued.hublish_seconds,
                most=queued.bare_sum_seconds,
            ),
            Verdict(
                bar=f"{QUEUE_CASE}: started before an older one of the owner",
                found=len(find_disorder(queued.starts)),
                most=0,
            ),
            Verdict(
                bar=f"{QUEUE_CASE}: others' starts in a row before a waiting one",
                found=find_most_held_up(queued.starts),
                most=1,
            ),
        ]
    return verdicts


def show(figures: Sequence[Figure], verdicts: Sequence[Verdict], queued: Queued | None, *, console: Console) -> None:
    """Print the tables."""
    table = Table("case", "subject", "wall s", "runs", title="Medians")
    for figure in figures:
        table.add_row(figure.case, figure.subject, f"{figure.wall_s:.2f}", str(figure.runs))
    console.print(table)
    if queued is not None:
        console.print(f"Slots went to: {render_order(queued.starts)}")
    bars = Table("bar", "found", "at most", "", title="Bars")
    for verdict in verdicts:
        bars.add_row(verdict.bar, f"{verdict.found:.2f}", f"{verdict.most:.2f}", "met" if verdict.met else "MISSED")
    console.print(bars)


def _median(values: Sequence[float]) -> float:
    return round(statistics.median(values), 3)
