"""Documents beside images."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from hublish.builders.attachment import attach_document
from hublish.core.reference import Reference
from hublish.errors import RegistryFailed
from hublish.oci.artifact import EMPTY
from hublish.oci.manifest import OCI_INDEX, OCI_MANIFEST, make_digest
from tests.fakes import FakeImages, make_tar

IMAGE = Reference(registry="registry.example.org", repository="team/ts", tag="v1")
TYPE = "application/vnd.cyclonedx+json"
OTHER_DIGEST = "sha256:" + "1" * 64
OTHER = {"mediaType": OCI_MANIFEST, "digest": OTHER_DIGEST, "size": 7}
OTHER_LIST = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [OTHER]}).encode()


class RefusingImages(FakeImages):
    """A registry that takes images only."""

    def ensure_manifest(self, reference: Reference, *, body: bytes, media_type: str) -> str:
        if b"artifactType" in body:
            raise RegistryFailed("the registry refused: manifest invalid", status=400)
        return super().ensure_manifest(reference, body=body, media_type=media_type)


class SharedImages(FakeImages):
    """A registry in which somebody else's list replaces ours, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.lists_written = 0

    def ensure_manifest(self, reference: Reference, *, body: bytes, media_type: str) -> str:
        digest = super().ensure_manifest(reference, body=body, media_type=media_type)
        if media_type == OCI_INDEX:
            self.lists_written += 1
            if self.lists_written <= self.times:
                super().ensure_manifest(reference, body=OTHER_LIST, media_type=media_type)
        return digest


def attach(images: FakeImages, digest: str, log: Callable[[str], None], body: bytes = b"{}\n") -> str | None:
    pinned = IMAGE.with_digest(digest)
    return attach_document(body, media_type=TYPE, image=pinned, images=images, output=images, log=log)


@pytest.fixture
def log() -> list[str]:
    return []


def test_document_stands_beside_the_image(log):
    """It names the image as its subject, the list under the image's digest names it, and the image is as it was."""
    images = FakeImages()
    digest = images.add_image(IMAGE, [make_tar({"/a": b"a"})])
    before = images.fetch_manifest(IMAGE)
    artifact = attach(images, digest, log.append)

    manifest = json.loads(images.fetch_manifest(IMAGE.with_digest(artifact)).body)
    listed = json.loads(images.fetch_manifest(IMAGE.with_tag(digest.replace(":", "-"))).body)
    assert images.fetch_manifest(IMAGE) == before
    assert manifest["artifactType"] == TYPE
    assert manifest["subject"] == {"mediaType": before.media_type, "digest": digest, "size": len(before.body)}
    assert manifest["layers"] == [{"mediaType": TYPE, "digest": make_digest(b"{}\n"), "size": 3}]
    assert {make_digest(b"{}\n"), EMPTY.digest} <= {blob for _, blob in images.blobs}
    assert [(entry["digest"], entry["artifactType"]) for entry in listed["manifests"]] == [(artifact, TYPE)]
    assert log == [f"{TYPE} document {artifact} stands beside the image"]


def test_second_time_sends_nothing(log):
    """The list tells that the document is there."""
    images = FakeImages()
    digest = images.add_image(IMAGE, [make_tar({"/a": b"a"})])
    first = attach(images, digest, log.append)
    pushed = list(images.pushed)
    second = attach(images, digest, log.append)

    assert (second, images.pushed) == (first, pushed)


def test_list_that_another_writer_replaced_is_extended_again(log):
    """Both lines stand on it in the end."""
    images = SharedImages(times=2)
    digest = images.add_image(IMAGE, [make_tar({"/a": b"a"})])
    artifact = attach(images, digest, log.append)
    listed = json.loads(images.fetch_manifest(IMAGE.with_tag(digest.replace(":", "-"))).body)

    assert [entry["digest"] for entry in listed["manifests"]] == [OTHER_DIGEST, artifact]
    assert images.lists_written == 3


def test_list_that_is_replaced_all_the_time_is_given_up(log):
    """A line in the log, as for every other trouble with the document."""
    images = SharedImages(times=99)
    digest = images.add_image(IMAGE, [make_tar({"/a": b"a"})])

    assert attach(images, digest, log.append) is None
    assert log[0].endswith(f"{digest.replace(':', '-')} is written by others all the time")


@pytest.mark.parametrize(
    ("images", "message"),
    [(RefusingImages(), "the registry refused: manifest invalid"), (None, "is not there")],
)
def test_registry_that_takes_no_artifacts_costs_a_line_of_the_log(log, images: FakeImages | None, message: str):
    """The build goes on."""
    registry = images or FakeImages()
    digest = "sha256:" + "0" * 64
    if images is not None:
        digest = registry.add_image(IMAGE, [make_tar({"/a": b"a"})])

    assert attach(registry, digest, log.append) is None
    assert log[0].startswith(f"warning: the {TYPE} document could not be put beside the image: ")
    assert message in log[0]
