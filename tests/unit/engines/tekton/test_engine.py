"""The life of a PipelineRun under the engine: made with its Secrets, followed, adopted, stopped, cleaned up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hublish.core.building import BuildStopped, BuildSucceeded, Progress, Step
from hublish.core.plan import Strategy
from hublish.core.podlines import LayerRecords, render_message
from hublish.engines.tekton_run import make_run
from hublish.errors import EngineFailed, StrategyUnavailable
from tests.fakes import FakeLog
from tests.golden.tekton_runs import LAYERED_CHOICES, REQUEST
from tests.unit.engines.tekton.fakes import make_pod, make_secret_of, make_time
from tests.unit.engines.tekton.parts import NAME, POD, push_image, wait_for, wait_for_outcome

NAMESPACE = "hublish-builds"


def wait_until_released(cluster) -> None:
    wait_for(lambda: f"status {NAME} None" in cluster.calls, what="the release of the run")


def test_secrets_are_there_before_the_run_is_released(engine, cluster, images) -> None:
    """A run is made pending, owns its Secrets, then may go; what its Steps say is logged and its image is the outcome."""
    digest = push_image(images)
    succeeded = BuildSucceeded(digest=digest, size_bytes=5, layers=(), uploaded_bytes=3, packages=(("six", "1"),))
    log = FakeLog()
    engine.start(REQUEST, log)
    wait_until_released(cluster)
    owners = {name: item["metadata"]["ownerReferences"][0]["uid"] for name, item in cluster.secrets.items()}
    cluster.set_pods(NAME, make_pod(POD, fetch="terminated", build="terminated", push="terminated"))
    progress = Progress(step=Step.PUSH, done=1, total=2)
    cluster.write_log(POD, "fetch", (make_time(1), "source octocat/ts"), ended=True)
    cluster.write_log(POD, "build", (make_time(2), render_message(replace(succeeded, size_bytes=999))), ended=True)
    cluster.write_log(
        POD, "push", (make_time(3), render_message(progress)), (make_time(3), render_message(succeeded)), ended=True
    )
    cluster.end_run(NAME, succeeded=True, IMAGE_DIGEST=f"{digest}\n")
    outcome = wait_for_outcome(engine)

    assert outcome == succeeded
    assert [call for call in cluster.calls if call.partition(" ")[0] in {"create", "secret", "status"}] == [
        f"create {NAMESPACE}/{NAME}",
        f"secret {NAME}-fetch",
        f"secret {NAME}-push",
        f"status {NAME} None",
    ]
    assert owners == {f"{NAME}-fetch": f"uid-{NAME}", f"{NAME}-push": f"uid-{NAME}"}
    assert log.lines == [f"PipelineRun {NAMESPACE}/{NAME}", "source octocat/ts"]
    assert engine.status(NAME).progress == progress
    assert cluster.secrets == {}


def test_records_of_the_step_that_pushes_are_handed_on(engine, cluster, images, kept_records) -> None:
    """Once the image stands, and only those: the Step that builds has no say."""
    digest = push_image(images)
    engine.start(REQUEST, FakeLog())
    wait_until_released(cluster)
    cluster.set_pods(NAME, make_pod(POD, fetch="terminated", build="terminated", push="terminated"))
    said = [LayerRecords(digest="sha256:" + letter * 64, size_bytes=1) for letter in "ab"]
    cluster.write_log(POD, "fetch", ended=True)
    cluster.write_log(POD, "build", (make_time(1), render_message(said[0])), ended=True)
    cluster.write_log(POD, "push", (make_time(2), render_message(said[1])), ended=True)
    cluster.end_run(NAME, succeeded=True, IMAGE_DIGEST=digest)
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildSucceeded)
    assert kept_records == [(said[1], NAME, digest)]


def test_wheels_of_a_build_that_is_tried_are_left_to_another_engine(engine, cluster) -> None:
    """Pods hand them over in the image's own repository, which such a build does not write to."""
    plan = replace(REQUEST.plan, builds_wheels=True, target_repository="")

    with pytest.raises(StrategyUnavailable, match="hands wheels over in the image's own repository"):
        engine.start(replace(REQUEST, plan=plan, target=None), FakeLog())
    assert cluster.calls == []


def test_plan_that_builds_wheels_is_left_to_another_engine(engine, cluster) -> None:
    """Nothing of a package is run in a layered pod."""
    plan = replace(REQUEST.plan, builds_wheels=True)

    with pytest.raises(StrategyUnavailable, match="the tekton engine builds no wheels"):
        engine.start(replace(REQUEST, plan=plan), FakeLog())
    assert cluster.calls == []


def test_running_run_is_adopted(engine, cluster, images) -> None:
    """A run that is found under the name is followed: no second one, no new Secrets."""
    digest = push_image(images)
    run = make_run(REQUEST, choices=LAYERED_CHOICES)
    run["spec"]["status"] = None
    cluster.create_run(run, namespace=NAMESPACE)
    cluster.calls.clear()
    engine.start(REQUEST, FakeLog())
    wait_for(lambda: any(call.startswith("list") for call in cluster.calls), what="the watch")
    cluster.end_run(NAME, succeeded=True, IMAGE_DIGEST=digest)
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildSucceeded)
    assert (outcome.digest, [layer.transfer for layer in outcome.layers]) == (digest, ["present"])
    assert [call for call in cluster.calls if call.partition(" ")[0] in {"create", "secret", "status"}] == []


def test_pending_run_of_a_killed_service_gets_its_secrets(engine, cluster) -> None:
    """Whoever was killed between making and releasing a run is stood in for."""
    cluster.create_run(make_run(REQUEST, choices=LAYERED_CHOICES), namespace=NAMESPACE)
    engine.start(REQUEST, FakeLog())
    wait_until_released(cluster)

    assert sorted(cluster.secrets) == [f"{NAME}-fetch", f"{NAME}-push"]


def test_pending_run_whose_files_cannot_be_made_is_ended(engine, cluster, step_files) -> None:
    """Tekton waits for ever for the release of a run that nobody comes back for."""
    step_files.clear()
    cluster.create_run(make_run(REQUEST, choices=LAYERED_CHOICES), namespace=NAMESPACE)
    engine.start(REQUEST, FakeLog())
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert outcome.message == "the Dockerfile needs a secret that it is not given"
    assert [call for call in cluster.calls if call.startswith("status")] == [f"status {NAME} Cancelled"]


def test_run_that_cannot_be_released_is_ended(engine, cluster, step_files) -> None:
    """As one whose Secret would be too large; a cluster that does not take the end either hides no reason."""
    step_files["fetch"] = {"request": b"x" * 1_000_001}

    def refuse(name: str, status: str | None, *, namespace: str) -> None:
        cluster.calls.append(f"refused {namespace}/{name} {status}")
        raise EngineFailed("the cluster is away", transient=True)

    cluster.set_run_status = refuse
    engine.start(REQUEST, FakeLog())
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert "a Secret holds" in outcome.message
    assert f"refused {NAMESPACE}/{NAME} Cancelled" in cluster.calls


def test_run_of_somebody_else_is_left_alone(engine, cluster) -> None:
    """A run of the name that is not ours is neither followed nor given a Secret."""
    run = make_run(REQUEST, choices=LAYERED_CHOICES)
    run["metadata"]["labels"] = {}
    cluster.create_run(run, namespace=NAMESPACE)
    engine.start(REQUEST, FakeLog())
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert outcome.message == f"there is a PipelineRun {NAMESPACE}/{NAME} that is not hublish's"
    assert cluster.secrets == {}


def test_run_that_pushes_elsewhere_is_left_alone(engine, cluster) -> None:
    """A run of the name that puts its image at another place would answer for a build that it is not."""
    other = replace(REQUEST.target, repository="other/ts")
    cluster.create_run(make_run(replace(REQUEST, target=other), choices=LAYERED_CHOICES), namespace=NAMESPACE)
    engine.start(REQUEST, FakeLog())
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert outcome.message == (
        f"there is a PipelineRun {NAMESPACE}/{NAME} that pushes to {other}, which is not where this build goes"
    )
    assert cluster.secrets == {}


def test_cancelled_build_ends_its_run(engine, cluster) -> None:
    """The cluster is asked to stop the run, and its Secrets go."""
    engine.start(REQUEST, FakeLog())
    wait_until_released(cluster)
    engine.cancel(NAME)
    wait_for(lambda: f"status {NAME} Cancelled" in cluster.calls, what="the cancellation")
    cluster.end_run(NAME, succeeded=False, reason="Cancelled")
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert (outcome.cancelled, outcome.message) == (
        True,
        "the build was stopped before its image was complete; nothing was published",
    )
    assert cluster.secrets == {}
    assert engine._cancelled == set()


def test_closed_engine_lets_runs_go_on(engine, cluster) -> None:
    """A service that ends cancels nothing and gives no outcome: the run is adopted later."""
    engine.start(REQUEST, FakeLog())
    wait_until_released(cluster)
    engine.close()

    assert engine.status(NAME).outcome is None
    assert f"status {NAME} Cancelled" not in cluster.calls
    assert cluster.disconnected
    assert sorted(cluster.secrets) == [f"{NAME}-fetch", f"{NAME}-push"]


def test_cancel_of_an_unknown_build_is_nothing(engine, cluster) -> None:
    """Every engine is asked to cancel; one that never heard of the build does nothing."""
    engine.cancel("build-other")

    assert engine.status("build-other") is None
    assert cluster.calls == [f"list {NAMESPACE} app.kubernetes.io/managed-by=hublish,hublish.dev/part-of=build-other"]


def test_strategy_without_an_image_is_refused(engine) -> None:
    """The operator's settings say what pods execute."""
    request = replace(REQUEST, plan=replace(REQUEST.plan, strategy=Strategy.DOCKERFILE))

    assert engine.strategies == frozenset({Strategy.LAYERED})
    with pytest.raises(StrategyUnavailable, match="has no image for the strategy dockerfile"):
        engine.start(request, FakeLog())


def test_what_earlier_builds_left_is_swept(engine, cluster, images) -> None:
    """Old runs go by count, Secrets whose run is over or gone go, those of a run at work stay."""
    digest = push_image(images)
    for name in ("old-1", "old-2", "at-work"):
        cluster.create_run(make_run(replace(REQUEST, name=name), choices=LAYERED_CHOICES), namespace=NAMESPACE)
    cluster.end_run("old-1", succeeded=True)
    cluster.end_run("old-2", succeeded=True)
    for owner in ("old-1", "gone", "at-work"):
        cluster.secrets[f"{owner}-fetch"] = make_secret_of(owner)
    cluster.secrets["ownerless"] = {"metadata": {"name": "ownerless"}}
    engine.start(REQUEST, FakeLog())
    wait_until_released(cluster)
    cluster.end_run(NAME, succeeded=True, IMAGE_DIGEST=digest)
    wait_for_outcome(engine)

    assert list(cluster.secrets) == ["at-work-fetch"]
    assert len([name for name in cluster.runs if name in {"old-1", "old-2", NAME}]) == 1
    assert "at-work" in cluster.runs


def test_run_that_a_dead_service_left_is_cancelled_by_its_name(engine, cluster) -> None:
    """Without being adopted; its Secrets go at once. One of somebody else, or an ended one, is left alone."""
    run = make_run(REQUEST, choices=LAYERED_CHOICES)
    for name, labels in ((NAME, run["metadata"]["labels"]), ("foreign", {}), ("ended", run["metadata"]["labels"])):
        cluster.create_run(
            {**run, "metadata": {**run["metadata"], "name": name, "labels": labels}}, namespace=NAMESPACE
        )
    cluster.end_run("ended", succeeded=True)
    cluster.secrets = {f"{NAME}-fetch": {}, f"{NAME}-push": {}}
    cluster.calls.clear()
    for name in (NAME, "foreign", "ended", "unknown"):
        engine.cancel(name)

    assert [call for call in cluster.calls if not call.startswith("list ")] == [f"status {NAME} Cancelled"]
    assert (cluster.secrets, engine.status(NAME)) == ({}, None)
