"""`make bench-layers`: builds of the same notebooks by hublish and by the ordinary ways, and what must hold of them.

`python -m bench.layers [--case CASE] [--subject SUBJECT] [--runs N] [--resume] [--keep]`; root on Linux. Exits 1 when a
bar is missed. The order is by run, then chain, then subject, so that a run that is stopped has compared something.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench.figures import OUT, write_figures
from bench.layers.bars import index_rows, judge, show
from bench.layers.chains import ChainRunner, Step, cases_of, make_chains
from bench.layers.limit import measure_limit
from bench.layers.meter import CommandFailed
from bench.layers.samples import CASES, LIMIT, STARTS, SUBJECTS, Sample, Samples
from bench.layers.stage import ensure_images, find_index
from bench.layers.tools import ToolMissing, ensure_buildkit

RUNS = 3
# Seconds that one chain takes on 2 idle cores: the first guess of the time that is left.
GUESSES = {
    "cold": {"hublish": 90, "pipenv": 560, "uv": 480, "uv-cache": 320},
    "packages-20": {"hublish": 10, "pipenv": 35, "uv": 20, "uv-cache": 25},
    "packages-100": {"hublish": 20, "pipenv": 80, "uv": 55, "uv-cache": 65},
    "packages-300": {"hublish": 60, "pipenv": 220, "uv": 150, "uv-cache": 170},
}
LOG = OUT / "layers.log"
Work = tuple[int, tuple[Step, ...], str]


def main() -> int:
    """Run what was asked for; returns the exit code."""
    options = _parse_arguments()
    console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)
    signal.signal(signal.SIGTERM, _stop)
    if os.geteuid() != 0:
        console.print("bench-layers needs root: the peers' stores mount overlays")
        return 2
    scratch = Path(tempfile.mkdtemp(prefix="hublish-bench-", dir=os.environ.get("HUBLISH_BENCH_SCRATCH")))
    try:
        samples = _run(options, scratch, console)
    except (CommandFailed, ToolMissing) as error:
        console.print(f"stopped: {error}", markup=False, style="red")
        return 2
    except KeyboardInterrupt:
        console.print("stopped; go on with --resume")
        return 130
    finally:
        if options.keep:
            console.print(f"kept: {scratch}")
        else:
            shutil.rmtree(scratch, ignore_errors=True)
    return _conclude(samples, console, whole=not (options.case or options.subject))


def _run(options: argparse.Namespace, scratch: Path, console: Console) -> Samples:
    OUT.mkdir(exist_ok=True)
    LOG.unlink(missing_ok=True)
    cases, subjects = options.case or (*CASES, *STARTS, LIMIT[0]), options.subject or SUBJECTS
    samples = Samples(resume=options.resume)
    index = find_index()
    if "uv-cache" in subjects:
        with console.status("BuildKit, from its Go module (some minutes the first time)"):
            ensure_buildkit()
    with console.status("base image"):
        images = ensure_images(scratch / "images")
    began_at = time.monotonic()

    def report(sample: Sample) -> None:
        write_figures("layers", samples.figures())
        passed = (time.monotonic() - began_at) / 60
        sizes = f"{sample.up_bytes / 1e6:9.2f} MB up {sample.down_bytes / 1e6:8.1f} MB down"
        console.print(
            f"{passed:6.1f} min  run {sample.run}  {sample.case:<19}{sample.subject:<9}{sample.wall_s:8.2f} s "
            f"{sample.cpu_s:7.1f} s cpu {sizes} {sample.rss_bytes / 1e6:6.0f} MB"
        )

    if LIMIT[0] in cases:
        for run in range(1, options.runs + 1):
            if not samples.has(*LIMIT, run):
                report(samples.add(*LIMIT, run, measure_limit(scratch / "limit", index)))
    runner = ChainRunner(
        scratch=scratch / "chain", images=images, index=index, samples=samples, log=LOG, report=report
    )  # fmt: skip
    works = _list_works(cases, subjects, samples, runs=options.runs)
    console.print(f"{len(works)} chains of builds, about {_guess_minutes(works):.0f} minutes on an idle machine")
    for run, chain, subject in works:
        wanted = [case for case in cases_of(chain, subject) if case in cases]
        runner.run(chain, subject, run, wanted=wanted)
    return samples


def _list_works(cases: Sequence[str], subjects: Sequence[str], samples: Samples, *, runs: int) -> list[Work]:
    """The chains that still have something to measure, in order."""
    works = []
    for run in range(1, runs + 1):
        for chain in make_chains():
            for subject in subjects:
                wanted = [case for case in cases_of(chain, subject) if case in cases]
                if not all(samples.has(case, subject, run) for case in wanted):
                    works.append((run, chain, subject))
    return works


def _guess_minutes(works: Sequence[Work]) -> float:
    return sum(GUESSES[chain[0].case][subject] for _, chain, subject in works) / 60


def _conclude(samples: Samples, console: Console, *, whole: bool) -> int:
    """Print all; 1 when a bar is missed, or was not measured in a whole run."""
    show(samples, console=console)
    path = write_figures("layers", samples.figures())
    console.print(f"written: {path}")
    verdicts = judge(index_rows(samples.figures()))
    missed = [verdict for verdict in verdicts if not verdict.met and (whole or verdict.ratio is not None)]
    for verdict in missed:
        bar = verdict.bar
        found = "not measured" if verdict.ratio is None else f"{verdict.ratio:.2f}x"
        console.print(f"missed: {bar.case} against {bar.peer}, {bar.figure}: {found}, at least {bar.least:g}x")
    return 1 if missed else 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.layers", description=__doc__)
    parser.add_argument("--case", action="append", choices=(*CASES, *STARTS, LIMIT[0]), help="only this; repeatable")
    parser.add_argument("--subject", action="append", choices=SUBJECTS, help="only this; repeatable")
    parser.add_argument("--runs", type=int, default=RUNS, help="how often each row is measured (default: %(default)s)")
    parser.add_argument("--resume", action="store_true", help="keep the rows that a stopped run has measured")
    parser.add_argument("--keep", action="store_true", help="keep the scratch folder")
    return parser.parse_args()


def _stop(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
