"""OCI layouts on disk: what hublish writes others read, and the other way round."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest

from hublish.adapters.layout import OCILayout
from hublish.core.ports import BlobPush, ImageReader, ImageWriter, Manifest
from hublish.core.reference import Reference
from hublish.errors import DiskFull, ImageInvalid

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
REFERENCE = Reference(registry="registry.example.org", repository="team/ts", tag="v1")
needs_skopeo = pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")


def digest_of(body: bytes) -> str:
    return "sha256:" + hashlib.sha256(body).hexdigest()


def push(layout: OCILayout, body: bytes) -> BlobPush:
    return layout.ensure_blob(
        REFERENCE, digest=digest_of(body), size_bytes=len(body), open_body=lambda: io.BytesIO(body)
    )


def make_layer() -> tuple[bytes, str]:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        info = tarfile.TarInfo("hello")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"world"))
    return gzip.compress(plain.getvalue(), mtime=0), digest_of(plain.getvalue())


def push_image(layout: OCILayout, reference: Reference = REFERENCE, *, comment: str = "") -> tuple[str, bytes]:
    layer, diff_id = make_layer()
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Labels": {"comment": comment}},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        }
    ).encode()
    push(layout, layer)
    push(layout, config)
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": digest_of(config),
                "size": len(config),
            },
            "layers": [
                {
                    "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                    "digest": digest_of(layer),
                    "size": len(layer),
                }
            ],
        }
    ).encode()
    return layout.ensure_manifest(reference, body=manifest, media_type=MANIFEST_TYPE), manifest


def load_index(folder: Path) -> object:
    return json.loads((folder / "index.json").read_text())


def test_layout_is_a_reader_and_a_writer(tmp_path: Path) -> None:
    """The layout fits both ports (mypy checks the shapes)."""
    reader: ImageReader = OCILayout(tmp_path)
    writer: ImageWriter = OCILayout(tmp_path)

    assert (reader, writer) != (None, None)


def test_image_comes_back_as_written(tmp_path: Path) -> None:
    """Manifest by tag, by digest and as the only one; blobs as stored; files as the specification has them."""
    layout = OCILayout(tmp_path / "new" / "image")
    digest, manifest = push_image(layout)
    expected = Manifest(body=manifest, media_type=MANIFEST_TYPE, digest=digest)
    layer, _ = make_layer()
    with layout.open_blob(REFERENCE, digest_of(layer)) as stream:
        content = stream.read()

    bare = Reference(registry="any.example.org", repository="other")
    found = [layout.fetch_manifest(reference) for reference in (REFERENCE, bare, bare.with_digest(digest))]
    assert (found, content) == ([expected] * 3, layer)
    assert (tmp_path / "new" / "image" / "oci-layout").read_text() == '{"imageLayoutVersion":"1.0.0"}'
    assert load_index(tmp_path / "new" / "image") == {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [
            {
                "mediaType": MANIFEST_TYPE,
                "digest": digest,
                "size": len(manifest),
                "annotations": {"org.opencontainers.image.ref.name": "v1"},
            }
        ],
    }


def test_second_write_changes_nothing(tmp_path: Path) -> None:
    """The same image again is present already, and the index stays byte for byte."""
    layout = OCILayout(tmp_path)
    push_image(layout)
    before = (tmp_path / "index.json").read_bytes()
    push_image(layout)

    assert (tmp_path / "index.json").read_bytes() == before
    assert push(layout, make_layer()[0]) == BlobPush(transfer="present", uploaded_bytes=0)
    assert list(tmp_path.rglob(".*")) == []


def test_progress_counts_the_bytes(tmp_path: Path) -> None:
    """A blob that is written reports its bytes."""
    received: list[int] = []
    pushed = OCILayout(tmp_path).ensure_blob(
        REFERENCE,
        digest=digest_of(b"x" * 9),
        size_bytes=9,
        open_body=lambda: io.BytesIO(b"x" * 9),
        progress=received.append,
    )

    assert (pushed, received) == (BlobPush(transfer="uploaded", uploaded_bytes=9), [9])


def test_tag_moves(tmp_path: Path) -> None:
    """A tag names one manifest: the new one; another tag of the old one stays."""
    layout = OCILayout(tmp_path)
    old, _ = push_image(layout)
    push_image(layout, REFERENCE.with_tag("v0"))
    new, _ = push_image(layout, comment="newer")
    index = load_index(tmp_path)

    assert isinstance(index, dict)
    names = [(item["annotations"]["org.opencontainers.image.ref.name"], item["digest"]) for item in index["manifests"]]
    assert names == [("v0", old), ("v1", new)]


def test_manifest_without_tag_is_listed_without_name(tmp_path: Path) -> None:
    """A manifest pushed by digest is listed once, and its line gives way to one with a name."""
    layout = OCILayout(tmp_path)
    nameless = Reference(registry="registry.example.org", repository="team/ts")
    digest, manifest = push_image(layout, nameless)
    push_image(layout, nameless.with_digest(digest))
    listed = {"mediaType": MANIFEST_TYPE, "digest": digest, "size": len(manifest)}
    before = load_index(tmp_path)
    push_image(layout)
    push_image(layout, nameless)

    assert before == {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [listed]}
    assert load_index(tmp_path) == {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [{**listed, "annotations": {"org.opencontainers.image.ref.name": "v1"}}],
    }


def test_threads_write_one_index(tmp_path: Path) -> None:
    """Tags written at the same time are all listed."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: push_image(OCILayout(tmp_path), REFERENCE.with_tag(f"t{number}")), range(12)))
    found = [OCILayout(tmp_path).fetch_manifest(REFERENCE.with_tag(f"t{number}")) for number in range(12)]

    assert None not in found


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    """An unknown tag or digest, and no choice among several, give None."""
    layout = OCILayout(tmp_path)
    push_image(layout)
    push_image(layout, REFERENCE.with_tag("v2"), comment="two")
    absent = [
        REFERENCE.with_tag("v3"),
        REFERENCE.with_digest(digest_of(b"none")),
        Reference(registry="a", repository="b"),
    ]

    assert [layout.fetch_manifest(reference) for reference in absent] == [None, None, None]


def test_manifest_below_an_index_is_found_by_digest(tmp_path: Path) -> None:
    """A manifest that only an image index names is read by digest; its type is its own word, or its shape."""
    layout = OCILayout(tmp_path)
    push_image(layout)
    bodies = [
        (b'{"mediaType":"application/example+json"}', "application/example+json"),
        (b'{"manifests":[]}', INDEX_TYPE),
        (b'{"layers":[]}', MANIFEST_TYPE),
    ]
    for body, _ in bodies:
        push(layout, body)
    found = [layout.fetch_manifest(REFERENCE.with_digest(digest_of(body))) for body, _ in bodies]

    assert found == [Manifest(body=body, media_type=kind, digest=digest_of(body)) for body, kind in bodies]


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


def test_damaged_blob_is_written_anew(tmp_path: Path) -> None:
    """A blob that changed on disk is replaced by the right bytes."""
    layout = OCILayout(tmp_path)
    push(layout, b"right")
    [path] = (tmp_path / "blobs" / "sha256").iterdir()
    path.write_bytes(b"wrong")

    assert (push(layout, b"right"), path.read_bytes()) == (BlobPush(transfer="uploaded", uploaded_bytes=5), b"right")


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


@needs_skopeo
def test_skopeo_reads_what_hublish_writes(tmp_path: Path) -> None:
    """skopeo copies the image with every digest verified, and gives back the same manifest."""
    digest, _ = push_image(OCILayout(tmp_path / "ours"))
    copy = ["skopeo", "copy", "--quiet", "--insecure-policy", "--preserve-digests"]
    subprocess.run([*copy, f"oci:{tmp_path}/ours:v1", f"oci:{tmp_path}/theirs:v9"], check=True, timeout=60)
    found = OCILayout(tmp_path / "theirs").fetch_manifest(REFERENCE.with_tag("v9"))

    assert found is not None
    assert found.digest == digest


@needs_skopeo
def test_hublish_adds_to_what_skopeo_wrote(tmp_path: Path) -> None:
    """A layout that skopeo made takes another tag, and skopeo reads both."""
    push_image(OCILayout(tmp_path / "ours"))
    subprocess.run(
        ["skopeo", "copy", "--quiet", "--insecure-policy", f"oci:{tmp_path}/ours:v1", f"oci:{tmp_path}/theirs:v1"],
        check=True,
        timeout=60,
    )
    second, _ = push_image(OCILayout(tmp_path / "theirs"), REFERENCE.with_tag("v2"), comment="two")
    inspected = [
        json.loads(
            subprocess.run(
                ["skopeo", "inspect", f"oci:{tmp_path}/theirs:{tag}"], check=True, timeout=60, capture_output=True
            ).stdout
        )
        for tag in ("v1", "v2")
    ]

    assert [(item["Labels"], item["Digest"] == second) for item in inspected] == [
        ({"comment": ""}, False),
        ({"comment": "two"}, True),
    ]
