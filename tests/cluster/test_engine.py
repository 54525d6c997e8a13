"""The tekton engine on a real cluster: what its pods say and do, and how each fault ends.

What the pods do is in `scripted`.
"""

from __future__ import annotations

import signal

import pytest

from hublish.core.building import BuildSucceeded
from hublish.engines import tekton_run
from tests.cluster.cluster import RESTRICTED
from tests.cluster.scripted import RESULTS
from tests.cluster.yard import list_pods, stop, wait, wait_for

pytestmark = [pytest.mark.timeout(1500)]


def test_build_ends_with_its_image_and_a_whole_log(yard) -> None:
    """All lines of all Steps come in order, and the Secrets are gone with the build."""
    engine = yard.open_engine()
    # containerd may lose the last lines of a container that prints much and ends in the same moment.
    log = yard.start(engine, "build-long", build="seq 1 20000; sleep 3\n")
    outcome = wait(engine, "build-long")

    assert isinstance(outcome, BuildSucceeded), outcome
    assert outcome.digest == yard.digest
    assert log.lines == [
        f"PipelineRun {RESTRICTED}/build-long",
        "fetched",
        *(str(number) for number in range(1, 20001)),
        "pushed",
    ]
    assert yard.cluster.kubectl.list("secrets", RESTRICTED, selector="app.kubernetes.io/managed-by=hublish") == []


def test_builds_are_adopted_after_a_restart(yard) -> None:
    """Another process follows the same run to its end; no line is lost, none comes twice."""
    first = yard.open_engine()
    log = yard.start(first, "build-adopted", build="for i in $(seq 1 40); do echo $i; sleep 0.25; done\n")
    wait_for(lambda: "5" in log.lines, what="the first lines")
    first.close()
    second = yard.open_engine()
    yard.start(second, "build-adopted", build="echo another >&2; exit 1\n")
    outcome = wait(second, "build-adopted")

    assert isinstance(outcome, BuildSucceeded), outcome
    assert log.lines == [
        f"PipelineRun {RESTRICTED}/build-adopted",
        "fetched",
        *(str(number) for number in range(1, 41)),
        "pushed",
    ]


def test_cancelled_and_late_builds_leave_no_pod(yard, monkeypatch) -> None:
    """A person's word and the clock each end the pod, and the answer says which it was."""
    monkeypatch.setattr(tekton_run, "START_SECONDS", 20)
    engine = yard.open_engine()
    log = yard.start(engine, "build-cancelled", build="echo at work; sleep 600\n")
    yard.start(engine, "build-late", build="echo at work; sleep 600\n", seconds=1)
    wait_for(lambda: "at work" in log.lines, what="the build at work")
    engine.cancel("build-cancelled")
    cancelled, late = stop(engine, "build-cancelled"), stop(engine, "build-late")

    assert (cancelled.cancelled, cancelled.message) == (
        True,
        "the build was stopped before its image was complete; nothing was published",
    )
    assert (late.cancelled, late.message) == (False, "the build ran into its limit of 1 seconds")
    for name in ("build-cancelled", "build-late"):
        wait_for(lambda: list_pods(yard.cluster, name) == [], what=f"the end of the pod of {name}")  # noqa: B023


def test_failures_in_pods_are_clear(yard) -> None:
    """A Step that fails, one that needs too much memory, one whose image is not what it says."""
    engine = yard.open_engine(memory="64Mi")
    yard.start(engine, "build-failing", build="echo words of the fault; exit 3\n")
    yard.start(engine, "build-hungry", build="tail /dev/zero\n")
    yard.start(engine, "build-lying", build="true\n", push=f"{RESULTS}printf sha256:{'0' * 64} >$RESULT_IMAGE_DIGEST\n")
    failing, hungry, lying = (stop(engine, f"build-{name}") for name in ("failing", "hungry", "lying"))

    assert "exited with code 3" in failing.message
    assert "words of the fault" in failing.last_lines
    assert hungry.message.startswith("a Step of the build needed more memory than it may have")
    assert lying.code == "ImageInvalid"


def test_image_that_cannot_be_pulled_is_named(yard) -> None:
    """The answer is the operator's to use."""
    missing = f"{yard.cluster.registry}/none/such:1"
    engine = yard.open_engine(image=missing)
    yard.start(engine, "build-imageless", build="true\n")
    outcome = stop(engine, "build-imageless")

    assert outcome.code == "EngineFailed"
    assert "cannot be pulled" in outcome.message
    assert outcome.hint == "The operator names the images of pods under `engines.tekton`."


def test_quota_and_api_server_are_waited_out(yard) -> None:
    """A namespace without room holds a build up, a killed API server does not end it."""
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": RESTRICTED}}
    yard.cluster.kubectl.apply({**quota, "spec": {"hard": {"pods": "0"}}})
    engine = yard.open_engine()
    try:
        log = yard.start(engine, "build-patient", build="echo at work; sleep 8; echo done\n")
        wait_for(lambda: any(line.startswith("waiting: the namespace's quota") for line in log.lines), what="the quota")
    finally:
        yard.cluster.kubectl.delete("resourcequota", "none", RESTRICTED)
    wait_for(lambda: "at work" in log.lines, what="the build at work")
    yard.cluster.signal_process("kube-apiserver", signal.SIGKILL)
    outcome = wait(engine, "build-patient")

    assert isinstance(outcome, BuildSucceeded), outcome
    assert [line for line in log.lines if not line.startswith("waiting")] == [
        f"PipelineRun {RESTRICTED}/build-patient",
        "fetched",
        "at work",
        "done",
        "pushed",
    ]


def test_pod_that_vanishes_is_replaced(yard) -> None:
    """Whoever deletes a pod under a build makes it start over; it is never waited for in vain."""
    engine = yard.open_engine()
    log = yard.start(engine, "build-bereft", build="echo at work; sleep 5; echo done\n")
    wait_for(lambda: "at work" in log.lines, what="the build at work")
    (pod,) = list_pods(yard.cluster, "build-bereft")
    yard.cluster.kubectl.run(
        "delete", "pod", pod["metadata"]["name"], "-n", RESTRICTED, "--grace-period=0", "--force", "--wait=false"
    )
    outcome = wait(engine, "build-bereft")

    assert isinstance(outcome, BuildSucceeded), outcome
    assert log.lines[-2:] == ["done", "pushed"]
