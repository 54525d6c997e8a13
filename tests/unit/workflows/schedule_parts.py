"""What the tests of the schedule share: a delivered release on a base, and a clock."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import timedelta

from hublish.core.building import BuildRequest
from hublish.core.codec import render_value
from hublish.core.github.trigger import Trigger
from hublish.core.reference import parse_reference
from hublish.core.repository import RefKind, ResolvedRef
from hublish.core.status import RunState
from hublish.workflows.schedule import Schedule
from tests.unit.cli.fakes import make_plan
from tests.unit.workflows.parts import AT, CONFIG, RELEASE, SHA, Stage, make_run

OLD, NEW, NEWER = ("sha256:" + letter * 64 for letter in "abc")
TAG = "registry.example.org/base/python:3.11"
ON = CONFIG + "triggers: {schedule: true}\n"
DAY = timedelta(days=1)
ROAD = (RunState.PLANNING, RunState.BUILDING, RunState.DELIVERING, RunState.DELIVERED)


class Scene:
    """A delivered release on a base, a clock that the test sets, and the schedule."""

    def __init__(self, stage: Stage, *, config: str = ON) -> None:
        self.stage = stage
        self.now = AT
        self.started: list[str] = []
        ids = (f"s{number}" for number in itertools.count(1))
        self.services = dataclasses.replace(stage.services, now=lambda: self.now, make_run_id=lambda: next(ids))
        stage.reader.files["octo/ts", ".hublish.yaml"] = config.encode()
        stage.digests.digests[TAG] = OLD
        self.deliver("v1", OLD)

    def make_schedule(self, **changes: object) -> Schedule:
        """A schedule as after a start of the service."""
        services = dataclasses.replace(self.services, **changes)
        return Schedule(services, seconds=DAY.total_seconds(), start_run=self.started.append, draw=lambda: 0.5)

    def look(self) -> int:
        return self.make_schedule().look()

    def deliver(self, ref: str, digest: str, *, trigger: Trigger = RELEASE, base: str = TAG) -> None:
        """Let a release be delivered that was built on a base."""
        run_id, key = f"d-{ref}-{digest[-1]}", f"k{ref}{digest[-1]}{base[-1]}"
        trigger = dataclasses.replace(trigger, ref=ref)
        run = dataclasses.replace(make_run(trigger), id=run_id, key=f"7:{run_id}")
        self.stage.runs.ensure_run(run)
        for state in ROAD:
            self.stage.runs.move_run(run_id, state, at=AT)
        request = BuildRequest(
            name="", plan=make_plan(base=parse_reference(f"{base}@{digest}")), repository=trigger.repository,
            ref=ResolvedRef(name=ref, kind=RefKind.TAG, sha=SHA), target=None,
        )  # fmt: skip
        self.stage.builds.ensure_request(key, render_value(request))
        build = self.stage.builds.claim_build(key, at=AT)
        self.services.steps.ensure_link(run_id, build.name, "ts")

    def runs(self) -> list[tuple[str, str, str, str]]:
        """Scheduled runs, the oldest first: id, key, ref, state."""
        listed = reversed(self.stage.runs.list_runs(100))
        return [(run.id, run.key, run.ref, run.state.value) for run in listed if ":schedule" in run.key]
