"""The list of what refers to a manifest."""

from __future__ import annotations

import json

import pytest

from hublish.errors import ImageInvalid
from hublish.oci.manifest import OCI_INDEX, OCI_MANIFEST, make_descriptor
from hublish.oci.referrers import add_referrer, make_referrers_tag

ARTIFACT = make_descriptor(b"artifact", media_type=OCI_MANIFEST)
ENTRY = {
    "mediaType": OCI_MANIFEST,
    "digest": ARTIFACT.digest,
    "size": 8,
    "artifactType": "application/vnd.cyclonedx+json",
}


def add(index: bytes | None) -> bytes | None:
    return add_referrer(index, ARTIFACT, artifact_type="application/vnd.cyclonedx+json")


def test_tag_is_the_digest_without_a_colon():
    """As clients of registries without the referrers API look for it."""
    assert make_referrers_tag("sha256:" + "a" * 64) == "sha256-" + "a" * 64


def test_first_artifact_makes_the_list():
    """An index with one entry."""
    assert json.loads(add(None)) == {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [ENTRY]}


def test_what_others_listed_stays():
    """A signature of somebody else is not lost."""
    other = {"mediaType": OCI_MANIFEST, "digest": "sha256:" + "0" * 64, "size": 1, "annotations": {"a": "b"}}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [other], "annotations": {"kept": "yes"}}

    assert json.loads(add(json.dumps(index).encode())) == {**index, "manifests": [other, ENTRY]}


def test_artifact_is_listed_once():
    """A second build of the same image changes nothing."""
    assert add(add(None)) is None


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"manifests": 1}'])
def test_list_that_is_none_is_refused(body: bytes):
    """What stands under the tag is left alone."""
    with pytest.raises(ImageInvalid):
        add(body)
