"""What goes wrong in a cluster: each fault ends in words a person can use, or is waited out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hublish.core.building import BuildStopped, PodPart, Step
from hublish.core.plan import Trust
from hublish.core.podlines import render_message
from hublish.engines.runs import BuildRun
from hublish.engines.tekton.ending import Circumstances, RunReport, make_outcome
from hublish.engines.tekton.pods import find_obstacle
from hublish.engines.tekton_run import RunEnd
from hublish.errors import BuildFailed
from tests.fakes import FakeLog
from tests.golden.tekton_runs import PART as SCRIPT
from tests.golden.tekton_runs import REQUEST
from tests.unit.engines.tekton.fakes import make_pod, make_time
from tests.unit.engines.tekton.parts import (
    NAME,
    POD,
    fail_run,
    make_task_run,
    push_image,
    start,
    wait_for,
    wait_for_outcome,
)

pytestmark = pytest.mark.usefixtures("quick_looks")

PART = PodPart(script=replace(SCRIPT.script, hint="look at the compiler"))
MISSING_DIGEST = "sha256:" + "e" * 64


FORBIDDEN = 'pods "x" is forbidden: violates PodSecurity "restricted:latest"'
DISK = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."
NO_ACCOUNT = 'serviceaccounts "build" not found'
TOO_MUCH = 'pods "x" is forbidden: maximum memory usage per Container is 1Gi, but limit is 4Gi'
FAILURES = {
    ("TaskRunImagePullFailed", "no such image"): (
        "the pod's image cannot be pulled: no such image",
        "EngineFailed",
        False,
    ),
    ("Failed", "OOMKilled"): (
        "a Step of the build needed more memory than it may have: OOMKilled",
        "BuildFailed",
        False,
    ),
    ("PodAdmissionFailed", FORBIDDEN): (f"the cluster refuses the pod: {FORBIDDEN}", "EngineFailed", False),
    ("Failed", DISK): (f"the build needed more disk than it may have: {DISK}", "BuildFailed", False),
    ("Failed", "low on ephemeral-storage"): (
        "the node ran out of disk: low on ephemeral-storage",
        "EngineFailed",
        True,
    ),
    ("Failed", "The node was low"): ("the pod was evicted: The node was low", "EngineFailed", True),
    ("Evicted", "why"): ("the pod was evicted: why", "EngineFailed", True),
    ("PodCreationFailed", NO_ACCOUNT): (f"the account of the pods is missing: {NO_ACCOUNT}", "EngineFailed", False),
    ("PodCreationFailed", TOO_MUCH): (
        f"the pod asks for more than the namespace lets one have: {TOO_MUCH}",
        "EngineFailed",
        False,
    ),
    ("PodCreationFailed", "why"): ("the pod could not be created: why", "EngineFailed", True),
    ("Failed", "who knows"): ("the run failed (Failed): who knows", "EngineFailed", False),
}


@pytest.mark.parametrize("known", FAILURES, ids=lambda known: known[1][:20])
def test_failure_says_what_tekton_knows(engine, cluster, known) -> None:
    """The TaskRun's own words decide when no Step gave a reason."""
    start(engine, cluster)
    cluster.task_runs[NAME] = [make_task_run(*known)]
    cluster.end_run(NAME, succeeded=False, reason="Failed", message="Tasks Completed: 1 (Failed: 1)")
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert (outcome.message, outcome.code, outcome.transient) == FAILURES[known]


@pytest.mark.parametrize(("reason", "kind"), [("CouldntGetPipeline", "Pipeline"), ("CouldntGetTask", "Task")])
def test_cluster_without_the_pipelines_names_the_command_that_brings_them(engine, cluster, reason, kind) -> None:
    """Such a run has no TaskRun: its own words are all there is."""
    start(engine, cluster)
    cluster.task_runs[NAME] = []
    cluster.end_run(NAME, succeeded=False, reason=reason, message="not found")
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert outcome.message == f"the cluster lacks the {kind} of the build: not found"
    assert outcome.hint == "The operator applies the Tasks and Pipelines: `kubectl apply --server-side -k tekton`."
    assert outcome.transient is False


def test_reason_of_a_step_comes_first(engine, cluster) -> None:
    """What a Step said before it failed is the answer, with its code and hint."""
    start(engine, cluster)
    stopped = BuildStopped(
        code="WheelMissing",
        message="no wheel of six",
        hint="Lock another.",
        step=Step.PACKAGES,
        transient=True,
        label="six 1.17.0",
    )
    cluster.set_pods(NAME, make_pod(POD, fetch="terminated"))
    cluster.write_log(POD, "fetch", (make_time(1), "Collecting"), (make_time(2), render_message(stopped)), ended=True)
    cluster.end_run(NAME, succeeded=False, reason="Failed", message="exited with code 1")
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert (outcome.code, outcome.message, outcome.hint) == ("WheelMissing", "no wheel of six", "Lock another.")
    assert (outcome.step, outcome.transient, outcome.label) == (Step.PACKAGES, True, "six 1.17.0")
    assert outcome.last_lines[-2:] == ("Collecting", "error: no wheel of six")


@pytest.mark.parametrize(
    ("reason", "words", "cancelled"),
    [
        ("PipelineRunTimeout", "the build ran into its limit of 1800 seconds", False),
        ("Cancelled", "the run was cancelled in the cluster: why", True),
    ],
)
def test_time_out_and_cancellation_by_others_are_told_apart(engine, cluster, reason, words, cancelled) -> None:
    """A limit is the build's own fault, a person with kubectl is none."""
    start(engine, cluster)
    cluster.end_run(NAME, succeeded=False, reason=reason, message="why")
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert (outcome.message, outcome.cancelled) == (words, cancelled)


def test_pod_that_a_time_out_removes_does_not_hide_it(images) -> None:
    """Tekton removes the pod first and says that the run ended then; in between it looks as if somebody had done it."""
    pod = {"metadata": {"name": POD, "deletionTimestamp": "2026-11-21T10:00:00Z"}, "status": {"phase": "Running"}}
    run = BuildRun(request=REQUEST, log=FakeLog(), clock=lambda: 0.0)
    end = RunEnd(succeeded=False, reason="PipelineRunTimeout", message="", results={})
    circumstances = Circumstances(obstacle=find_obstacle([pod], []))

    assert circumstances.obstacle is not None
    with pytest.raises(BuildFailed, match="the build ran into its limit of 1800 seconds"):
        make_outcome(run, end, RunReport(run), images=images, circumstances=circumstances)


@pytest.mark.parametrize("pods", [(), (make_pod(POD, fetch="terminated"),)])
def test_pod_that_was_taken_away_is_no_fault_of_the_build(engine, cluster, pods) -> None:
    """A drained node ends the Step with a code of its own; the pod is going or gone by the time one looks."""
    for pod in pods:
        pod["metadata"]["deletionTimestamp"] = "2026-11-21T10:00:00Z"
    start(engine, cluster)
    cluster.set_pods(NAME, *pods)
    outcome = fail_run(engine, cluster, '"step-fetch" exited with code 143: Error')

    assert outcome.message == (
        "the pod was removed while it ran: its node was drained or is gone, or somebody deleted it "
        '("step-fetch" exited with code 143: Error)'
    )
    assert (outcome.code, outcome.transient) == ("EngineFailed", True)


@pytest.mark.parametrize(
    ("part", "words", "hint"),
    [
        (PodPart(), "system.apt: installing the packages took longer than 1800 seconds", "Name fewer packages"),
        (PART, "the wheel of wordy 1.0 took longer than 1800 seconds", "look at the compiler"),
    ],
)
def test_time_out_of_a_part_names_no_limit_that_it_ignores(images, part, words, hint) -> None:
    """Its time is not what the config says under `limits.time`; it says what it is, as on the other engines."""
    run = BuildRun(request=replace(REQUEST, part=part), log=FakeLog(), clock=lambda: 0.0)
    end = RunEnd(succeeded=False, reason="TaskRunTimeout", message="", results={})

    with pytest.raises(BuildFailed) as caught:
        make_outcome(run, end, RunReport(run), images=images, circumstances=Circumstances())
    assert caught.value.message == words
    assert caught.value.hint.startswith(hint)


def test_quota_is_waited_for_and_named(engine, cluster) -> None:
    """While there is no room the log says so, once; a run that timed out for it is worth another try."""
    log = start(engine, cluster)
    cluster.task_runs[NAME] = [make_task_run("ExceededResourceQuota", "exceeded quota: builds")]
    waiting = "waiting: the namespace's quota has no room for the pod yet: exceeded quota: builds"
    wait_for(lambda: waiting in log.lines, what="the reason")
    cluster.end_run(NAME, succeeded=False, reason="PipelineRunTimeout")
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert outcome.message == (
        "the pod did not run within the build's 1800 seconds: "
        "the namespace's quota has no room for the pod yet: exceeded quota: builds"
    )
    assert (outcome.transient, log.lines.count(waiting)) == (True, 1)


@pytest.mark.parametrize(
    ("pod", "words", "transient"),
    [
        (
            {
                "metadata": {"name": POD},
                "status": {
                    "initContainerStatuses": [
                        {"name": "prepare", "image": "i:1", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
                    ]
                },
            },
            "the image i:1 cannot be pulled: ImagePullBackOff",
            False,
        ),
        (
            {
                "metadata": {"name": POD},
                "status": {
                    "containerStatuses": [
                        {
                            "name": "step-fetch",
                            "state": {"waiting": {"reason": "CreateContainerConfigError", "message": "no user"}},
                        }
                    ]
                },
            },
            "the container step-fetch cannot be created: no user",
            False,
        ),
        (
            {"metadata": {"name": POD, "deletionTimestamp": "now"}, "status": {"phase": "Running"}},
            "the pod is being removed: its node does not answer, or somebody deleted it",
            True,
        ),
    ],
)
def test_pod_that_cannot_run_ends_the_build(engine, cluster, pod, words, transient) -> None:
    """After a grace the run is cancelled, and the answer says why."""
    start(engine, cluster)
    cluster.set_pods(NAME, pod)
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert (outcome.message, outcome.transient) == (words, transient)
    assert f"status {NAME} Cancelled" in cluster.calls


def test_pod_without_a_node_is_waited_for(engine, cluster, images) -> None:
    """No room is no fault: the log says so, and the build goes on when there is some."""
    digest = push_image(images)
    log = start(engine, cluster)
    condition = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    cluster.set_pods(NAME, {"metadata": {"name": POD}, "status": {"conditions": [condition]}})
    waiting = "waiting: the cluster has no room for the pod yet: 0/1 nodes are available"
    wait_for(lambda: waiting in log.lines, what="the reason")
    cluster.set_pods(NAME, make_pod(POD))
    cluster.end_run(NAME, succeeded=True, IMAGE_DIGEST=digest)

    assert wait_for_outcome(engine).digest == digest


def test_deleted_run_is_a_clear_outcome(engine, cluster) -> None:
    """A run that somebody deletes ends the build, and asking again starts anew."""
    start(engine, cluster)
    cluster.delete_run(NAME, namespace="hublish-builds")
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert outcome.message == f"the PipelineRun hublish-builds/{NAME} was deleted while it ran"
    assert outcome.transient is True


@pytest.mark.parametrize(
    ("digest", "words"),
    [
        ("", "the run reports no digest: ''"),
        (MISSING_DIGEST, f"the run reports {REQUEST.target.name}@{MISSING_DIGEST}, and the registry has no such image"),
    ],
)
def test_reported_image_is_looked_up(engine, cluster, digest, words) -> None:
    """A run's word is not enough: the registry has the last one."""
    start(engine, cluster)
    cluster.end_run(NAME, succeeded=True, IMAGE_DIGEST=digest)
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert outcome.message == words


def test_build_that_is_tried_is_believed_only_with_its_steps_own_word(engine, cluster) -> None:
    """No registry knows of its image; where the log was lost, the build may be asked for again."""
    plan = replace(REQUEST.plan, trust=Trust.PULL_REQUEST, target_repository="")
    engine.start(replace(REQUEST, plan=plan, target=None), FakeLog())
    wait_for(lambda: f"status {NAME} None" in cluster.calls, what="the release of the run")
    cluster.end_run(NAME, succeeded=True, IMAGE_DIGEST=MISSING_DIGEST)
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert (outcome.message, outcome.transient) == ("what the run found out was lost with its log", True)


def test_cluster_that_never_ends_a_run_is_given_up(engine, cluster, monkeypatch) -> None:
    """When Tekton itself is gone, the build's own clock ends it and asks for the run to be stopped."""
    monkeypatch.setattr("hublish.engines.tekton.engine._CANCEL_SECONDS", 0.05)
    now = [0.0]
    monkeypatch.setattr(engine, "_clock", lambda: now[0])
    monkeypatch.setattr(engine._threads, "_clock", lambda: now[0])
    start(engine, cluster)
    now[0] = 1800 + 300 + 600 + 1
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert outcome.message == "the build ran into its limit of 1800 seconds"
    assert f"status {NAME} Cancelled" in cluster.calls
