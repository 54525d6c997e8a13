"""From a request to a PipelineRun and its Secrets, and from a PipelineRun back to how it ended."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import yaml

from hublish.engines.tekton_run import RunEnd, find_end, is_ours, is_pending, make_run, make_secret
from hublish.errors import BuildFailed
from tests.golden.tekton_runs import LAYERED_CHOICES, REQUEST, RUNS, render_runs
from tests.golden.tekton_schemas import load_schemas

TEKTON = Path(__file__).parents[3] / "tekton"
STORED = {"metadata": {"name": "build-1", "namespace": "builds", "uid": "u-1"}}


def verify(document: dict) -> None:
    """As the API server does, unknown fields included."""
    jsonschema.validate(document, load_schemas()[document["kind"]], cls=jsonschema.Draft202012Validator)


def make_status(status: str, **more: object) -> dict:
    condition = {"type": "Succeeded", "status": status, "reason": "Why", "message": "words"}
    return {"status": {"conditions": [{"type": "Other", "status": "True"}, condition], **more}}


def test_golden_runs_are_current() -> None:
    """The committed PipelineRuns are those that are made now."""

    assert RUNS.read_text() == render_runs()


@pytest.mark.parametrize("path", sorted(TEKTON.glob("*s/*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_committed_objects_fit_tektons_description(path: Path) -> None:
    """Every Task and Pipeline has only fields that Tekton's v1 knows, of the right kind."""
    document = yaml.safe_load(path.read_text())

    verify(document)


def test_runs_fit_tektons_description() -> None:
    """What is asked for has only fields that Tekton's v1 knows."""
    for document in yaml.safe_load_all(RUNS.read_text()):
        verify(document)


def test_time_of_a_build_is_its_runs_alone() -> None:
    """A task of a Pipeline that names no time-out gets Tekton's default of an hour, whatever its run says; 0 is none."""
    tasks = [
        task for path in TEKTON.glob("pipelines/*.yaml") for task in yaml.safe_load(path.read_text())["spec"]["tasks"]
    ]

    assert [task.get("timeout") for task in tasks] == ["0s", "0s", "0s"]


def test_description_refuses_unknown_fields() -> None:
    """The check above would find a slip of the pen."""
    run = make_run(REQUEST, choices=LAYERED_CHOICES)
    run["spec"]["serviceAccount"] = "build"

    with pytest.raises(jsonschema.ValidationError, match="serviceAccount"):
        verify(run)


def test_no_secret_and_no_script_stands_in_tasks() -> None:
    """Steps are commands without scripts; parameters reach no command, and each Secret is mounted in one Step.

    What a Dockerfile's RUNs are given is a workspace of the Step that builds, so that it is mounted in no other.
    """
    for path in TEKTON.glob("tasks/*.yaml"):
        specification = yaml.safe_load(path.read_text())["spec"]
        steps = specification["steps"]
        mounts = [(step["name"], mount["name"]) for step in steps for mount in step.get("volumeMounts", ())]

        assert [step["command"] for step in steps] == [["hublish", "step", step["name"]] for step in steps]
        assert [{"script", "args"} & set(step) for step in steps] == [set(), set(), set()]
        assert mounts == [("fetch", "fetch"), ("push", "push")]
        for workspace in specification.get("workspaces", ()):
            users = [step["name"] for step in steps for item in step.get("workspaces", ())]
            assert (workspace["name"], workspace["optional"], workspace["readOnly"], users) == (
                *("secrets", True, True),
                ["build"],
            )


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("v1.0", "v1.0"),
        ("feature/x", "feature-x"),
        ("-$(params.run)-", "params.run"),
        ("ä" * 80, ""),
        ("a" * 62 + "..b", "a" * 62),
    ],
)
def test_refs_become_labels(name: str, label: str) -> None:
    """What a label cannot hold becomes a dash; the annotation has the ref as it is."""
    metadata = make_run(replace(REQUEST, ref=replace(REQUEST.ref, name=name)), choices=LAYERED_CHOICES)["metadata"]

    assert metadata["labels"]["hublish.dev/ref"] == label
    assert metadata["annotations"]["hublish.dev/ref"] == name


def test_nothing_is_said_of_what_there_is_not() -> None:
    """A build of no repository has neither label nor annotation of one, and a cluster may choose the user."""
    request = replace(REQUEST, repository=None, ref=None, target=None)
    run = make_run(request, choices=replace(LAYERED_CHOICES, link="", user=None))

    assert run["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "hublish",
        "hublish.dev/strategy": "layered",
    }
    assert set(run["metadata"]["annotations"]) == {"hublish.dev/commit", "hublish.dev/base"}
    assert run["spec"]["taskRunTemplate"]["podTemplate"]["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


@pytest.mark.parametrize(("size_bytes", "disk"), [(1, 1 << 30), (1 << 30, 4 << 30), (1 << 40, 64 << 30)])
def test_disk_follows_the_plan_within_bounds(size_bytes: int, disk: int) -> None:
    """Four times the image's limit, never less than 1 GiB nor more than the namespaces allow."""
    request = replace(REQUEST, plan=replace(REQUEST.plan, size_bytes=size_bytes))
    (specification,) = make_run(request, choices=LAYERED_CHOICES)["spec"]["taskRunSpecs"]

    assert specification["stepSpecs"][0]["computeResources"]["limits"]["ephemeral-storage"] == str(disk)


def test_secret_belongs_to_its_run() -> None:
    """It goes when the run goes, and nobody changes it."""
    secret = make_secret(STORED, step="push", files={"access": b"{}"})

    assert secret == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "build-1-push",
            "namespace": "builds",
            "labels": {"app.kubernetes.io/managed-by": "hublish"},
            "ownerReferences": [
                {
                    "apiVersion": "tekton.dev/v1",
                    "kind": "PipelineRun",
                    "name": "build-1",
                    "uid": "u-1",
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        "immutable": True,
        "data": {"access": base64.b64encode(b"{}").decode()},
    }


def test_secret_has_room_for_so_much() -> None:
    """More than Kubernetes takes is refused with words, before anything is sent."""
    with pytest.raises(BuildFailed, match=r"what the Step fetch needs to know has 1\.0 MB, a Secret holds 1\.0 MB"):
        make_secret(STORED, step="fetch", files={"request": b"x" * 1_000_001})


@pytest.mark.parametrize(
    ("run", "end"),
    [
        ({}, None),
        ({"status": None}, None),
        (make_status("Unknown"), None),
        (make_status("False"), RunEnd(succeeded=False, reason="Why", message="words", results={})),
        (
            make_status("True", results=[{"name": "IMAGE_DIGEST", "value": "sha256:1"}]),
            RunEnd(succeeded=True, reason="Why", message="words", results={"IMAGE_DIGEST": "sha256:1"}),
        ),
    ],
)
def test_end_is_what_tekton_says(run: dict, end: RunEnd | None) -> None:
    """The condition decides; one that is not settled is no end."""

    assert find_end(run) == end


def test_runs_of_others_are_told_apart() -> None:
    """A run is ours by its label, and waits by its status."""
    run = make_run(REQUEST, choices=LAYERED_CHOICES)

    assert (is_ours(run), is_pending(run)) == (True, True)
    assert (is_ours({"metadata": {}}), is_pending({"spec": {}})) == (False, False)
