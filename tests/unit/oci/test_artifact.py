"""Manifests of artifacts."""

from __future__ import annotations

import json

import pytest

from hublish.errors import ImageInvalid
from hublish.oci.artifact import EMPTY, Artifact, parse_artifact, render_artifact
from hublish.oci.manifest import OCI_MANIFEST, make_descriptor

BLOB = make_descriptor(b"text", media_type="text/plain")
SUBJECT = make_descriptor(b"image", media_type=OCI_MANIFEST)


def test_artifact_comes_back_as_it_was():
    """Type, files and texts; the config is the empty one."""
    body = render_artifact("application/x", [BLOB], annotations={"a": "b"})

    assert parse_artifact(body) == Artifact(artifact_type="application/x", blobs=(BLOB,), annotations={"a": "b"})
    assert json.loads(body)["config"]["digest"] == EMPTY.digest
    assert "subject" not in json.loads(body)


def test_artifact_names_what_it_speaks_of():
    """The subject is a descriptor; texts that there are none of are left out."""
    document = json.loads(render_artifact("application/x", [], annotations={}, subject=SUBJECT))

    assert document["subject"] == {"mediaType": OCI_MANIFEST, "digest": SUBJECT.digest, "size": 5}
    assert "annotations" not in document


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"artifactType":"x","annotations":[],"layers":[]}',
        b'{"artifactType":"x","annotations":{"a":1},"layers":[]}',
    ],
)
def test_manifest_that_is_no_artifact_is_refused(body: bytes):
    """No type, or texts that are none."""
    with pytest.raises(ImageInvalid):
        parse_artifact(body)
