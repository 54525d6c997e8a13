"""The tekton engine on a real cluster: what its pods say and do, and how each fault ends.

The Task is the real one. Its image is not: `hublish` in it is a shell script that does what the test's Secret says, so that a
pod is up in seconds and can be made to misbehave.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hublish.adapters.registry import RegistryClient, RegistryRule
from hublish.core.building import BuildOutcome, BuildStopped, BuildSucceeded
from hublish.core.plan import Strategy
from hublish.core.reference import Reference
from hublish.engines import tekton_run
from tests.cluster.access import ensure_tasks, remove_runs, write_service_kubeconfig
from tests.cluster.cluster import RESTRICTED, Cluster
from tests.cluster.images import image_name, write_program_archive
from tests.fakes import FakeLog
from tests.golden.tekton_runs import LAYERED_CHOICES, REQUEST
from tests.sandbox.base_image import push_layout

pytestmark = [pytest.mark.timeout(1500)]
WAIT_SECONDS = 480.0
PROGRAM = """#!/bin/sh
if [ "$2" = build ]; then exec sh /work/build; fi
exec sh "/secrets/$2/script"
"""
RESULTS = "for name in IMAGE_URL CHAINS_GIT_URL CHAINS_GIT_COMMIT; do eval printf x '>$'RESULT_$name; done\n"
FETCH = "cp /secrets/fetch/build /work/build; echo fetched\n"


@dataclass
class Yard:
    """An engine on the cluster, and what its pods are to do."""

    cluster: Cluster
    folder: Path
    digest: str
    target: Reference
    scripts: dict[str, dict[str, bytes]] = field(default_factory=dict)
    logs: dict[str, FakeLog] = field(default_factory=dict)
    engines: list = field(default_factory=list)

    def open_engine(self, **choices: object):
        """An engine as bootstrap makes one, its choices changed."""
        os.environ["TEKTON_VERSION"] = "v1"
        from hublish.engines.tekton import TektonChoices, TektonEngine, open_cluster

        run = replace(LAYERED_CHOICES, image=image_name("hublish-script"), user=65532, **choices)
        engine = TektonEngine(
            TektonChoices(
                runs={Strategy.LAYERED: run},
                slots=8,
                keep_runs=0,
                keep_seconds=0,
                folder=self.folder / "engine",
                grace_seconds=5,
            ),
            cluster=open_cluster(self.folder / "kubeconfig"),
            images=RegistryClient(rules={self.target.registry: RegistryRule(plain_http=True)}, allowed_hosts=None),
            make_files=lambda request: self.scripts[request.name],
        )
        self.engines.append(engine)
        return engine

    def start(self, engine, name: str, *, build: str, push: str | None = None, seconds: int = 300) -> FakeLog:
        """Start a build whose Steps run these scripts."""
        push = f"{RESULTS}printf {self.digest} >$RESULT_IMAGE_DIGEST; echo pushed\n" if push is None else push
        self.scripts[name] = {
            "fetch": {"script": FETCH.encode(), "build": build.encode()},
            "push": {"script": push.encode()},
        }
        self.logs.setdefault(name, FakeLog())
        plan = replace(REQUEST.plan, time_seconds=seconds)
        engine.start(replace(REQUEST, name=name, plan=plan, target=self.target), self.logs[name])
        return self.logs[name]


@pytest.fixture(scope="module")
def program(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("program")
    archive = write_program_archive(folder, "hublish-script", program="hublish", script=PROGRAM)
    cluster.ensure_image(f"oci-archive:{archive}", "hublish-script")
    ensure_tasks(cluster)


@pytest.fixture
def yard(cluster: Cluster, program: None, base_layout: Path, tmp_path: Path) -> Iterator[Yard]:
    write_service_kubeconfig(cluster, tmp_path / "kubeconfig")
    digest = push_layout(base_layout, cluster.registry, "team/ts", "built")
    target = Reference(registry=cluster.registry, repository="team/ts", tag="built")
    yard = Yard(cluster=cluster, folder=tmp_path, digest=digest, target=target)
    yield yard
    for engine in yard.engines:
        engine.close()
    remove_runs(cluster)


def wait_for(condition: Callable[[], bool], *, what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.1)


def wait(engine, name: str) -> BuildOutcome:
    """The outcome of a build."""
    wait_for(lambda: (engine.status(name) or NOTHING).outcome is not None, what=f"the end of {name}")
    return engine.status(name).outcome


@dataclass
class _Nothing:
    outcome: None = None


NOTHING = _Nothing()


def stop(engine, name: str) -> BuildStopped:
    outcome = wait(engine, name)
    assert isinstance(outcome, BuildStopped), outcome
    return outcome


def list_pods(cluster: Cluster, name: str) -> list[Mapping]:
    return cluster.kubectl.list("pods", RESTRICTED, selector=f"tekton.dev/pipelineRun={name}")


def test_build_ends_with_its_image_and_a_whole_log(yard) -> None:
    """All lines of all Steps come in order, and the Secrets are gone with the build."""
    engine = yard.open_engine()
    log = yard.start(engine, "build-long", build="seq 1 20000\n")
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
    os.environ["TEKTON_VERSION"] = "v1"
    engine = yard.open_engine()
    engine._choices = replace(engine._choices, runs={Strategy.LAYERED: replace(LAYERED_CHOICES, image=missing)})
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
