"""OCI layouts that are damaged, hostile or on a full disk."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import BinaryIO

import pytest

from hublish.adapters.layout import OCILayout
from hublish.core.ports import BlobPush
from hublish.core.reference import Reference
from hublish.errors import DiskFull, ImageInvalid
from tests.contract.layout.parts import (
    REFERENCE,
    digest_of,
    push,
    push_image,
)


@pytest.mark.parametrize("body", [b"no json", b"[]"])
def test_blob_that_is_no_manifest_is_refused(tmp_path: Path, body: bytes) -> None:
    """A digest that names something else than a manifest is not read as one."""
    layout = OCILayout(tmp_path)
    push_image(layout)
    push(layout, body)
    with pytest.raises(ImageInvalid) as caught:
        layout.fetch_manifest(REFERENCE.with_digest(digest_of(body)))

    assert caught.value.message == "expected a manifest, found bytes that are no JSON object"


def test_damaged_blob_is_noticed_at_its_end(tmp_path: Path) -> None:
    """Reading other bytes than the digest says ends in an error, not in silence."""
    layout = OCILayout(tmp_path)
    push(layout, b"right")
    [path] = (tmp_path / "blobs" / "sha256").iterdir()
    path.write_bytes(b"wrong")
    with pytest.raises(ImageInvalid) as caught, layout.open_blob(REFERENCE, digest_of(b"right")) as stream:
        stream.read()

    assert caught.value.message == (
        f"expected {digest_of(b'right')} in {tmp_path}, found bytes with {digest_of(b'wrong')}"
    )


def test_damaged_manifest_is_refused(tmp_path: Path) -> None:
    """A manifest is verified before it is handed out."""
    layout = OCILayout(tmp_path)
    digest, manifest = push_image(layout)
    (tmp_path / "blobs" / "sha256" / digest.removeprefix("sha256:")).write_bytes(manifest + b" ")
    with pytest.raises(ImageInvalid) as caught:
        layout.fetch_manifest(REFERENCE)

    assert caught.value.message == f"expected {digest} in {tmp_path}, found bytes with {digest_of(manifest + b' ')}"


def test_oversized_manifest_is_refused(tmp_path: Path) -> None:
    """A manifest above 4 MiB is not read into memory."""
    layout = OCILayout(tmp_path)
    digest, _ = push_image(layout)
    (tmp_path / "blobs" / "sha256" / digest.removeprefix("sha256:")).write_bytes(b" " * (4 * 2**20 + 1))
    with pytest.raises(ImageInvalid) as caught:
        layout.fetch_manifest(REFERENCE)

    assert caught.value.message == f"the manifest {digest} in {tmp_path} is larger than 4194304 bytes"


@pytest.mark.parametrize("damaged", [b"wrong", b"longer", b""])
def test_damaged_blob_is_written_anew(tmp_path: Path, damaged: bytes) -> None:
    """A blob that changed on disk is replaced by the right bytes."""
    layout = OCILayout(tmp_path)
    push(layout, b"right")
    [path] = (tmp_path / "blobs" / "sha256").iterdir()
    path.write_bytes(damaged)

    assert (push(layout, b"right"), path.read_bytes()) == (BlobPush(transfer="written", uploaded_bytes=5), b"right")


@pytest.mark.parametrize(
    ("digest", "size_bytes", "message"),
    [
        (digest_of(b"other"), 5, f"expected {digest_of(b'other')} in "),
        (digest_of(b"bytes"), 6, f"expected 6 bytes for the blob {digest_of(b'bytes')}, found 5"),
        ("sha256:../../../etc/passwd", 5, "expected a digest sha256:<64 hex digits>, found sha256:../../../etc/passwd"),
        ("sha512:" + "0" * 128, 5, "expected a digest sha256:<64 hex digits>, found sha512:000"),
    ],
)
def test_wrong_blob_is_not_kept(tmp_path: Path, digest: str, size_bytes: int, message: str) -> None:
    """Other bytes, another length, or a digest that is a path: refused, and nothing stays."""
    with pytest.raises(ImageInvalid) as caught:
        OCILayout(tmp_path).ensure_blob(
            REFERENCE, digest=digest, size_bytes=size_bytes, open_body=lambda: io.BytesIO(b"bytes")
        )

    assert caught.value.message.startswith(message)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_manifest_under_another_digest_is_refused(tmp_path: Path) -> None:
    """A reference that is pinned to another digest does not take the manifest."""
    with pytest.raises(ImageInvalid):
        push_image(OCILayout(tmp_path), REFERENCE.with_digest(digest_of(b"other")))

    assert not (tmp_path / "index.json").exists()


def test_missing_blob_is_told(tmp_path: Path) -> None:
    """A blob that is not there is named with its image."""
    layout = OCILayout(tmp_path)
    with pytest.raises(ImageInvalid) as caught, layout.open_blob(REFERENCE, digest_of(b"x")):
        pass

    assert caught.value.message == (
        f"the blob {digest_of(b'x')} of registry.example.org/team/ts:v1 is missing in {tmp_path}"
    )


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "{folder} is no OCI image layout (files oci-layout and index.json)"),
        ({"index.json": "{}"}, "{folder} is no OCI image layout (files oci-layout and index.json)"),
        ({"oci-layout": "{}", "index.json": "{"}, "{folder} is no OCI image layout (files oci-layout and index.json)"),
        (
            {"oci-layout": "{}", "index.json": " " * (4 * 2**20 + 1)},
            "{folder} is no OCI image layout (files oci-layout and index.json)",
        ),
        (
            {"oci-layout": "{}", "index.json": '{"manifests": [{"digest": 1}]}'},
            "{folder}/index.json is no OCI image index: expected a list `manifests` of descriptors",
        ),
        (
            {"oci-layout": "{}", "index.json": "[]"},
            "{folder}/index.json is no OCI image index: expected a list `manifests` of descriptors",
        ),
    ],
)
def test_folder_that_is_no_layout_is_refused(tmp_path: Path, files: dict[str, str], message: str) -> None:
    """A folder without the two files, or with other content in them, is not read as a layout."""
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(ImageInvalid) as caught:
        OCILayout(tmp_path).fetch_manifest(REFERENCE)

    assert caught.value.message == message.format(folder=tmp_path)


def test_index_that_names_a_path_is_refused(tmp_path: Path) -> None:
    """A hostile index.json cannot make the reader leave the folder."""
    (tmp_path / "oci-layout").write_text("{}")
    (tmp_path / "index.json").write_text('{"manifests": [{"digest": "sha256:../../../../etc/passwd"}]}')
    with pytest.raises(ImageInvalid) as caught:
        OCILayout(tmp_path).fetch_manifest(Reference(registry="a", repository="b"))

    assert caught.value.message == "expected a digest sha256:<64 hex digits>, found sha256:../../../../etc/passwd"


class _FullDisk(io.BytesIO):
    def __init__(self, error: int) -> None:
        super().__init__(b"bytes")
        self.error = error

    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(self.error, "broken")


@pytest.mark.parametrize(("error", "expected"), [(errno.ENOSPC, DiskFull), (errno.EIO, OSError)])
def test_full_disk_is_told(tmp_path: Path, error: int, expected: type[Exception]) -> None:
    """A full disk is an error of its own kind and leaves no part of the blob."""

    def open_body() -> BinaryIO:
        return _FullDisk(error)

    with pytest.raises(expected):
        OCILayout(tmp_path).ensure_blob(REFERENCE, digest=digest_of(b"x"), size_bytes=1, open_body=open_body)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
