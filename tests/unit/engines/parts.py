"""Builds of the local engine."""

from __future__ import annotations

import time

from hublish.core.building import BuildRequest, BuildStopped, BuildSucceeded
from hublish.core.repository import RefKind, Repository, ResolvedRef
from hublish.engines.local import LocalEngine
from tests.unit.builders.samples import TARGET, Bench

WAIT_SECONDS = 240.0
REPOSITORY = Repository(id=7, owner="org", name="ts", installation_id=1, default_branch="main")
REF = ResolvedRef(name="v1", kind=RefKind.TAG, sha="a" * 40)


class Clock:
    """Seconds under the test's control."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def ask(bench: Bench, name: str = "build-1", **changes: object) -> BuildRequest:
    plan = bench.plan()
    values = {"name": name, "plan": plan, "repository": REPOSITORY, "ref": REF, "target": TARGET, **changes}
    return BuildRequest(**values)


def wait(engine: LocalEngine, name: str = "build-1") -> BuildSucceeded | BuildStopped:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        status = engine.status(name)
        if status is not None and status.outcome is not None:
            return status.outcome
        time.sleep(0.01)
    raise AssertionError("the build did not end")
