"""A node that is silent or drained, and a Step that prints without end: what becomes of builds there."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hublish.core.building import BuildSucceeded
from tests.cluster.cluster import RESTRICTED, Cluster
from tests.cluster.gate import Gate
from tests.cluster.places import NODE_NAME
from tests.cluster.scripted import HOLD
from tests.cluster.yard import list_pods, stop, wait, wait_for
from tests.contract.engines.test_limits import GROWTH_BYTES, MeasuringLog

pytestmark = [pytest.mark.timeout(1800)]
PORTIONS, PORTION_BYTES = 25, 8 << 20


@contextmanager
def silent_node(cluster: Cluster) -> Iterator[None]:
    """The node's kubelet says nothing, until the cluster takes the node for dead; it is back when the block has ended."""
    cluster.signal_process("kubelet", signal.SIGSTOP)
    try:
        wait_for(lambda: read_ready(cluster) == "Unknown", what="a node that is not ready")
        yield
    finally:
        cluster.signal_process("kubelet", signal.SIGCONT)
        wait_for(lambda: read_ready(cluster) == "True", what="a node that is ready again")


def read_ready(cluster: Cluster) -> str:
    """What the cluster says of the node: "True", "False", or "Unknown" when it does not answer."""
    node = cluster.kubectl.get("node", NODE_NAME)
    return next(item["status"] for item in node["status"]["conditions"] if item["type"] == "Ready")


def test_node_that_is_silent_is_waited_for_and_a_dead_one_is_not(yard) -> None:
    """A build goes on when its node is back; one whose pod the cluster has given up ends, and may be asked for again."""
    engine = yard.open_engine()
    patient = yard.start(engine, "build-patient", build="echo at work; sleep 45; echo done\n")
    bereft = yard.start(engine, "build-bereft", build=f"echo at work; {HOLD}")
    wait_for(lambda: "at work" in patient.lines and "at work" in bereft.lines, what="both builds at work")
    with silent_node(yard.cluster):
        # Five minutes later the cluster would do so itself.
        (pod,) = list_pods(yard.cluster, "build-bereft")
        yard.cluster.kubectl.run("delete", "pod", pod["metadata"]["name"], "-n", RESTRICTED, "--wait=false")
        given_up = stop(engine, "build-bereft")
    outcome = wait(engine, "build-patient")

    assert (given_up.code, given_up.transient) == ("EngineFailed", True)
    assert given_up.message == "the pod is being removed: its node does not answer, or somebody deleted it"
    assert isinstance(outcome, BuildSucceeded), outcome
    assert patient.lines == [f"PipelineRun {RESTRICTED}/build-patient", "fetched", "at work", "done", "pushed"]


def test_drained_node_costs_a_build_that_may_be_asked_for_again(yard) -> None:
    """The pod is told to end and does so at once: the Step's exit code is no fault of the build."""
    engine = yard.open_engine()
    log = yard.start(engine, "build-drained", build=f"echo at work; {HOLD}")
    wait_for(lambda: "at work" in log.lines, what="a build at work")
    (pod,) = list_pods(yard.cluster, "build-drained")
    yard.cluster.kubectl.run("delete", "pod", pod["metadata"]["name"], "-n", RESTRICTED, "--wait=false")
    drained = stop(engine, "build-drained")

    assert (drained.code, drained.transient) == ("EngineFailed", True)
    assert drained.message.startswith("the pod was removed while it ran: its node was drained or is gone")


class PortionLog(MeasuringLog):
    """Knows besides which portion has come."""

    portion = 0

    def append(self, line: str) -> None:
        super().append(line)
        if line.startswith("portion "):
            self.portion = int(line.removeprefix("portion "))


def test_long_log_streams_from_a_pod(yard) -> None:
    """All of it arrives, and memory stays where it was.

    The node keeps 10 MiB of a container's log and moves the rest away: what was not read by then is lost for every reader. So
    the pod prints a portion that fits, and the next one when that has come.
    """
    engine = yard.open_engine()
    log = yard.logs["build-talkative"] = PortionLog()
    with Gate(yard.cluster.host_address, let_pass=lambda number: log.portion >= int(number)) as gate:
        portion = (
            f"busybox yes {'x' * 4095} | head -c {PORTION_BYTES}; echo portion $number; {gate.render_call('$number')}"
        )
        yard.start(
            engine,
            "build-talkative",
            build=f"for number in $(seq {PORTIONS}); do {portion}; done; echo end-of-it\n",
        )
        outcome = wait(engine, "build-talkative")

    assert isinstance(outcome, BuildSucceeded), outcome
    assert log.bytes > PORTIONS * PORTION_BYTES
    assert log.last == "end-of-it"
    assert log.growth_bytes < GROWTH_BYTES
