"""Secrets of a Dockerfile under the engine: a Secret of the Step that builds, there before the run goes, gone after it."""

from __future__ import annotations

from hublish.core.building import BuildStopped
from hublish.engines.tekton_run import make_run
from tests.fakes import FakeLog
from tests.golden.tekton_runs import LAYERED_CHOICES, REQUEST
from tests.unit.engines.tekton.parts import NAME, wait_for, wait_for_outcome

NAMESPACE = "hublish-builds"


def test_secret_of_the_step_that_builds_is_mounted_by_the_run_that_owns_it(engine, cluster, step_files) -> None:
    """The run names it in its workspace, and it goes with the others when the build ends."""
    step_files["build"] = {"build-secrets": b"{}"}
    engine.start(REQUEST, FakeLog())
    wait_for(lambda: f"status {NAME} None" in cluster.calls, what="the release of the run")
    run, secrets = cluster.runs[NAME], dict(cluster.secrets)
    cluster.end_run(NAME, succeeded=False)
    wait_for_outcome(engine)

    assert run["spec"]["workspaces"] == [{"name": "secrets", "secret": {"secretName": f"{NAME}-build"}}]
    assert sorted(secrets) == [f"{NAME}-build", f"{NAME}-fetch", f"{NAME}-push"]
    assert secrets[f"{NAME}-build"]["metadata"]["ownerReferences"][0]["uid"] == run["metadata"]["uid"]
    assert cluster.secrets == {}


def test_run_without_such_secrets_mounts_none(engine, cluster) -> None:
    """No workspace is bound."""
    engine.start(REQUEST, FakeLog())
    wait_for(lambda: f"status {NAME} None" in cluster.calls, what="the release of the run")

    assert "workspaces" not in cluster.runs[NAME]["spec"]


def test_build_that_cannot_be_given_what_it_needs_leaves_no_run(engine, cluster, step_files) -> None:
    """It ends with the reason before the cluster is asked for anything."""
    step_files.clear()
    engine.start(REQUEST, FakeLog())
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert (outcome.code, outcome.message) == ("BuildFailed", "the Dockerfile needs a secret that it is not given")
    assert (cluster.runs, cluster.secrets) == ({}, {})


def test_running_run_is_adopted_without_asking_for_secrets(engine, cluster, step_files) -> None:
    """They were given when it began, and may be others by now."""
    run = make_run(REQUEST, choices=LAYERED_CHOICES)
    run["spec"]["status"] = None
    cluster.create_run(run, namespace=NAMESPACE)
    step_files.clear()
    engine.start(REQUEST, FakeLog())
    wait_for(lambda: any(call.startswith("list") for call in cluster.calls), what="the watch")
    cluster.end_run(NAME, succeeded=False, reason="Failed")
    outcome = wait_for_outcome(engine)

    assert isinstance(outcome, BuildStopped)
    assert "secret" not in outcome.message
