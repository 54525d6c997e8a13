"""Tags of delivered images."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from hublish.core.building import BuildStopped, BuildSucceeded, LayerSummary, Step
from hublish.core.github.trigger import TriggerKind
from hublish.core.reference import parse_reference
from hublish.core.repository import RefKind, ResolvedRef
from hublish.core.status import RunState
from hublish.errors import BuildFailed, NotAllowed, RegistryFailed, SourceInvalid, SourceMissing
from hublish.workflows.prepared import Delivered, PreparedImage
from hublish.workflows.publish import publish_image, verify_owner, verify_ref_unmoved
from tests.unit.workflows.parts import AT, NAME, RELEASE, TAG, Stage, make_run

IMAGE = PreparedImage(
    title="ts",
    name=NAME,
    fixed_tags=("v1",),
    floating_tags=("latest",),
    build_key="key",
    python_version="3.11",
    resources="",
    line="",
)
BUILD = "build-key-1"
PACKAGES = (("six", "1.17.0"),)


def succeed(stage: Stage, *, seconds_before_run: int = 0) -> str:
    """Let the build end well; returns the digest of its image."""
    began = AT - timedelta(seconds=seconds_before_run)
    stage.builds.claim_build("key", at=began)
    digest = stage.images.ensure_manifest(
        parse_reference(f"{NAME}:build-key"), body=b"{}", media_type="application/json"
    )
    layer = LayerSummary(title="source", digest=digest, size_bytes=5, transfer="uploaded")
    outcome = BuildSucceeded(digest=digest, size_bytes=10, layers=(layer,), uploaded_bytes=5, packages=PACKAGES)
    stage.builds.finish_build(BUILD, outcome, at=began + timedelta(seconds=9))
    return digest


def publish(stage: Stage, *, release: str = "v1", image: PreparedImage = IMAGE) -> Delivered:
    ref = dataclasses.replace(TAG, name=release)
    return publish_image(stage.services, make_run(), ref, image, build=BUILD)


def read_tag(stage: Stage, tag: str) -> str | None:
    manifest = stage.images.fetch_manifest(parse_reference(f"{NAME}:{tag}"))
    return None if manifest is None else manifest.digest


def test_image_gets_its_release_tag_and_the_floating_ones(stage: Stage) -> None:
    """The manifest of the build stands under all of them, is remembered, and its repository has an owner."""
    digest = succeed(stage)
    expected = Delivered(
        prepared=IMAGE,
        digest=digest,
        size_bytes=10,
        layers=1,
        uploaded_bytes=5,
        seconds=9.0,
        tags=("v1", "latest"),
        kept_tags=(),
        packages=PACKAGES,
    )

    assert publish(stage) == expected
    assert (read_tag(stage, "v1"), read_tag(stage, "latest")) == (digest, digest)
    assert stage.image_records.find_owner(NAME) == RELEASE.repository.id
    assert stage.image_records.find_release(NAME, "latest") == "v1"
    record = stage.image_records.find_image(NAME, digest)
    assert record is not None
    assert (record.size_bytes, record.packages, record.commit) == (10, PACKAGES, TAG.sha)


def test_publishing_again_changes_nothing(stage: Stage) -> None:
    """A step that is repeated after a crash reports the same."""
    succeed(stage)

    assert publish(stage) == publish(stage)


def test_build_of_before_this_run_cost_it_nothing(stage: Stage) -> None:
    """What another run sent and waited for is not said of this one."""
    succeed(stage, seconds_before_run=60)
    delivered = publish(stage)

    assert (delivered.uploaded_bytes, delivered.seconds) == (None, None)


@pytest.mark.parametrize(
    ("current", "release", "moves"),
    [
        ("v1.9", "v1.10", True),
        ("v2.0", "v1.10", False),
        ("v1.0", "v1.0", True),
        ("v2.0rc1", "v2.0", True),
        ("nightly", "v1.0", True),
        ("v2.0", "nightly", True),
    ],
)
def test_floating_tag_never_goes_back_to_an_older_version(
    stage: Stage, current: str, release: str, *, moves: bool
) -> None:
    """Versions are compared as Python's; names that are none do not hold a tag fast."""
    digest = succeed(stage)
    stage.image_records.record_release(NAME, "latest", current, at=AT)
    delivered = publish(stage, release=release)
    kept = () if moves else (("latest", f"it points at {current}, which is newer"),)

    assert delivered.kept_tags == kept
    assert read_tag(stage, "latest") == (digest if moves else None)
    assert stage.image_records.find_release(NAME, "latest") == (release if moves else current)
    assert read_tag(stage, "v1") == digest


def test_prerelease_leaves_floating_tags_alone(stage: Stage) -> None:
    """Whoever follows `latest` asked for releases; a version that says so counts as one marked so."""
    succeed(stage)
    delivered = publish(stage, release="v3.0rc1")

    assert delivered.kept_tags == (("latest", "a pre-release does not move it"),)
    assert read_tag(stage, "latest") is None


def test_image_repository_of_another_source_is_refused(stage: Stage) -> None:
    """No tag is set in what another repository pushed to first."""
    succeed(stage)
    stage.image_records.claim_owner(NAME, 99, at=AT)
    with pytest.raises(NotAllowed) as caught:
        publish(stage)

    assert caught.value.message == (f"{NAME} belongs to another source repository (id 99), which pushed to it first")
    assert read_tag(stage, "v1") is None


def test_owner_is_asked_without_claiming_before_the_build(stage: Stage) -> None:
    """A plan alone takes nothing: nobody owns what was never pushed."""
    verify_owner(stage.services, parse_reference(NAME), RELEASE, claim=False)

    assert stage.image_records.find_owner(NAME) is None


def test_image_that_is_gone_from_the_registry_is_an_error(stage: Stage) -> None:
    """Its tags are not set to something else."""
    digest = succeed(stage)
    stage.images.manifests.clear()
    with pytest.raises(RegistryFailed, match=f"{NAME}@{digest} was pushed and is gone"):
        publish(stage)


def test_build_without_an_image_has_no_tags(stage: Stage) -> None:
    """Neither a stopped build nor an unknown one."""
    with pytest.raises(BuildFailed, match="build-key-1 has no image"):
        publish(stage)
    stage.builds.claim_build("key", at=AT)
    stage.builds.finish_build(BUILD, BuildStopped(code="X", message="", hint="", step=Step.PUSH), at=AT)
    with pytest.raises(BuildFailed, match="build-key-1 has no image"):
        publish(stage)


@pytest.mark.parametrize(
    ("kind", "seconds", "stays"),
    [
        (TriggerKind.RELEASE, 1, True),
        (TriggerKind.RELEASE, -1, False),
        (TriggerKind.COMMENT, 1, False),
    ],
)
def test_tag_that_is_no_version_leaves_a_floating_tag_to_the_release_that_was_asked_for_later(
    stage: Stage, kind: TriggerKind, seconds: int, *, stays: bool
) -> None:
    """Its build ended first; a command for an older release, whenever it comes, is no later release."""
    succeed(stage)
    trigger = dataclasses.replace(RELEASE, kind=kind, ref="autumn")
    later = dataclasses.replace(
        make_run(trigger), id="later", key="7:later", created_at=AT + timedelta(seconds=seconds)
    )
    stage.runs.ensure_run(later)
    for state in (RunState.PLANNING, RunState.BUILDING, RunState.DELIVERING):
        stage.runs.move_run("later", state, at=AT)
    publish(stage, release="autumn")
    kept = publish(stage, release="summer").kept_tags

    assert kept == ((("latest", "it points at autumn, which is newer"),) if stays else ())


def test_tag_that_moved_during_the_build_is_refused_with_both_commits(stage: Stage) -> None:
    """What was built is no longer what the tag names."""
    stage.reader.refs["v1"] = dataclasses.replace(TAG, sha="b" * 40)
    with pytest.raises(SourceInvalid) as caught:
        verify_ref_unmoved(stage.services, RELEASE, TAG)

    assert caught.value.message == (
        f"the tag v1 pointed at {TAG.sha} when the build began and points at {'b' * 40} now"
    )


def test_tag_that_was_deleted_during_the_build_is_refused(stage: Stage) -> None:
    """A release that was taken back is not delivered."""
    del stage.reader.refs["v1"]
    with pytest.raises(SourceMissing, match=f"the tag v1 pointed at {TAG.sha} when the build began and is gone now"):
        verify_ref_unmoved(stage.services, RELEASE, TAG)


@pytest.mark.parametrize("kind", [RefKind.BRANCH, RefKind.SHA, RefKind.PULL_REQUEST])
def test_only_a_tag_must_stand_still(stage: Stage, kind: RefKind) -> None:
    """A branch may go on while one of its commits is built; GitHub is not asked."""
    verify_ref_unmoved(stage.services, RELEASE, ResolvedRef(name="x", kind=kind, sha="a" * 40))

    assert stage.reader.calls == []


def test_two_releases_at_once_leave_the_newer_one(stage: Stage) -> None:
    """The older release looks at `latest` first and is slow to move it: the newer one waits, and `latest` ends with it."""
    succeed(stage)
    looked, waited = threading.Event(), threading.Event()
    records = stage.image_records

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(records, name)

        def find_release(self, name: str, tag: str) -> str | None:
            current = records.find_release(name, tag)
            looked.set()
            waited.wait(0.5)
            return current

    slow = dataclasses.replace(stage.services, image_records=Slow())
    with ThreadPoolExecutor(2) as pool:
        older = pool.submit(publish_image, slow, make_run(), dataclasses.replace(TAG, name="v1"), IMAGE, build=BUILD)
        looked.wait(240)
        newer = pool.submit(publish, stage, release="v2")
        newer.add_done_callback(lambda _: waited.set())

    assert (older.result().tags, newer.result().tags) == (("v1", "latest"), ("v1", "latest"))
    assert records.find_release(NAME, "latest") == "v2"
