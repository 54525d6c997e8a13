"""Manifests and indexes: what is read, what is refused, what is written."""

from __future__ import annotations

import json

import pytest

from hublish.errors import ImageInvalid
from hublish.oci.manifest import (
    DOCKER_LAYER_GZIP,
    OCI_CONFIG,
    OCI_LAYER_GZIP,
    OCI_LAYER_PLAIN,
    OCI_LAYER_ZSTD,
    Compression,
    Descriptor,
    ImageManifest,
    make_descriptor,
    parse_index,
    parse_manifest,
    render_manifest,
)

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


def descriptor(media_type: str = OCI_LAYER_GZIP, **changes: object) -> dict[str, object]:
    return {"mediaType": media_type, "digest": DIGEST, "size": 3, **changes}


def manifest(**changes: object) -> bytes:
    return json.dumps({"config": descriptor(OCI_CONFIG), "layers": [descriptor()], **changes}).encode()


def test_manifest_is_rendered_canonically_and_read_back():
    """The bytes are fixed, and reading them gives the same value."""
    value = ImageManifest(
        config=Descriptor(media_type=OCI_CONFIG, digest=DIGEST, size_bytes=3),
        layers=(Descriptor(media_type=OCI_LAYER_GZIP, digest=OTHER, size_bytes=4),),
    )
    expected = (
        '{"annotations":{"k":"v"},"config":{"digest":"' + DIGEST + '","mediaType":"' + OCI_CONFIG + '","size":3},'
        '"layers":[{"digest":"' + OTHER + '","mediaType":"' + OCI_LAYER_GZIP + '","size":4}],'
        '"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}'
    ).encode()

    body = render_manifest(value, annotations={"k": "v"})

    assert body == expected
    assert parse_manifest(body) == value


def test_manifest_without_annotations_has_no_such_key():
    """Nothing empty is written."""
    value = parse_manifest(manifest())

    assert b"annotations" not in render_manifest(value, annotations={})


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        (DOCKER_LAYER_GZIP, (OCI_LAYER_GZIP, Compression.GZIP)),
        (OCI_LAYER_PLAIN, (OCI_LAYER_PLAIN, Compression.NONE)),
        (OCI_LAYER_ZSTD, (OCI_LAYER_ZSTD, Compression.ZSTD)),
    ],
)
def test_layer_media_types_are_read_as_their_oci_equals(media_type, expected):
    """A Docker layer is the same bytes under another name."""
    layer = parse_manifest(manifest(layers=[descriptor(media_type)])).layers[0]

    assert (layer.media_type, layer.compression) == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"\xff{", "manifest: expected JSON"),
        (b"[" * 100_000, "manifest: expected JSON"),
        (b"[]", "manifest: expected a JSON object, got list"),
        (manifest(config=None), "expected the key 'config'"),
        (manifest(layers={}), "expected a list of objects under 'layers'"),
        (manifest(layers=[1]), "expected a list of objects under 'layers'"),
        (
            manifest(layers=[descriptor("text/plain")]),
            r"layers\[0\]: expected a tar layer, got media type 'text/plain'",
        ),
        (manifest(layers=[descriptor(size="3")]), r"layers\[0\]: expected a whole number"),
        (manifest(layers=[descriptor(size=True)]), r"layers\[0\]: expected a whole number"),
        (manifest(layers=[descriptor(size=-1)]), r"layers\[0\]: expected a whole number"),
        (manifest(layers=[descriptor(digest="md5:1")]), r"layers\[0\]: expected a sha256 digest, got 'md5:1'"),
        (manifest(config=descriptor(OCI_CONFIG, digest=3)), "config: expected a sha256 digest, got '3'"),
    ],
)
def test_broken_manifest_is_refused_with_its_place(body, message):
    """Foreign JSON of any shape ends in one error that names the place."""
    with pytest.raises(ImageInvalid, match=message):
        parse_manifest(body)


def test_descriptor_is_made_from_bytes():
    """Digest and size come from the bytes."""
    expected = Descriptor(
        media_type=OCI_CONFIG,
        digest="sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        size_bytes=3,
    )

    assert make_descriptor(b"abc", media_type=OCI_CONFIG) == expected


def index(*entries: object) -> bytes:
    return json.dumps({"manifests": list(entries)}).encode()


def platform(os: str, architecture: str, digest: str, variant: str | None = None) -> dict[str, object]:
    facts = {"os": os, "architecture": architecture}
    return {"digest": digest, "platform": facts if variant is None else {**facts, "variant": variant}}


def test_index_leads_to_the_platform_that_was_asked_for():
    """Entries without a platform are passed over; a variant fits when none was asked for."""
    body = index({"digest": OTHER}, platform("linux", "amd64", OTHER), platform("linux", "arm64", DIGEST, "v8"))

    assert parse_index(body, platform="linux/arm64") == DIGEST
    assert parse_index(body, platform="linux/arm64/v8") == DIGEST


def test_index_without_the_platform_lists_what_it_holds():
    """The error says what there is instead."""
    with pytest.raises(ImageInvalid, match="expected an image for linux/s390x, the index holds: linux/amd64"):
        parse_index(index(platform("linux", "amd64", DIGEST)), platform="linux/s390x")


def test_empty_index_is_refused():
    """An index of nothing holds no platform."""
    with pytest.raises(ImageInvalid, match="the index holds: none"):
        parse_index(index(), platform="linux/amd64")
