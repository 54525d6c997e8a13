"""Files through a registry: what comes back is what went, and nothing that a stranger could slip in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hublish.builders.filebundle import ARTIFACT_TYPE, FILES_LIMIT, fetch_file, fetch_files, parse_files, push_files
from hublish.core.reference import Reference
from hublish.errors import BuildCancelled, ImageInvalid
from hublish.oci.artifact import parse_artifact, render_artifact
from hublish.oci.manifest import Descriptor, make_descriptor
from tests.fakes import FakeImages

PLACE = Reference(registry="registry.example.org", repository="team/ts", tag="files")
BLOB = make_descriptor(b"one", media_type="application/octet-stream")


@pytest.fixture
def images() -> FakeImages:
    return FakeImages()


def push(images: FakeImages, folder: Path, **files: bytes) -> Reference:
    """Push files of these names."""
    folder.mkdir(exist_ok=True)
    for name, body in files.items():
        (folder / name).write_bytes(body)
    digest = push_files({name: folder / name for name in files}, output=images, target=PLACE)
    return PLACE.with_digest(digest)


def render(*names: str, blob: Descriptor = BLOB, artifact_type: str = ARTIFACT_TYPE) -> bytes:
    """An artifact whose files have these names and one content."""
    annotations = {f"io.github.hublish.file.{number}": name for number, name in enumerate(names)}
    return render_artifact(artifact_type, [blob] * len(names), annotations=annotations)


def fetch(images: FakeImages, place: Reference, folder: Path, *, limit_bytes: int = 100) -> dict[str, bytes]:
    found = fetch_files(place, folder, images=images, limit_bytes=limit_bytes, verify_running=lambda: None)
    return {name: path.read_bytes() for name, path in found.items()}


def test_files_come_back_by_name(images: FakeImages, tmp_path: Path) -> None:
    """Each is a blob of its own under its hash; the same files are the same artifact in whatever order."""
    place = push(images, tmp_path / "a", one=b"1", two=b"22")
    again = push(images, tmp_path / "b", two=b"22", one=b"1")
    artifact = parse_artifact(images.fetch_manifest(place).body)

    assert fetch(images, place, tmp_path / "out") == {"one": b"1", "two": b"22"}
    assert place == again
    assert [blob.size_bytes for blob in artifact.blobs] == [1, 2]
    assert all((PLACE.name, blob.digest) in images.blobs for blob in artifact.blobs)


def test_no_files_are_an_artifact_too(images: FakeImages, tmp_path: Path) -> None:
    """A script may leave nothing; whoever wanted something says so."""
    assert fetch(images, push(images, tmp_path / "a"), tmp_path / "out") == {}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (render("one", artifact_type="application/x"), "expected an artifact of files, got one of application/x"),
        (render("../one"), "expected plain names of files, got '../one'"),
        (render(".part"), "expected plain names of files"),
        (render(""), "expected plain names of files"),
        (render("one", "one"), "each with a name of its own"),
        (render(*(f"f{number}" for number in range(FILES_LIMIT + 1))), f"at most {FILES_LIMIT} files"),
        (render("one", blob=replace(BLOB, size_bytes=101)), "more than 100 bytes"),
    ],
    ids=["type", "path", "hidden", "nameless", "twice", "many", "large"],
)
def test_artifact_of_something_else_is_refused(body: bytes, words: str) -> None:
    """Whatever a build pushed: no path, no file beside the others, no more than was asked for."""
    with pytest.raises(ImageInvalid, match=words):
        parse_files(body, limit_bytes=100)


def test_artifact_that_is_gone_is_named(images: FakeImages, tmp_path: Path) -> None:
    """A registry may lose what it was given."""
    with pytest.raises(ImageInvalid, match=r"the registry has no registry\.example\.org/team/ts@sha256:"):
        fetch(images, PLACE.with_digest(BLOB.digest), tmp_path / "out")


@pytest.mark.parametrize("body", [b"two", b"on", b"onee"])
def test_other_bytes_than_the_digest_says_are_not_kept(images: FakeImages, tmp_path: Path, body: bytes) -> None:
    """A registry is not believed."""
    images.blobs[PLACE.name, BLOB.digest] = body
    path = tmp_path / "one"

    with pytest.raises(ImageInvalid, match="is not what its digest and size say"):
        fetch_file(PLACE, BLOB, path, images=images, verify_running=lambda: None)
    assert list(tmp_path.iterdir()) == []


def test_transfer_stops_when_it_is_to(images: FakeImages, tmp_path: Path) -> None:
    """Nothing is left of it."""
    images.blobs[PLACE.name, BLOB.digest] = b"one"

    def stop() -> None:
        raise BuildCancelled("stopped")

    with pytest.raises(BuildCancelled):
        fetch_file(PLACE, BLOB, tmp_path / "one", images=images, verify_running=stop)
    assert list(tmp_path.iterdir()) == []
