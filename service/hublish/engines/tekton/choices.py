"""What the operator chose for builds in pods, and what the engine asks of the rest of the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hublish.core.building import BuildRequest, BuildSucceeded, HandedWheel
from hublish.core.plan import Strategy
from hublish.core.podlines import LayerRecords
from hublish.engines.runs import BuildRun
from hublish.engines.tekton.parts import RunPart
from hublish.engines.tekton_run import RunChoices

StepFiles = Callable[[BuildRequest], Mapping[str, Mapping[str, bytes]]]
"""What the Steps of a build are given: Step -> file name -> bytes."""
KeepRecords = Callable[[LayerRecords, BuildRun, BuildSucceeded], None]
MakeWheels = Callable[[BuildRun, RunPart, Callable[[], None]], tuple[HandedWheel, ...]]
"""Makes the wheels of packages that have none: the build, what runs pods for it, what raises when it is to stop."""
_GRACE_SECONDS = 60.0
_LATE_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TektonChoices:
    """What the operator chose.

    Attributes:
        runs: strategy -> choices for its pods; other strategies are not executed.
        slots: builds at the same time.
        keep_runs: ended runs that stay in a namespace at most.
        keep_seconds: how long they stay.
        folder: for small files of builds at work; whoever may adopt a build sees them.
        grace_seconds: how long an image that cannot be pulled is waited for.
        late_seconds: how much longer than its time-out a run is waited for that the cluster does not end.
    """

    runs: Mapping[Strategy, RunChoices]
    slots: int
    keep_runs: int
    keep_seconds: float
    folder: Path
    grace_seconds: float = _GRACE_SECONDS
    late_seconds: float = _LATE_SECONDS
