"""Artifacts: rendered canonically, read with distrust."""

from __future__ import annotations

import json

import pytest

from hublish.errors import ImageInvalid
from hublish.oci.artifact import EMPTY, EMPTY_BODY, Artifact, parse_artifact, render_artifact
from hublish.oci.manifest import Descriptor

BLOB = Descriptor(media_type="text/plain", digest="sha256:" + "a" * 64, size_bytes=3)
KIND = "application/vnd.example.v1"
PLAIN_BLOB = {"mediaType": "text/plain", "digest": BLOB.digest, "size": 3}


def test_artifact_is_rendered_canonically_and_read_back():
    """The bytes are fixed, and reading them gives the same value."""
    expected = (
        b'{"annotations":{"a":"b"},"artifactType":"application/vnd.example.v1","config":{"digest":"sha256:44136fa355b3678a'
        b'1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","mediaType":"application/vnd.oci.empty.v1+json","size":2},'
        b'"layers":[{"digest":"sha256:' + b"a" * 64 + b'","mediaType":"text/plain","size":3}],'
        b'"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}'
    )

    body = render_artifact(KIND, [BLOB], annotations={"a": "b"})

    assert body == expected
    assert parse_artifact(body) == Artifact(artifact_type=KIND, blobs=(BLOB,), annotations={"a": "b"})


def test_artifact_without_annotations_has_no_such_key():
    """As manifests usually are."""
    assert "annotations" not in json.loads(render_artifact(KIND, [BLOB], annotations={}))


def test_artifact_names_what_it_speaks_of():
    """The subject is a descriptor like any other."""
    document = json.loads(render_artifact(KIND, [], annotations={}, subject=BLOB))

    assert document["subject"] == PLAIN_BLOB


def test_empty_config_is_what_the_specification_says():
    """Two bytes under a digest that every client knows."""
    assert (EMPTY.size_bytes, EMPTY_BODY) == (2, b"{}")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"artifactType": None}, "artifact: expected a text under 'artifactType', got None"),
        ({"annotations": []}, "artifact: expected texts under 'annotations'"),
        ({"annotations": {"a": 1}}, "artifact: expected texts under 'annotations'"),
        ({"layers": {}}, "artifact: expected a list of objects under 'layers'"),
        ({"layers": [{**PLAIN_BLOB, "digest": "x"}]}, "artifact: layers[0]: expected a sha256 digest, got 'x'"),
        (
            {"layers": [{**PLAIN_BLOB, "size": -1}]},
            "artifact: layers[0]: expected a whole number of bytes under 'size'",
        ),
    ],
)
def test_other_shapes_are_refused(changes, message):
    """Everything in a registry is foreign."""
    body = json.dumps({"artifactType": KIND, "layers": [PLAIN_BLOB], **changes}).encode()

    with pytest.raises(ImageInvalid) as caught:
        parse_artifact(body)

    assert caught.value.message == message
