"""What was measured, kept on disk after every single build, so that a run that was stopped can go on.

bench/out/layers-samples.json holds each sample; medians over the runs become the rows of bench/out/layers.json.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.figures import OUT, Figure
from bench.layers.meter import Measurement

PATH = OUT / "layers-samples.json"
CASES = (
    "cold",
    "bump-big",
    "bump-small",
    "source-warm",
    "source-empty-disk",
    "sibling-empty-disk",
    "packages-20",
    "packages-100",
    "packages-300",
)
STARTS = ("jupyterlab-start", "node-pull", "node-bump")
SUBJECTS = ("hublish", "pipenv", "uv", "uv-cache")
LIMIT = ("limit", "machine")
# A container runs on when the answer has come; the limit is no process tree and sends nothing.
SENSELESS = {
    "jupyterlab-start": ("cpu_s", "up_bytes", "down_bytes", "rss_bytes"),
    "limit": ("up_bytes", "rss_bytes"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement of one subject in one case and run.

    Attributes:
        image_bytes: compressed layers of the image that was built, the base's included; 0 where none was.
        layers: how many.
    """

    case: str
    subject: str
    run: int
    wall_s: float
    cpu_s: float
    up_bytes: int
    down_bytes: int
    rss_bytes: int
    image_bytes: int = 0
    layers: int = 0


class Samples:
    """The samples of a run and of those it goes on with."""

    def __init__(self, path: Path = PATH, *, resume: bool) -> None:
        self._path = path
        found = json.loads(path.read_bytes()) if resume and path.exists() else []
        self._samples = {(item["case"], item["subject"], item["run"]): Sample(**item) for item in found}

    def add(
        self, case: str, subject: str, run: int, measured: Measurement, *, image_bytes: int = 0, layers: int = 0
    ) -> Sample:
        """Add a sample, in place of one of the same case, subject and run, and write the file."""
        sample = Sample(
            case=case,
            subject=subject,
            run=run,
            image_bytes=image_bytes,
            layers=layers,
            **asdict(measured),
        )
        self._samples[case, subject, run] = sample
        self._path.parent.mkdir(exist_ok=True)
        staging = self._path.with_suffix(".new")
        staging.write_text(json.dumps([asdict(item) for item in self._samples.values()], indent=1) + "\n")
        staging.replace(self._path)
        return sample

    def has(self, case: str, subject: str, run: int) -> bool:
        """Whether a sample is there."""
        return (case, subject, run) in self._samples

    def find(self, case: str, subject: str) -> list[Sample]:
        """The samples of a row."""
        return [item for item in self._samples.values() if (item.case, item.subject) == (case, subject)]

    def figures(self) -> list[Figure]:
        """One row for each case and subject, medians, in the order of cases and subjects."""
        rows = [(case, subject) for case in (*CASES, *STARTS) for subject in SUBJECTS]
        made = (make_figure(self.find(*row)) for row in (*rows, LIMIT))
        return [figure for figure in made if figure is not None]


def make_figure(samples: Sequence[Sample]) -> Figure | None:
    """The median of each figure, None for one that makes no sense in the case; None where there is no sample."""
    if not samples:
        return None
    case = samples[0].case
    medians = {
        name: statistics.median(getattr(sample, name) for sample in samples)
        for name in ("wall_s", "cpu_s", "up_bytes", "down_bytes", "rss_bytes")
        if name not in SENSELESS.get(case, ())
    }
    whole = {name: int(value) for name, value in medians.items() if name.endswith("_bytes")}
    seconds = {name: round(value, 3) for name, value in medians.items() if name.endswith("_s")}
    return Figure(case=case, subject=samples[0].subject, runs=len(samples), **seconds, **whole)
