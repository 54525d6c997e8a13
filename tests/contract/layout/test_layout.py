"""OCI layouts on disk: what hublish writes others read, and the other way round."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hublish.adapters.layout import OCILayout
from hublish.core.ports import BlobPush, ImageReader, ImageWriter, Manifest
from hublish.core.reference import Reference
from tests.contract.layout.parts import (
    INDEX_TYPE,
    MANIFEST_TYPE,
    REFERENCE,
    digest_of,
    load_index,
    make_layer,
    push,
    push_image,
)

needs_skopeo = pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")


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

    assert (pushed, received) == (BlobPush(transfer="written", uploaded_bytes=9), [9])


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
