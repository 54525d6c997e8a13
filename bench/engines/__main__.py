"""`make bench-engines`: what hublish adds to a build in a pod, and how it shares out slots.

`python -m bench.engines [--case CASE] [--runs N]`; needs the cluster of tests (`make cluster-up`). Exits 1 when a bar is
missed, 2 when it could not be measured.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from tests.cluster.cluster import ClusterMissing
from tests.cluster.commands import CommandFailed

from bench.engines.bars import judge, make_figures, show
from bench.engines.queue import Queued, measure_queue
from bench.engines.singles import CASES, Pair, measure_pair
from bench.engines.stage import Stage
from bench.figures import write_figures

RUNS = 3
QUEUE = "queue"


def main() -> int:
    """Run what was asked for; returns the exit code."""
    options = _parse_arguments()
    console = Console(width=None if sys.stdout.isatty() else 130, highlight=False)
    with tempfile.TemporaryDirectory(prefix="hublish-bench-", dir=os.environ.get("HUBLISH_BENCH_SCRATCH")) as folder:
        try:
            pairs, queued = _measure(options, Path(folder), console)
        except (ClusterMissing, CommandFailed, RuntimeError) as error:
            console.print(f"stopped: {error}", markup=False, style="red")
            return 2
    figures, verdicts = make_figures(pairs, queued), judge(pairs, queued)
    show(figures, verdicts, queued, console=console)
    console.print(f"written: {write_figures('engines', figures)}")
    return 0 if all(verdict.met for verdict in verdicts) else 1


def _measure(
    options: argparse.Namespace, folder: Path, console: Console
) -> tuple[dict[str, list[Pair]], Queued | None]:
    cases = options.case or (*CASES, QUEUE)
    pairs: dict[str, list[Pair]] = {case: [] for case in CASES if case in cases}
    queued = None
    with Stage(folder) as stage:
        for run in range(options.runs + 1):
            for case, measured in pairs.items():
                pair = measure_pair(stage, case, run)
                console.print(
                    f"run {run}  {case:<11} hublish {pair.hublish_seconds:6.2f} s  bare {pair.bare_seconds:6.2f} s"
                    + ("  (does not count)" if run == 0 else "")
                )
                if run:
                    measured.append(pair)
        if QUEUE in cases:
            queued = measure_queue(stage)
    return pairs, queued


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.engines", description=__doc__)
    parser.add_argument("--case", action="append", choices=(*CASES, QUEUE), help="only this; repeatable")
    parser.add_argument(
        "--runs", type=int, default=RUNS, help="how often each build is measured (default: %(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
