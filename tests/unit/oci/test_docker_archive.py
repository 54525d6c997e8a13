"""The members of an archive that docker loads."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

from hublish.core.reference import Reference
from hublish.errors import ImageInvalid
from hublish.oci.docker_archive import ARCHIVE_END, list_members
from hublish.oci.manifest import (
    OCI_CONFIG,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
    ImageManifest,
    make_descriptor,
    make_digest,
    render_manifest,
)

NAME = Reference(registry="registry.example.org", repository="team/ts", tag="v1")
CONFIG, LAYER = b"{}", b"layer" * 300


def make_manifest(*layers: bytes) -> bytes:
    return render_manifest(
        ImageManifest(
            config=make_descriptor(CONFIG, media_type=OCI_CONFIG),
            layers=tuple(make_descriptor(layer, media_type=OCI_LAYER_GZIP) for layer in layers),
        ),
        annotations={},
    )


def write(manifest: bytes, *layers: bytes) -> bytes:
    bodies = {make_digest(body): body for body in (CONFIG, *layers)}
    return (
        b"".join(
            member.header + (member.body if member.body is not None else bodies[member.blob.digest]) + member.padding
            for member in list_members(manifest, reference=NAME)
        )
        + ARCHIVE_END
    )


def test_archive_is_docker_archive_and_layout_in_one():
    """Every file of both shapes, whole, with names, nobody's owner and one time."""
    manifest = make_manifest(LAYER)
    config, layer = (make_digest(body).removeprefix("sha256:") for body in (CONFIG, LAYER))
    described = make_digest(manifest).removeprefix("sha256:")
    with tarfile.open(fileobj=io.BytesIO(write(manifest, LAYER))) as archive:
        found = {member.name: archive.extractfile(member).read() for member in archive}
        marks = {(member.mode, member.uid, member.gid, member.uname, member.mtime) for member in archive.getmembers()}

    assert list(found) == [
        "oci-layout",
        "index.json",
        "manifest.json",
        f"blobs/sha256/{described}",
        f"blobs/sha256/{config}",
        f"blobs/sha256/{layer}",
    ]
    assert found[f"blobs/sha256/{layer}"] == LAYER
    assert found["oci-layout"] == b'{"imageLayoutVersion":"1.0.0"}'
    assert json.loads(found["manifest.json"]) == [
        {
            "Config": f"blobs/sha256/{config}",
            "RepoTags": ["registry.example.org/team/ts:v1"],
            "Layers": [f"blobs/sha256/{layer}"],
        }
    ]
    assert json.loads(found["index.json"])["manifests"] == [
        {
            "mediaType": OCI_MANIFEST,
            "digest": f"sha256:{described}",
            "size": len(manifest),
            "annotations": {
                "io.containerd.image.name": "registry.example.org/team/ts:v1",
                "org.opencontainers.image.ref.name": "v1",
            },
        }
    ]
    assert marks == {(0o644, 0, 0, "", 315_532_800)}


def test_equal_layers_lie_in_the_archive_once():
    """The list of layers names the one blob as often as the image has it."""
    with tarfile.open(fileobj=io.BytesIO(write(make_manifest(LAYER, LAYER), LAYER))) as archive:
        names = archive.getnames()
        layers = json.loads(archive.extractfile("manifest.json").read())[0]["Layers"]

    assert len(names) == len(set(names)) == 6
    assert layers == [names[-1]] * 2


def test_manifest_that_is_none_is_refused():
    """Nothing is listed."""
    with pytest.raises(ImageInvalid):
        list_members(b"[]", reference=NAME)
