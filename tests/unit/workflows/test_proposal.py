"""Pull requests to hubs."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.answers.report import HubReport
from hublish.core.codec import render_value
from hublish.core.github.ports import BranchState
from hublish.core.imagerecords import ImageRecord
from hublish.core.reference import parse_reference
from hublish.core.status import RunState
from hublish.errors import PullRequestTaken, RegistryFailed, SourceMissing
from hublish.workflows.propose import Proposal
from tests.fakes import FakeSource
from tests.unit.workflows.parts import AT, COMMENT, NAME, RELEASE, TAG, Stage, make_run
from tests.unit.workflows.proposal_parts import DIGEST, IMAGE, KUSTOMIZATION, OLD, OTHER, PREPARED, fill_hub, propose


def test_new_image_is_one_file_and_one_line(stage: Stage) -> None:
    """The branch is made on the list's newest state; pull request, commit and report say the same."""
    fill_hub(stage)
    report = propose(stage)
    hub = stage.hub_repository
    expected = HubReport(
        hub="demo",
        url="https://github.com/org/apps/pull/3",
        number=3,
        detail="lists ts with the tag v1",
        ok=True,
    )
    branch, base, title, body = hub.pull_request or ("", "", "", "")

    assert report == expected
    assert set(hub.files) == {"images/kustomization.yaml", "images/ts.yaml"}
    assert hub.files["images/kustomization.yaml"].decode() == KUSTOMIZATION + "  - ts.yaml\n"
    assert f"{NAME}@{DIGEST}" in hub.files["images/ts.yaml"].decode()
    assert (branch, base, title) == ("hublish/octo--ts", "main", "List ts v1")
    assert body.endswith("<!-- hublish:pull-request:r1 -->")
    assert hub.message.startswith("List ts v1\n")


def test_proposing_again_updates_our_own_branch(stage: Stage) -> None:
    """After a crash, or for the next release."""
    fill_hub(stage)
    first = propose(stage)

    assert propose(stage) == first


def test_image_that_is_listed_already_needs_no_pull_request(stage: Stage) -> None:
    """A second run of a merged release changes nothing."""
    fill_hub(stage)
    propose(stage)
    merged = {
        path.removeprefix("images/").removesuffix(".yaml"): body for path, body in stage.hub_repository.files.items()
    }
    fill_hub(stage, **merged)
    stage.hub_repository.pull_request = None
    expected = HubReport(hub="demo", url=None, number=None, detail="lists this image already", ok=True)

    assert propose(stage) == expected
    assert stage.hub_repository.pull_request is None


def test_branch_a_person_pushed_to_is_left_alone(stage: Stage) -> None:
    """Stop and say so."""
    fill_hub(stage)
    stage.hub_repository.state = BranchState(sha="d" * 40, ours=False)
    with pytest.raises(PullRequestTaken, match="somebody pushed to hublish/octo--ts in org/apps"):
        propose(stage)

    assert stage.hub_repository.files == {}


def test_person_who_pushes_at_the_last_moment_wins(stage: Stage) -> None:
    """The branch is only moved from where it was seen."""
    fill_hub(stage)

    def push() -> None:
        stage.hub_repository.state = BranchState(sha="d" * 40, ours=False)

    stage.hub_repository.before_commit = push
    with pytest.raises(PullRequestTaken):
        propose(stage)

    assert stage.hub_repository.files == {}


def test_list_in_the_root_of_its_repository(stage: Stage) -> None:
    """An empty folder is the root; folders below are not part of it."""
    stage.checkouts.sources["org/apps"] = FakeSource(
        {"kustomization.yaml": KUSTOMIZATION.encode(), "other.yaml": OTHER.encode(), "images/far.yaml": b"{broken"}
    )
    propose(stage, services=stage.with_hub(folder=""))

    assert set(stage.hub_repository.files) == {"kustomization.yaml", "ts.yaml"}


def make_listed(pinned: str) -> str:
    """The hub's file with an older tag of our image."""
    return f"""\
kind: ImageStream
apiVersion: image.openshift.io/v1
metadata:
  name: ts
  annotations:
    opendatahub.io/notebook-image-url: https://github.com/octo/ts
spec:
  tags:
    - name: v0
      from: {{kind: DockerImage, name: "{pinned}"}}
    - name: v1
      from: {{kind: DockerImage, name: "{pinned}"}}
"""


def test_moved_tag_is_compared_with_the_image_listed_before(stage: Stage) -> None:
    """Size and packages of both are known when it was delivered by this service."""
    fill_hub(stage, ts=make_listed(f"{NAME}@{OLD}").encode())
    record = ImageRecord(digest=OLD, size_bytes=10_000_000, packages=(("six", "1.16.0"),), commit=None)
    stage.image_records.record_image(NAME, record, at=AT)
    propose(stage)
    body = (stage.hub_repository.pull_request or ("",) * 4)[3]

    assert "| size | 12 MB, 2.0 MB more than before |" in body
    assert "| `six` | `1.16.0` | `1.17.0` |" in body


def test_listed_tag_is_resolved_to_compare(stage: Stage) -> None:
    """A list that names a tag: what it is now, by the registry."""
    digest = stage.images.ensure_manifest(parse_reference(f"{NAME}:v1"), body=b"{}", media_type="application/json")
    fill_hub(stage, ts=make_listed(f"{NAME}:v1").encode())
    propose(stage)
    body = (stage.hub_repository.pull_request or ("",) * 4)[3]

    assert f"@{digest}" in body


@pytest.mark.parametrize("transient", [True, False])
def test_registry_that_cannot_tell_is_waited_for_or_passed_over(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, *, transient: bool
) -> None:
    """A list may name a registry that this service may not ask; an outage is another matter."""

    def fail(_reference: object) -> None:
        raise RegistryFailed("no", transient=transient)

    fill_hub(stage, ts=make_listed(f"{NAME}:v1").encode())
    monkeypatch.setattr(stage.images, "fetch_manifest", fail)
    if transient:
        with pytest.raises(RegistryFailed):
            propose(stage)
    else:
        assert propose(stage).ok is True


def test_several_images_are_one_pull_request(stage: Stage) -> None:
    """Each with its file; a second edit builds on the first."""
    fill_hub(stage)
    gpu = dataclasses.replace(
        IMAGE,
        prepared=dataclasses.replace(
            IMAGE.prepared, title="gpu", name="registry.example.org/team/gpu", python_version="", fixed_tags=()
        ),
    )
    report = propose(stage, images=(IMAGE, gpu))

    assert set(stage.hub_repository.files) == {"images/kustomization.yaml", "images/ts.yaml", "images/gpu.yaml"}
    assert stage.hub_repository.files["images/kustomization.yaml"].decode() == (
        "kind: Kustomization\nresources:\n  - gpu.yaml\n  - other.yaml\n  - ts.yaml\n"
    )
    assert report.detail.count(";") == 1


def test_run_without_a_commit_proposes_nothing(stage: Stage) -> None:
    """Nor does one that is not in the records."""
    with pytest.raises(SourceMissing, match="there is no run r1 with a commit"):
        propose(stage, prepared=dataclasses.replace(PREPARED, ref=None))
    with pytest.raises(SourceMissing):
        Proposal(stage.services).run("r2", PREPARED, "demo", (IMAGE,))


def propose_newer(stage: Stage, *, ref: str = "v2") -> None:
    """Let a run of another release propose the image, and end well."""
    fill_hub(stage)
    trigger = dataclasses.replace(RELEASE, ref=ref)
    run = dataclasses.replace(make_run(trigger), id="newer", key="7:release:2", trigger=render_value(trigger))
    stage.runs.ensure_run(run)
    Proposal(stage.services).run(
        "newer", dataclasses.replace(PREPARED, ref=dataclasses.replace(TAG, name=ref)), "demo", (IMAGE,)
    )
    for state in (RunState.PLANNING, RunState.BUILDING, RunState.DELIVERING):
        stage.runs.move_run("newer", state, at=AT)


def test_older_release_that_ends_last_leaves_the_open_pull_request_to_the_newer_one(stage: Stage) -> None:
    """Two releases within a second, or one of an older line: what is newer must not go from the pull request unsaid."""
    propose_newer(stage)
    before = stage.hub_repository.pull_request
    expected = HubReport(
        hub="demo",
        url="https://github.com/org/apps/pull/3",
        number=3,
        detail="left as it is, as it proposes v2, which is newer; to propose this one, merge or close it, then comment "
        "/build with this tag on an issue",
        ok=True,
    )

    assert propose(stage) == expected
    assert stage.hub_repository.pull_request == before


@pytest.mark.parametrize("other", ["v0", "nightly"])
def test_release_takes_the_place_of_one_that_is_not_newer(stage: Stage, other: str) -> None:
    """A tag that is no version is neither."""
    propose_newer(stage, ref=other)

    assert propose(stage).detail == "lists ts with the tag v1"


def test_release_that_a_person_asks_for_is_proposed_whatever_is_newer(stage: Stage) -> None:
    """They know what they go back to."""
    propose_newer(stage)
    stage.receive(dataclasses.replace(COMMENT, ref="v1"))

    assert propose(stage).detail == "lists ts with the tag v1"


def test_newer_proposal_that_was_closed_or_merged_stands_in_no_ones_way(stage: Stage) -> None:
    """Only an open pull request holds a release; one that another run wrote since does not hold it either."""
    propose_newer(stage)
    stage.hub_repository.pull_request = None
    closed = propose(stage)
    written = propose(stage)

    assert closed.detail == written.detail == "lists ts with the tag v1"
