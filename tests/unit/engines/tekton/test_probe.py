"""A probe's pod: made like a build's, read, and always removed."""

from __future__ import annotations

import itertools

import jsonschema
import pytest

from hublish.engines.tekton.probe import ProbeResult, make_probe, run_probe
from tests.golden.tekton_runs import CONTAINER_CHOICES, LAYERED_CHOICES
from tests.golden.tekton_schemas import load_schemas
from tests.unit.engines.tekton.fakes import FakeCluster, make_time

NAME = "hublish-probe-1"


class QuickCluster(FakeCluster):
    """Ends each run as it is made."""

    succeeded = True
    message = ""

    def create_run(self, run: dict, *, namespace: str) -> dict:
        created = super().create_run(run, namespace=namespace)
        self.end_run(NAME, succeeded=self.succeeded, reason="Failed", message=self.message)
        return created


@pytest.mark.parametrize("root", [True, False])
@pytest.mark.parametrize("user", [None, 1000])
def test_probe_fits_tektons_description(root: bool, user: int | None) -> None:
    """It has only fields that Tekton knows, no token, and asks for no more than a build."""
    choices = CONTAINER_CHOICES if root else LAYERED_CHOICES
    probe = make_probe(NAME, choices=choices, root=root, environment={"A": "1"})
    (step,) = probe["spec"]["pipelineSpec"]["tasks"][0]["taskSpec"]["steps"]

    jsonschema.validate(probe, load_schemas()["PipelineRun"], cls=jsonschema.Draft202012Validator)
    assert probe["spec"]["taskRunTemplate"]["podTemplate"]["automountServiceAccountToken"] is False
    assert step["securityContext"]["allowPrivilegeEscalation"] is False
    assert step["computeResources"]["limits"] == {"cpu": choices.cpu, "memory": choices.memory}
    assert (step["securityContext"]["runAsUser"], user in {None, 1000}) == (0 if root else 1000, True)


def test_what_a_probe_printed_is_read_and_the_run_removed() -> None:
    """Its lines come without their times."""
    cluster = QuickCluster()
    cluster.set_pods(NAME, {"metadata": {"name": "p"}})
    cluster.logs["p", "step-probe"] = [(make_time(1), '{"work": ""}'), (make_time(2), "bye")]
    cluster.ended_logs.add(("p", "step-probe"))
    probe = make_probe(NAME, choices=LAYERED_CHOICES, root=False, environment={})

    assert run_probe(cluster, probe, seconds=5) == ProbeResult(lines=('{"work": ""}', "bye"), failure="")
    assert cluster.runs == {}


@pytest.mark.parametrize(("task", "failure"), [("violates PodSecurity", "violates PodSecurity"), ("", "of the run")])
def test_failure_is_the_clusters_own_words(task: str, failure: str) -> None:
    """The TaskRun says more than the run."""
    cluster = QuickCluster()
    cluster.succeeded, cluster.message = False, "of the run"
    cluster.task_runs[NAME] = [{"status": {"conditions": [{"type": "Succeeded", "message": task}]}}]
    probe = make_probe(NAME, choices=LAYERED_CHOICES, root=False, environment={})

    assert run_probe(cluster, probe, seconds=5) == ProbeResult(lines=(), failure=failure)
    assert cluster.runs == {}


@pytest.mark.parametrize("quota", [True, False])
def test_pod_that_does_not_come_up_is_given_up(quota: bool, monkeypatch) -> None:
    """After so long the reason is told, as far as there is one."""
    monkeypatch.setattr("hublish.engines.tekton.probe._POLL_SECONDS", 0.01)
    cluster = FakeCluster()
    condition = {"type": "Succeeded", "reason": "ExceededResourceQuota", "message": "pods=0"}
    cluster.task_runs[NAME] = [{"status": {"conditions": [condition]}}] if quota else []
    probe = make_probe(NAME, choices=LAYERED_CHOICES, root=False, environment={})
    result = run_probe(cluster, probe, seconds=0.05)

    expected = "the namespace's quota has no room for the pod yet: pods=0" if quota else "its pod did not run"
    assert (result.failure, cluster.runs) == (expected, {})


def test_image_that_cannot_be_pulled_is_told_and_given_up_early(monkeypatch) -> None:
    """What hardly passes is not waited for as long as a quota; each obstacle is told once, as it comes."""
    monkeypatch.setattr("hublish.engines.tekton.probe._POLL_SECONDS", 0.0)
    cluster = FakeCluster()
    waiting = {"state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}, "image": "i:1"}
    cluster.set_pods(NAME, {"metadata": {"name": "p"}, "status": {"containerStatuses": [waiting]}})
    probe = make_probe(NAME, choices=LAYERED_CHOICES, root=False, environment={})
    seconds, told = itertools.count(step=7), []
    result = run_probe(cluster, probe, seconds=1000, say=told.append, clock=lambda: next(seconds))

    failure = "the image i:1 cannot be pulled: no such image"
    assert (result.failure, told, cluster.runs) == (failure, [f"waiting: {failure}"], {})
    assert next(seconds) < 100
