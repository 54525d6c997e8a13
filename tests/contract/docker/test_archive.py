"""The port ImageWriter over a file that `docker load` reads."""

from __future__ import annotations

import errno
import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import BinaryIO

import pytest

from hublish.adapters.docker.archive import DockerArchive
from hublish.core.ports import BlobPush
from hublish.errors import BuildCancelled, BuildFailed, DiskFull, ImageInvalid, LayerMissing
from hublish.oci.manifest import OCI_MANIFEST, make_digest
from tests.contract.docker.parts import NAME, make_image
from tests.sandbox.daemon import run_client
from tests.sandbox.docker_engine import DockerEngine


def ignore(_done: int, _total: int) -> None:
    """Nobody watches."""


def stop(_done: int, _total: int) -> None:
    raise BuildCancelled("stopped")


def test_archive_is_written_as_a_whole(tmp_path: Path):
    """Its digest comes back, progress ends at all bytes, and nothing else lies beside it."""
    image, seen = make_image(), []
    path = tmp_path / "new" / "ts.tar"
    digest = image.write(DockerArchive(path, name=NAME, progress=lambda done, total: seen.append((done, total))))

    assert digest == make_digest(image.manifest)
    assert [entry.name for entry in path.parent.iterdir()] == ["ts.tar"]
    assert seen[-1][0] == seen[-1][1] == max(done for done, _ in seen)
    with tarfile.open(path) as archive:
        assert len(archive.getnames()) == 7


def test_equal_images_give_equal_bytes(tmp_path: Path):
    """Whatever the order in which blobs are announced."""
    image = make_image()
    first, second = tmp_path / "a.tar", tmp_path / "b.tar"
    image.write(DockerArchive(first, name=NAME, progress=ignore))
    writer = DockerArchive(second, name=NAME, progress=ignore)
    for digest, body in reversed(image.blobs().items()):
        pushed = writer.ensure_blob(
            NAME, digest=digest, size_bytes=len(body), open_body=lambda body=body: io.BytesIO(body)
        )
        assert pushed == BlobPush(transfer="written", uploaded_bytes=len(body))
    writer.ensure_manifest(NAME, body=image.manifest, media_type=OCI_MANIFEST)

    assert first.read_bytes() == second.read_bytes()


class _Broken(io.BytesIO):
    def __init__(self, error: int) -> None:
        super().__init__(b"bytes")
        self.error = error

    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(self.error, "broken")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda body: io.BytesIO(body[:-1] + b"x"), "found 5632 with sha256:|found [0-9]+ with sha256:"),
        (lambda body: io.BytesIO(body + b"x"), "found more"),
        (lambda body: io.BytesIO(body[:-1]), "found [0-9]+ with sha256:"),
        (lambda _body: _Broken(errno.EIO), "cannot be read: broken"),
    ],
)
def test_blob_with_other_bytes_is_refused(tmp_path: Path, other, message: str):
    """Changed, longer, shorter or unreadable: the file that was there before stays as it was."""
    image = make_image()
    path = tmp_path / "ts.tar"
    path.write_text("before")
    writer = DockerArchive(path, name=NAME, progress=ignore)
    for digest, body in image.blobs().items():
        writer.ensure_blob(NAME, digest=digest, size_bytes=len(body), open_body=lambda body=body: other(body))
    with pytest.raises(ImageInvalid, match=message):
        writer.ensure_manifest(NAME, body=image.manifest, media_type=OCI_MANIFEST)

    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("ts.tar", "before")]


def test_manifest_without_its_blobs_is_refused(tmp_path: Path):
    """An archive that lacks a layer would load as nothing."""
    with pytest.raises(ImageInvalid, match="was not written before it"):
        DockerArchive(tmp_path / "ts.tar", name=NAME, progress=ignore).ensure_manifest(
            NAME, body=make_image().manifest, media_type=OCI_MANIFEST
        )

    assert list(tmp_path.iterdir()) == []


def test_stopped_build_leaves_nothing(tmp_path: Path):
    """What watches the bytes may end the writing."""
    with pytest.raises(BuildCancelled):
        make_image().write(DockerArchive(tmp_path / "ts.tar", name=NAME, progress=stop))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("error", "expected"), [(errno.ENOSPC, DiskFull), (errno.EIO, BuildFailed)])
def test_disk_that_takes_no_more_is_told(tmp_path: Path, error: int, expected: type[Exception]):
    """A full disk is an error of its own; nothing half-written stays."""

    def fail(_done: int, _total: int) -> None:
        raise OSError(error, "broken")

    with pytest.raises(expected):
        make_image().write(DockerArchive(tmp_path / "ts.tar", name=NAME, progress=fail))

    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_none_is_told(tmp_path: Path):
    """The path's parent is a file."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BuildFailed, match=r"^writing \S+ts\.tar failed: "):
        make_image().write(DockerArchive(tmp_path / "file" / "ts.tar", name=NAME, progress=ignore))


def test_layer_that_is_lost_is_told_at_once(tmp_path: Path):
    """While it can still be made anew, not when the archive is half written."""

    def open_body() -> BinaryIO:
        raise LayerMissing("gone")

    with pytest.raises(LayerMissing):
        DockerArchive(tmp_path / "ts.tar", name=NAME, progress=ignore).ensure_blob(
            NAME, digest=make_digest(b""), size_bytes=0, open_body=open_body
        )


@pytest.mark.parametrize("transport", ["docker-archive", "oci-archive"])
def test_skopeo_reads_the_archive(tmp_path: Path, transport: str):
    """In both of its shapes; the layout keeps the manifest's digest."""
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed")
    image = make_image()
    image.write(DockerArchive(tmp_path / "ts.tar", name=NAME, progress=ignore))
    run_client(["skopeo", "copy", "-q", f"{transport}:{tmp_path / 'ts.tar'}", f"dir:{tmp_path / 'copy'}"])
    manifest = (tmp_path / "copy" / "manifest.json").read_bytes()

    assert json.loads(manifest)["config"]["digest"] == image.image_id
    assert (manifest == image.manifest) is (transport == "oci-archive")


@pytest.mark.daemon
def test_docker_loads_the_archive(tmp_path: Path, docker_engine: DockerEngine):
    """The image has the name that was asked for, and its ID is the config's digest."""
    image = make_image(b"archive\n")
    image.write(DockerArchive(tmp_path / "ts.tar", name=NAME.with_tag("archive"), progress=ignore))
    said = docker_engine.run("load", "-i", str(tmp_path / "ts.tar"))

    assert "Loaded image: registry.example.org/team/ts:archive\n" in said
    assert (
        docker_engine.run("inspect", "-f", "{{.Id}}", "registry.example.org/team/ts:archive").strip() == image.image_id
    )
