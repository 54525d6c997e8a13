"""Waiting for what an engine on a cluster in memory does."""

from __future__ import annotations

import time
from collections.abc import Callable

from hublish.core.building import BuildStopped, BuildSucceeded
from hublish.core.reference import Reference
from hublish.engines.tekton.engine import TektonEngine
from tests.fakes import FakeImages, FakeLog, make_tar
from tests.golden.tekton_runs import REQUEST
from tests.unit.engines.tekton.fakes import FakeCluster

NAME = REQUEST.name
POD = f"{NAME}-build-pod"
WAIT_SECONDS = 120.0


def wait_for(condition: Callable[[], bool], *, what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


def wait_for_outcome(engine: TektonEngine, name: str = NAME) -> BuildSucceeded | BuildStopped:
    """Wait for the end of a build."""
    wait_for(lambda: engine.status(name).outcome is not None, what=f"the end of {name}")
    return engine.status(name).outcome


def push_image(images: FakeImages) -> str:
    """Put an image where the request's goes; returns its digest."""
    target: Reference = REQUEST.target
    images.add_image(target, [make_tar({"/a": b"1"})])
    return images.fetch_manifest(target).digest


def start(engine: TektonEngine, cluster: FakeCluster) -> FakeLog:
    """Start the build and wait until its run may go."""
    log = FakeLog()
    engine.start(REQUEST, log)
    wait_for(lambda: f"status {NAME} None" in cluster.calls, what="the release of the run")
    return log


def make_task_run(reason: str, message: str, **status: object) -> dict:
    """What Tekton says last of a TaskRun that did not succeed."""
    condition = {"type": "Succeeded", "status": "False", "reason": reason, "message": message}
    return {"status": {"conditions": [condition], **status}}


def fail_run(
    engine: TektonEngine, cluster: FakeCluster, message: str, *, reason: str = "Failed", said: str = ""
) -> BuildStopped:
    """End the run as one whose TaskRun, which has a pod, ended for a reason; returns the outcome, which is no image."""
    cluster.task_runs[NAME] = [make_task_run(reason, message, podName=POD)]
    cluster.end_run(NAME, succeeded=False, reason="Failed", message=said)
    outcome = wait_for_outcome(engine)
    assert isinstance(outcome, BuildStopped), outcome
    return outcome
