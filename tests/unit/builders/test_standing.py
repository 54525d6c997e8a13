"""Layers of the image that was pushed last: passed over while that image stands, looked for when anything is doubtful."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hublish.builders.layerindex.registry import CACHE_TAG
from hublish.core.reference import Reference
from hublish.errors import RegistryFailed
from hublish.oci.manifest import parse_manifest
from tests.fakes import FakeImages, FakeSource
from tests.unit.builders.layerindex.parts import build
from tests.unit.builders.samples import TARGET, Bench, make_bench


class WatchedImages(FakeImages):
    """A registry that notes what it is asked for, and refuses images that lack a blob, as real ones do."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.refused = 0

    def ensure_blob(self, reference: Reference, *, digest: str, **options: object) -> object:
        self.asked.append(digest)
        return super().ensure_blob(reference, digest=digest, **options)

    def ensure_manifest(self, reference: Reference, *, body: bytes, media_type: str) -> str:
        if reference.tag == CACHE_TAG:
            return super().ensure_manifest(reference, body=body, media_type=media_type)
        manifest = parse_manifest(body)
        blobs = {manifest.config.digest, *(layer.digest for layer in manifest.layers)}
        if not all((reference.name, digest) in self.blobs for digest in blobs):
            self.refused += 1
            raise RegistryFailed("the registry refused: blob unknown", status=404)
        return super().ensure_manifest(reference, body=body, media_type=media_type)


@pytest.fixture
def images() -> WatchedImages:
    return WatchedImages()


@pytest.fixture
def bench(tmp_path: Path, images: WatchedImages) -> Bench:
    """A bench whose first image stands at the target."""
    bench = make_bench(tmp_path)
    images.blobs, images.manifests = bench.images.blobs, bench.images.manifests
    bench.images = images
    bench.build()
    bench.source = FakeSource({"README.md": b"changed\n"})
    images.asked.clear()
    return bench


def test_registry_is_asked_for_what_is_new_only(bench, images) -> None:
    """The source and the config; the rest is what the image has that stands there."""
    second = bench.build()
    config = parse_manifest(images.fetch_manifest(TARGET).body).config.digest

    assert sorted(images.asked) == sorted([config, second.layers[-1].digest])
    assert [layer.transfer for layer in second.layers[:-1]] == ["present"] * (len(second.layers) - 1)


def test_empty_disk_learns_from_the_registry_which_image_stands_there(bench, images) -> None:
    """The signed index names it, so that an empty disk asks for no more than a full one."""
    build(bench, disk="one")
    bench.source = FakeSource({"README.md": b"changed again\n"})
    images.asked.clear()

    second = build(bench, disk="two")
    config = parse_manifest(images.fetch_manifest(TARGET).body).config.digest

    assert sorted(images.asked) == sorted([config, second.layers[-1].digest])


def test_each_layer_is_looked_for_where_the_image_is_gone(bench, images) -> None:
    """A clean-up of the registry costs what it took, and no more."""
    images.manifests = {key: manifest for key, manifest in images.manifests.items() if key[0] != TARGET.name}

    second = bench.build()

    assert {layer.digest for layer in second.layers} < set(images.asked)


def test_each_layer_is_looked_for_where_the_image_cannot_be_read(bench, images, monkeypatch) -> None:
    """A target that may be written and not read is as good as one that is empty."""

    def refuse(reference: Reference) -> None:
        raise RegistryFailed(f"{reference.name} may not be read", status=403)

    plan = bench.plan()
    monkeypatch.setattr(images, "fetch_manifest", refuse)
    second = bench.build(plan)

    assert {layer.digest for layer in second.layers} < set(images.asked)


def test_registry_that_lost_a_part_of_its_image_gets_it_again(bench, images) -> None:
    """It refuses the new image, and takes it when each layer was looked for."""
    lost = bench.build().layers[3].digest
    del images.blobs[TARGET.name, lost]

    bench.source = FakeSource({"README.md": b"changed again\n"})
    built = bench.build()

    assert (images.refused, built.layers[3].transfer) == (1, "uploaded")
    assert (TARGET.name, lost) in images.blobs


def test_layer_that_registry_and_machine_lost_is_made_anew(bench, images) -> None:
    """One build is enough, and it says what happened."""
    lost = bench.build().layers[3]
    del images.blobs[TARGET.name, lost.digest]
    shutil.rmtree(bench.folder / "workspace" / "blobs")

    bench.source = FakeSource({"README.md": b"changed again\n"})
    built = bench.build()

    assert (built.layers[3].digest, built.layers[3].transfer) == (lost.digest, "uploaded")
    assert "the registry lost a part of the image it has: each layer is looked for" in bench.log
    assert f"layer {lost.title}: what an earlier build made is lost, so it is made anew" in bench.log


def test_other_refusals_are_told_as_they_are(tmp_path, images) -> None:
    """Where nothing was passed over there is nothing to look for again."""
    bench = make_bench(tmp_path)
    images.blobs, images.manifests = bench.images.blobs, bench.images.manifests
    bench.images = images

    def refuse(*_: object, **__: object) -> None:
        raise RegistryFailed("the registry refused: read only", status=405)

    images.ensure_manifest = refuse
    with pytest.raises(RegistryFailed, match="read only"):
        bench.build()
