"""The registry as the cache: what an empty disk gets from it, who is believed, and that it never fails a build."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from hublish.builders.layerindex.envelope import ENVELOPE_TYPE
from hublish.builders.layerindex.registry import ARTIFACT_TYPE, CACHE_TAG
from hublish.core.plan import Trust
from hublish.core.reference import Reference
from hublish.errors import IndexFailed, RegistryFailed
from hublish.oci.artifact import parse_artifact
from tests.fakes import FakeSource
from tests.unit.builders.layerindex.parts import CACHE, build, edit_cache
from tests.unit.builders.samples import TARGET, Bench

SIBLING = replace(TARGET, repository="team/sibling")


def cut_off(bench: Bench) -> None:
    """Take the index away, and what it sent."""

    def fail(*_: object, **__: object) -> None:
        raise IndexFailed("the index is down")

    bench.index.list_files = bench.index.fetch_file = bench.index.find_file = fail


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


def test_pull_request_reads_and_never_writes(bench):
    """It takes the owner's layers and leaves neither index nor file."""
    build(bench, disk="one")
    bench.add_package("delta")
    before = bench.images.fetch_manifest(CACHE)

    build(bench, disk="two", trust=Trust.PULL_REQUEST)

    assert bench.images.fetch_manifest(CACHE) == before
    assert "3 of 4 wheels are those that earlier builds chose; the index is not asked for them" in bench.log
    assert not (bench.folder / "two" / "index").exists()


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
    """The index knows it, the registry lost it with its image: its wheels are fetched and the bytes are the same."""
    first = build(bench, disk="one")
    del bench.images.blobs[TARGET.name, first.layers[3].digest], bench.images.manifests[TARGET.name, first.digest]

    second = build(bench, disk="two")

    assert (second.digest, second.layers[3].transfer) == (first.digest, "uploaded")
