"""The registry as the cache: what an empty disk gets from it, who is believed, and that it never fails a build."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hublish.builders.layered.build import build_layered
from hublish.builders.layerindex.envelope import ENVELOPE_TYPE, open_envelope, render_envelope
from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.builders.layerindex.registry import ARTIFACT_TYPE, CACHE_TAG, INDEX_TYPE
from hublish.builders.layerindex.registrycache import RegistryIndexes
from hublish.core.building import BuildSucceeded
from hublish.core.plan import Trust
from hublish.core.reference import Reference
from hublish.errors import IndexFailed, RegistryFailed
from hublish.oci.artifact import parse_artifact, render_artifact
from hublish.oci.document import render_document
from hublish.oci.manifest import OCI_MANIFEST, make_descriptor
from tests.fakes import FakeSource
from tests.unit.builders.samples import TARGET, Bench

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
CACHE = TARGET.with_tag(CACHE_TAG)
SIBLING = replace(TARGET, repository="team/sibling")
WARNING = "warning: the layer index of registry.example.org/team/ts is not used: "


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.add_base()
    bench.add_package("alpha", scripts={"alpha": "alpha:main"})
    bench.add_package("beta", requires=["alpha>=1"])
    bench.add_package("gamma", files={"gamma/data.bin": hashlib.shake_256(b"gamma").digest(2 << 20)})
    return bench


def build(
    bench: Bench,
    *,
    disk: str,
    target: Reference = TARGET,
    siblings: tuple[Reference, ...] = (),
    key: Ed25519PrivateKey = KEY,
    owner: str = "octo",
    trust: Trust = Trust.OWNER,
) -> BuildSucceeded:
    """Build on a disk of that name, with the registry as the cache."""
    bench.log.clear()
    caches = OwnerCaches(bench.folder / disk, remote=RegistryIndexes(bench.images, key=key))
    plan = bench.plan(trust=trust)
    return build_layered(
        plan,
        source=bench.source,
        images=bench.images,
        output=bench.images,
        target=target,
        index=bench.index,
        workspace=bench.folder / disk,
        workers=1,
        log=bench.log.append,
        progress=bench.progress.append,
        cancelled=lambda: False,
        cache=caches.open(owner=owner, trust=trust, repositories=(target, *siblings)),
    )


def cut_off(bench: Bench) -> None:
    """Take the index away, and what it sent."""

    def fail(*_: object, **__: object) -> None:
        raise IndexFailed("the index is down")

    bench.index.list_files = bench.index.fetch_file = bench.index.find_file = fail


def edit_cache(bench: Bench, change: Callable[[dict], object], *, key: Ed25519PrivateKey = KEY) -> None:
    """Sign a changed index and put it in place of the one that stands there."""
    artifact = parse_artifact(bench.images.fetch_manifest(CACHE).body)
    envelope = bench.images.blobs[TARGET.name, artifact.blobs[0].digest]
    document = json.loads(open_envelope(envelope, payload_type=INDEX_TYPE, keys=[KEY.public_key()]))
    change(document)
    put_envelope(bench, render_envelope(render_document(document), payload_type=INDEX_TYPE, key=key))


def put_envelope(bench: Bench, envelope: bytes, *, media_type: str = ENVELOPE_TYPE, kind: str = ARTIFACT_TYPE) -> None:
    artifact = parse_artifact(bench.images.fetch_manifest(CACHE).body)
    first = make_descriptor(envelope, media_type=media_type)
    bench.images.blobs[TARGET.name, first.digest] = envelope
    body = render_artifact(kind, [first, *artifact.blobs[1:]], annotations={})
    bench.images.ensure_manifest(CACHE, body=body, media_type=OCI_MANIFEST)


def test_empty_disk_needs_no_index_no_wheel_and_no_layer(bench):
    """All comes from the registry: choices, facts, layers, even what is known of the base."""
    first = build(bench, disk="one")
    bench.source = FakeSource({"README.md": b"changed\n"})
    plan = bench.plan()
    cut_off(bench)
    bench.images.pushed.clear()

    second = build(bench, disk="two")

    assert [layer.transfer for layer in second.layers] == ["present"] * 6 + ["uploaded"]
    assert [layer.digest for layer in second.layers[:6]] == [layer.digest for layer in first.layers[:6]]
    assert len(bench.images.pushed) == 2
    assert second.digest == bench_digest(bench, plan.source_digest)


def bench_digest(bench: Bench, source_digest: str) -> str:
    """The digest under the target's tag."""
    assert bench.plan().source_digest == source_digest
    return bench.images.fetch_manifest(TARGET).digest


def test_every_way_to_build_gives_one_digest(bench):
    """Cold, warm, from an empty disk, beside a sibling: the same bytes."""
    cold = build(bench, disk="one").digest

    ways = {
        "warm": build(bench, disk="one").digest,
        "empty disk": build(bench, disk="two").digest,
        "sibling": build(bench, disk="three", target=SIBLING, siblings=(TARGET,)).digest,
        "no registry": bench.build(workspace="four", target=TARGET.with_tag("plain")).digest,
    }

    assert ways == dict.fromkeys(ways, cold)


def test_sibling_mounts_what_it_shares(bench):
    """Another repository of the owner, on an empty disk: only its own package is fetched and made."""
    build(bench, disk="one")
    bench.add_package("delta", files={"delta/data.bin": hashlib.shake_256(b"delta").digest(2 << 20)})
    asked: list[str] = []
    list_files = bench.index.list_files
    bench.index.list_files = lambda source, name, **given: asked.append(name) or list_files(source, name, **given)

    outcome = build(bench, disk="two", target=SIBLING, siblings=(TARGET,))

    assert asked == ["delta"]
    assert [(layer.title, layer.transfer) for layer in outcome.layers[3:]] == [
        ("delta 1.0", "uploaded"),
        ("gamma 1.0", "mounted"),
        ("beta 1.0", "mounted"),
        ("alpha 1.0", "mounted"),
        ("source", "uploaded"),
    ]


def test_unchanged_lock_writes_no_index(bench):
    """One look at the tag is all."""
    build(bench, disk="one")
    bench.source = FakeSource({"README.md": b"changed\n"})
    before = bench.images.fetch_manifest(CACHE)

    build(bench, disk="one")

    assert bench.images.fetch_manifest(CACHE) == before
    assert "layer index written to registry.example.org/team/ts:hublish-cache" not in bench.log


def test_index_of_the_last_few_builds_is_kept(bench):
    """Branches that alternate stay warm; what nobody used for long is dropped with its files."""
    packages = list(bench.packages)
    for number in range(5):
        bench.packages = list(packages)
        bench.add_package(f"extra{number}")
        build(bench, disk="one")
    documents: list[dict] = []

    edit_cache(bench, documents.append)
    names = {entry[0] for entry in documents[0]["tables"]["choices"].values()}

    assert len(documents[0]["builds"]) == 4
    assert "extra0-1.0-py3-none-any.whl" not in names
    assert {f"extra{number}-1.0-py3-none-any.whl" for number in range(1, 5)} < names


def test_files_of_the_index_stand_in_its_manifest(bench):
    """A registry's clean-up keeps what a manifest names."""
    build(bench, disk="one")

    artifact = parse_artifact(bench.images.fetch_manifest(CACHE).body)

    assert artifact.artifact_type == ARTIFACT_TYPE
    assert artifact.blobs[0].media_type == ENVELOPE_TYPE
    assert sorted(blob.media_type for blob in artifact.blobs[1:]) == [
        "application/vnd.hublish.base-facts.v1+json+gzip",
        *["application/vnd.hublish.layer-contents.v1+json+gzip"] * 3,
    ]


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


def test_pull_request_reads_and_never_writes(bench):
    """It takes the owner's layers and leaves neither index nor file."""
    build(bench, disk="one")
    bench.add_package("delta")
    before = bench.images.fetch_manifest(CACHE)

    build(bench, disk="two", trust=Trust.PULL_REQUEST)

    assert bench.images.fetch_manifest(CACHE) == before
    assert "3 of 4 wheels are those that earlier builds chose; the index is not asked for them" in bench.log
    assert not (bench.folder / "two" / "index").exists()


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


def test_registry_that_lost_files_of_earlier_builds_gets_the_index_of_this_one(bench):
    """A clean-up may take what an old index names; the cache heals with the next build."""
    build(bench, disk="one")
    bench.add_package("delta")
    ensure_manifest, refused = bench.images.ensure_manifest, []

    def refuse_first(reference: Reference, **options: object) -> str:
        if reference.tag == CACHE_TAG and not refused:
            refused.append(reference)
            raise RegistryFailed("manifest unknown: blob unknown", status=404)
        return ensure_manifest(reference, **options)

    bench.images.ensure_manifest = refuse_first
    documents: list[dict] = []

    build(bench, disk="one")
    edit_cache(bench, documents.append)

    assert [len(document["builds"]) for document in documents] == [1]


def test_lost_layer_is_made_anew_on_an_empty_disk(bench):
    """The index knows it, the registry lost it: its wheels are fetched and the bytes are the same."""
    first = build(bench, disk="one")
    del bench.images.blobs[TARGET.name, first.layers[3].digest]

    second = build(bench, disk="two")

    assert (second.digest, second.layers[3].transfer) == (first.digest, "uploaded")
