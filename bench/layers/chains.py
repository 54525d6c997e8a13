"""In which order a subject's builds come, so that each case finds the state it needs and no build is made for nothing.

The chain of the large notebook begins with the versions before the bumps: its cold build is also what the bumps and the
source edits start from. A case that is not wanted is still built when a later one stands on it, and not recorded.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.layers.meter import Meter
from bench.layers.nodes import Node
from bench.layers.notebook import BIG, SIBLING_LACKS, SIBLINGS, SMALL, Notebook
from bench.layers.samples import Sample, Samples
from bench.layers.stage import IndexAccess, Stage, open_stage
from bench.layers.subjects import Subject, make_subject

# Which subjects' images are pulled and started: uv's image is the ordinary image with byte-code.
PULLED = ("hublish", "uv")
STARTED = ("hublish", "uv", "pipenv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One build of a chain: the case it is, what is built, and whether the disk is emptied before."""

    case: str
    notebook: Notebook
    forget: bool = False


def make_notebook_chain() -> tuple[Step, ...]:
    """The builds of the large notebook."""
    first = Notebook(previous=(BIG, SMALL))
    edited = first.edited()
    big = replace(edited, previous=(SMALL,))
    small = replace(edited, previous=())
    sibling = Notebook(previous=(SIBLINGS,), without=SIBLING_LACKS, name="bench/sibling")
    return (
        Step(case="cold", notebook=first),
        Step(case="source-warm", notebook=edited),
        Step(case="bump-big", notebook=big),
        Step(case="bump-small", notebook=small),
        Step(case="source-empty-disk", notebook=small.edited(), forget=True),
        Step(case="sibling-empty-disk", notebook=sibling, forget=True),
    )


def make_chains() -> tuple[tuple[Step, ...], ...]:
    """All chains: the large notebook, then cold builds of other sizes."""
    sizes = (Step(case=f"packages-{size}", notebook=Notebook(lock=f"packages-{size}")) for size in (20, 100, 300))
    return (make_notebook_chain(), *((step,) for step in sizes))


def cases_of(chain: Sequence[Step], subject: str) -> tuple[str, ...]:
    """The cases that a chain yields for a subject."""
    cases = [step.case for step in chain]
    if "cold" in cases:
        cases += ["node-pull", "node-bump"] if subject in PULLED else []
        cases += ["jupyterlab-start"] if subject in STARTED else []
    return tuple(cases)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainRunner:
    """Runs chains in folders below `scratch`.

    Attributes:
        images: OCI layouts that every registry holds from the beginning, by repository.
        report: called with each new sample.
    """

    scratch: Path
    images: dict[str, Path]
    index: IndexAccess
    samples: Samples
    log: Path
    report: Callable[[Sample], None]

    def run(self, chain: Sequence[Step], subject: str, run: int, *, wanted: Sequence[str]) -> None:
        """Run a chain as far as the wanted cases need it.

        Raises:
            CommandFailed: a build failed.
        """
        cases = [case for case in cases_of(chain, subject) if case in wanted]
        if not cases:
            return
        ensure_empty(self.scratch)
        with open_stage(self.scratch / "registry", images=self.images, index=self.index) as stage:
            meter = Meter(read_traffic=stage.read_traffic, log=self.log)
            meter.bystanders.add(stage.registry.process.pid)
            made = make_subject(subject, stage=stage, state=self.scratch / "state")
            try:
                built = self._build(chain, subject, run, cases, stage=stage, meter=meter, made=made)
            finally:
                made.close()
            self._visit_node(subject, run, cases, built=built, meter=meter)

    def _build(
        self,
        chain: Sequence[Step],
        subject: str,
        run: int,
        cases: Sequence[str],
        *,
        stage: Stage,
        meter: Meter,
        made: Subject,
    ) -> dict[str, str]:
        """Build the steps; returns case -> image."""
        built = {}
        for number, step in enumerate(chain[: find_last_step(chain, cases) + 1]):
            if step.forget:
                made.forget()
            tag = f"b{number}"
            image = f"{stage.host}/{step.notebook.name}:{tag}"
            folder = self.scratch / f"context-{number}"
            commands = made.make_commands(step.notebook, folder, image)
            measured = meter.run(commands, daemons=made.daemons())
            built[step.case] = image
            if step.case in cases:
                layers = (stage.registry.manifest(step.notebook.name, tag) or {}).get("layers", [])
                size = sum(layer["size"] for layer in layers)
                self.report(self.samples.add(step.case, subject, run, measured, image_bytes=size, layers=len(layers)))
        return built

    def _visit_node(self, subject: str, run: int, cases: Sequence[str], *, built: dict[str, str], meter: Meter) -> None:
        if not set(cases) & {"node-pull", "node-bump", "jupyterlab-start"}:
            return
        node = Node(self.scratch / "node", meter)
        try:
            pulled = node.pull(built["cold"])
            if "node-pull" in cases:
                self.report(self.samples.add("node-pull", subject, run, pulled))
            if "jupyterlab-start" in cases:
                started = node.start_jupyterlab(built["cold"])
                self.report(self.samples.add("jupyterlab-start", subject, run, started))
            if "node-bump" in cases:
                self.report(self.samples.add("node-bump", subject, run, node.pull(built["bump-big"])))
        finally:
            node.remove()


def ensure_empty(folder: Path) -> None:
    """Make a folder, or empty it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def find_last_step(chain: Sequence[Step], cases: Sequence[str]) -> int:
    """The number of the last step that the wanted cases need."""
    needed = [number for number, step in enumerate(chain) if step.case in cases]
    if "node-bump" in cases:
        needed.append(next(number for number, step in enumerate(chain) if step.case == "bump-big"))
    return max(needed, default=0)
