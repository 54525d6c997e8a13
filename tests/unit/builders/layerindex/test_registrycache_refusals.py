"""Layer indexes in registries that are not believed: other keys, owners, bytes and shapes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hublish.builders.layerindex.registry import ARTIFACT_TYPE, CACHE_TAG
from hublish.core.reference import Reference
from hublish.errors import RegistryFailed
from hublish.oci.artifact import parse_artifact, render_artifact
from hublish.oci.manifest import OCI_MANIFEST
from tests.unit.builders.layerindex.parts import CACHE, build, edit_cache, put_envelope
from tests.unit.builders.samples import TARGET

OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
WARNING = "warning: the layer index of registry.example.org/team/ts is not used: "


def set_key(key: str, value: object) -> Callable[[dict], object]:
    return lambda document: document.update({key: value})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (set_key("owner", "mallory"), "the layer index is of another owner or another level of trust"),
        (set_key("trust", "pull-request"), "the layer index is of another owner or another level of trust"),
        (set_key("format", 99), "layer index: expected the format 1"),
        (set_key("tables", []), "layer index: expected tables and builds"),
        (set_key("builds", [{}]), "layer index: expected tables and builds"),
    ],
)
def test_index_that_says_something_else_is_left_aside(bench, change, reason):
    """Signed or not: of another owner, trust, format or shape. One line says why."""
    expected = build(bench, disk="one").digest
    edit_cache(bench, change)

    outcome = build(bench, disk="two")

    assert outcome.digest == expected
    assert [line for line in bench.log if line.startswith(WARNING)] == [WARNING + reason]
    assert "3 layers of packages: 3 made, 0 kept from earlier builds" in bench.log


def test_index_of_another_key_is_left_aside(bench):
    """Whoever can push to the repository is not whoever is believed."""
    expected = build(bench, disk="one").digest
    edit_cache(bench, lambda _: None, key=OTHER_KEY)

    assert build(bench, disk="two").digest == expected
    assert WARNING + "the document is signed by no key that is known here" in bench.log


def test_index_is_of_the_owner_who_asks(bench):
    """Two owners of one service share neither disk nor index."""
    build(bench, disk="one")

    build(bench, disk="two", owner="mallory")

    assert WARNING + "the layer index is of another owner or another level of trust" in bench.log


def tamper(envelope: bytes) -> bytes:
    """Other bytes under the same signature."""
    document = json.loads(envelope)
    document["payload"] = document["payload"][:-8] + "AAAA" + document["payload"][-4:]
    return json.dumps(document).encode()


def strip(envelope: bytes) -> bytes:
    """No signature at all."""
    return json.dumps({**json.loads(envelope), "signatures": []}).encode()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (tamper, "the signature does not fit the document: one of them was changed"),
        (strip, "the document is signed by no key that is known here"),
        (lambda _: b"no envelope", "expected a signed envelope, got something else"),
        (lambda _: b"[]", "expected a signed envelope, got something else"),
    ],
)
def test_envelope_that_cannot_be_believed_is_left_aside(bench, spoil, reason):
    """Changed, unsigned, or none: the build does as if there were no index."""
    expected = build(bench, disk="one").digest
    artifact = parse_artifact(bench.images.fetch_manifest(CACHE).body)
    put_envelope(bench, spoil(bench.images.blobs[TARGET.name, artifact.blobs[0].digest]))

    assert build(bench, disk="two").digest == expected
    assert WARNING + reason in bench.log


@pytest.mark.parametrize("other", [{"media_type": "text/plain"}, {"kind": "application/vnd.example"}])
def test_other_artifact_under_the_tag_is_left_aside(bench, other):
    """The tag may be somebody's already."""
    expected = build(bench, disk="one").digest
    put_envelope(bench, b"{}", **other)

    assert build(bench, disk="two").digest == expected
    assert any(line.startswith(WARNING + "expected an artifact of the type") for line in bench.log)


def test_oversized_index_is_not_read(bench):
    """Its manifest says how large it is before a byte of it comes."""
    expected = build(bench, disk="one").digest
    artifact = parse_artifact(bench.images.fetch_manifest(CACHE).body)
    large = replace(artifact.blobs[0], size_bytes=(64 << 20) + 1)
    body = render_artifact(ARTIFACT_TYPE, [large, *artifact.blobs[1:]], annotations={})
    bench.images.ensure_manifest(CACHE, body=body, media_type=OCI_MANIFEST)

    assert build(bench, disk="two").digest == expected
    assert WARNING + "expected an index of at most 67108864 bytes, got 67108865" in bench.log


def test_files_with_other_bytes_are_left_aside(bench):
    """Contents and facts of the base count by their digest only."""
    build(bench, disk="one")
    for blob in parse_artifact(bench.images.fetch_manifest(CACHE).body).blobs[1:]:
        body = bench.images.blobs[TARGET.name, blob.digest]
        bench.images.blobs[TARGET.name, blob.digest] = bytes(len(body))
    bench.add_package("delta")
    expected = bench.build(workspace="plain", target=TARGET.with_tag("plain")).digest

    outcome = build(bench, disk="two")

    assert outcome.digest == expected
    assert any(line.startswith(WARNING + "a file of the layer index is not what its digest") for line in bench.log)


def test_entries_of_another_shape_count_as_unknown(bench):
    """Even a signed index is read with care."""
    expected = build(bench, disk="one").digest
    edit_cache(
        bench,
        lambda document: [table.update(dict.fromkeys(table, 7)) for table in document["tables"].values()],
    )

    assert build(bench, disk="two").digest == expected


def test_registry_that_refuses_the_tag_fails_no_build(bench):
    """One line, and the image stands."""
    ensure_manifest = bench.images.ensure_manifest

    def refuse(reference: Reference, **options: object) -> str:
        if reference.tag == CACHE_TAG:
            raise RegistryFailed("the tag is not allowed", status=403)
        return ensure_manifest(reference, **options)

    bench.images.ensure_manifest = refuse

    outcome = build(bench, disk="one")

    assert bench.images.fetch_manifest(TARGET).digest == outcome.digest
    assert (
        "warning: the layer index of registry.example.org/team/ts was not written: the tag is not allowed" in bench.log
    )
