"""What happens to pods and runs from outside: nodes that end them, people who delete them, a cluster that is away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hublish.core.building import BuildStopped, BuildSucceeded, Step
from hublish.core.podlines import render_message
from tests.fakes import FakeLog
from tests.golden.tekton_runs import REQUEST
from tests.unit.engines.tekton.fakes import make_pod, make_time
from tests.unit.engines.tekton.parts import NAME, POD, fail_run, push_image, start, wait_for, wait_for_outcome

pytestmark = pytest.mark.usefixtures("quick_looks")

NAMESPACE = "hublish-builds"
ENDED_BY_NODE = "Pod was terminated in response to imminent node shutdown."


def make_pending(**metadata: object) -> dict:
    """A pod that has a node and was not started there."""
    return {"metadata": {"name": POD, **metadata}, "spec": {"nodeName": "n1"}, "status": {"phase": "Pending"}}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"phase": "Failed", "reason": "Terminated", "message": ENDED_BY_NODE}, ENDED_BY_NODE),
        ({"phase": "Failed", "reason": "OutOfcpu", "message": "not enough cpu"}, "not enough cpu"),
        ({"phase": "Failed", "reason": "NodeShutdown"}, "NodeShutdown"),
        (
            {
                "phase": "Failed",
                "conditions": [
                    {"type": "Ready", "status": "False", "reason": "PodFailed"},
                    {
                        "type": "DisruptionTarget",
                        "status": "True",
                        "reason": "PreemptionByScheduler",
                        "message": "preempted",
                    },
                ],
            },
            "preempted",
        ),
    ],
)
def test_pod_that_its_node_ended_is_no_fault_of_the_build(engine, cluster, status, words) -> None:
    """It stays where it was, with a Step's exit code, unlike one that was drained; the build may be asked for again."""
    start(engine, cluster)
    cluster.set_pods(NAME, {"metadata": {"name": POD}, "status": status})
    outcome = fail_run(engine, cluster, '"step-build" exited with code 143: Error')

    assert outcome.message == f'the cluster ended the pod: {words} ("step-build" exited with code 143: Error)'
    assert (outcome.code, outcome.transient) == ("EngineFailed", True)


@pytest.mark.parametrize(
    "status",
    [{"phase": "Failed", "reason": "Error"}, {"conditions": [{"type": "DisruptionTarget", "status": "False"}]}],
)
def test_pod_that_failed_by_itself_is_the_builds_own_fault(engine, cluster, status) -> None:
    """Asking again would end the same way."""
    start(engine, cluster)
    cluster.set_pods(NAME, {"metadata": {"name": POD}, "status": status})
    outcome = fail_run(engine, cluster, '"step-build" exited with code 1: Error')

    assert (outcome.message, outcome.transient) == (
        'the run failed (Failed): "step-build" exited with code 1: Error',
        False,
    )


@pytest.mark.parametrize(
    ("message", "words", "code"),
    [
        ('"step-build" exited with code 137: OOMKilled', "a Step of the build needed more memory", "BuildFailed"),
        ('"step-fetch" exited with code 137: OOMKilled', "the Step fetch needed more memory", "BuildFailed"),
        (
            'init container failed, "prepare" exited with code 137: OOMKilled',
            "a container that Tekton adds to the pod needed more memory",
            "EngineFailed",
        ),
        (
            '"sidecar-x" exited with code 137: OOMKilled',
            "a container that Tekton adds to the pod needed",
            "EngineFailed",
        ),
        (
            'Container step-build exceeded its local ephemeral storage limit "1Gi". ',
            "the build needed more disk than it may have",
            "BuildFailed",
        ),
    ],
)
def test_limit_names_who_ran_into_it(engine, cluster, message, words, code) -> None:
    """Memory of the Step build is the operator's setting, that of others is not; its disk is not the node's."""
    start(engine, cluster)
    outcome = fail_run(engine, cluster, message)

    assert outcome.message.startswith(words)
    assert (outcome.code, outcome.transient) == (code, False)
    assert ("engines.tekton.memory" in outcome.hint) is ("step-build" in message and "OOM" in message)


def test_reason_that_a_run_printed_is_clipped(engine, cluster) -> None:
    """In the Step that builds, code of the repository may have said it: no code of its own, and no more than fits."""
    start(engine, cluster)
    said = BuildStopped(code="x\u202e\n", message="m" * 9000, hint="h" * 9000, step=Step.BUILD, label="l" * 9000)
    cluster.set_pods(NAME, make_pod(POD, fetch="terminated", build="terminated"))
    cluster.write_log(POD, "fetch", ended=True)
    cluster.write_log(POD, "build", (make_time(1), render_message(said)), ended=True)
    cluster.end_run(NAME, succeeded=False, reason="Failed")
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert (outcome.code, len(outcome.message), len(outcome.hint), len(outcome.label)) == (
        "BuildFailed",
        4000,
        1000,
        256,
    )


@pytest.mark.parametrize(
    ("reason", "words", "cancelled"),
    [
        ("TaskRunTimeout", "the build ran into its limit of 1800 seconds", False),
        ("TaskRunCancelled", "the run was cancelled in the cluster: why", True),
    ],
)
def test_end_of_a_task_run_alone_is_told_by_its_reason(engine, cluster, reason, words, cancelled) -> None:
    """Its run has failed and no more, and Tekton took its pod away: that looks as if a node had gone."""
    start(engine, cluster)
    outcome = fail_run(engine, cluster, "why", reason=reason, said="Tasks Completed: 1 (Failed: 1)")

    assert (outcome.message, outcome.cancelled, outcome.transient) == (words, cancelled, False)


def test_secret_that_was_deleted_ends_a_build_that_cannot_start(engine, cluster) -> None:
    """No container of the pod says anything: the node's events do, and nobody makes the Secret again."""
    log = start(engine, cluster)
    missing = f'MountVolume.SetUp failed for volume "fetch" : secret "{NAME}-fetch" not found'
    cluster.warnings[POD] = [("FailedScheduling", "0/1 nodes are available"), ("FailedMount", missing)]
    cluster.set_pods(NAME, make_pending())
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert (outcome.message, outcome.transient) == (f"the node has not started the pod yet: {missing}", True)
    assert f"waiting: {outcome.message}" in log.lines
    assert f"status {NAME} Cancelled" in cluster.calls
    assert cluster.secrets == {}


def test_pod_that_starts_late_is_waited_for(engine, cluster, images) -> None:
    """A large image takes its time; the log says what is waited for, and a time-out says that it was no work."""
    log = start(engine, cluster)
    cluster.set_pods(NAME, make_pending())
    wait_for(lambda: "waiting: the node has not started the pod yet" in log.lines, what="the reason")
    cluster.end_run(NAME, succeeded=False, reason="PipelineRunTimeout")
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert (outcome.message, outcome.transient) == (
        "the pod did not run within the build's 1800 seconds: the node has not started the pod yet",
        True,
    )


def test_pod_of_a_dead_node_that_never_started_is_given_up(engine, cluster) -> None:
    """Nobody on the node confirms that it is gone; the cluster would wait for that as long as for the build."""
    start(engine, cluster)
    cluster.set_pods(NAME, make_pending(deletionTimestamp="2026-11-21T10:00:00Z"))
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert outcome.message == "the pod is being removed: its node does not answer, or somebody deleted it"
    assert outcome.transient is True


def test_what_passes_does_not_use_up_the_patience_for_what_does_not(engine, cluster, images, monkeypatch) -> None:
    """A pod that waited long for a node gets its full grace when its image stumbles once."""
    now = [0.0]
    monkeypatch.setattr(engine, "_clock", lambda: now[0])
    monkeypatch.setattr(engine._threads, "_clock", lambda: now[0])
    monkeypatch.setattr(engine, "_choices", replace(engine._choices, grace_seconds=60.0))
    digest = push_image(images)
    log = start(engine, cluster)
    condition = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    cluster.set_pods(NAME, {"metadata": {"name": POD}, "status": {"conditions": [condition]}})

    def is_told(words: str) -> bool:
        now[0] += 1
        return any(words in line for line in log.lines)

    wait_for(lambda: is_told("no room"), what="the wait for a node")
    now[0] += 100
    stumbling = {"name": "step-fetch", "image": "i:1", "state": {"waiting": {"reason": "ErrImagePull"}}}
    cluster.set_pods(NAME, {"metadata": {"name": POD}, "status": {"containerStatuses": [stumbling]}})
    wait_for(lambda: is_told("cannot be pulled"), what="the stumble")
    cluster.set_pods(NAME, make_pod(POD))
    cluster.end_run(NAME, succeeded=True, IMAGE_DIGEST=digest)

    assert isinstance(wait_for_outcome(engine), BuildSucceeded)


def test_cluster_that_is_away_for_long_is_waited_for(engine, cluster, images) -> None:
    """The pod needs no API server to go on; the log says once why nothing is heard."""
    digest = push_image(images)
    log = start(engine, cluster)
    away = "waiting: the cluster did not list pods: its API does not answer"
    cluster.away = True
    wait_for(lambda: away in log.lines, what="the reason")
    cluster.away = False
    cluster.end_run(NAME, succeeded=True, IMAGE_DIGEST=digest)

    assert isinstance(wait_for_outcome(engine), BuildSucceeded)
    assert log.lines.count(away) == 1


def test_end_that_no_watch_tells_of_is_found(engine, cluster, images) -> None:
    """A connection that broke without a word looks like one where nothing happens."""
    digest = push_image(images)
    start(engine, cluster)
    cluster.is_mute = True
    cluster.end_run(NAME, succeeded=True, IMAGE_DIGEST=digest)

    assert isinstance(wait_for_outcome(engine), BuildSucceeded)


def test_end_of_another_run_of_the_name_is_not_taken(engine, cluster, images) -> None:
    """Somebody deleted the run, and it was made again: what became of that one is not known here."""
    digest = push_image(images)
    start(engine, cluster)
    cluster.is_mute = True
    run = {**cluster.runs[NAME], "metadata": {**cluster.runs[NAME]["metadata"], "uid": "another"}}
    cluster.runs[NAME] = run
    cluster.is_mute = False
    cluster.end_run(NAME, succeeded=True, IMAGE_DIGEST=digest)
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert outcome.message == f"the PipelineRun {NAMESPACE}/{NAME} was deleted while it ran"


def test_run_that_another_replica_released_is_not_ended(engine, cluster, step_files) -> None:
    """One that fails to release a run leaves alone what is at work since."""
    step_files["fetch"] = {"request": b"x" * 1_000_001}
    create = cluster.create_run

    def create_and_release(run, *, namespace: str):
        made = create(run, namespace=namespace)
        cluster.set_run_status(NAME, None, namespace=namespace)
        return made

    cluster.create_run = create_and_release
    engine.start(REQUEST, FakeLog())
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert "a Secret holds" in outcome.message
    assert [call for call in cluster.calls if call.startswith("status")] == [f"status {NAME} None"]


def test_what_a_deleted_run_was_given_goes_with_it(engine, cluster, tmp_path) -> None:
    """Its Secrets, and how far its log was read."""
    start(engine, cluster)
    cluster.delete_run(NAME, namespace=NAMESPACE)
    wait_for_outcome(engine)

    assert cluster.secrets == {}
    assert list(tmp_path.iterdir()) == []
