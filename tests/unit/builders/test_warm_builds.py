"""Builds after other builds: what is not asked, not fetched and not made again, and what is when something got lost."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.core.plan import Trust
from hublish.errors import BuildFailed, IndexFailed, WheelMissing
from tests.fakes import FakeSource
from tests.unit.builders.samples import TARGET, Bench, make_bench

OTHER = replace(TARGET, repository="team/other")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = make_bench(tmp_path)
    bench.add_package("gamma", files={"gamma/data.bin": hashlib.shake_256(b"gamma").digest(2 << 20)})
    return bench


def forbid_index(bench: Bench) -> None:
    def fail(*_: object, **__: object) -> None:
        raise IndexFailed("the index is down")

    bench.index.list_files = bench.index.fetch_file = bench.index.find_file = fail


def remove(bench: Bench, *tables: str) -> None:
    """Lose tables of the layer index on this machine."""
    for table in tables:
        shutil.rmtree(next((bench.folder / "workspace" / "index").iterdir()) / table)


def lose_blobs(bench: Bench) -> None:
    shutil.rmtree(bench.folder / "workspace" / "blobs")


def test_unchanged_lock_asks_no_index_and_opens_no_layer(bench):
    """Only the source layer is new; nothing of the packages is read or sent."""
    first = bench.build()
    bench.source = FakeSource({"README.md": b"changed\n"})
    forbid_index(bench)
    lose_blobs(bench)
    bench.log.clear()

    second = bench.build()

    assert bench.log[2:6] == [
        "byte-code is not compiled: the builder's Python is not the base's, so first imports are slower",
        "3 of 3 wheels are those that earlier builds chose; the index is not asked for them",
        f"3 packages, {sum(len(body) for body in bench.index.wheels.values())} bytes of wheels",
        "3 layers of packages: 0 made, 3 kept from earlier builds",
    ]
    assert [layer.transfer for layer in second.layers] == ["present"] * 6 + ["uploaded"]
    assert [layer.digest for layer in second.layers[:6]] == [layer.digest for layer in first.layers[:6]]


def test_base_is_not_read_again(bench):
    """A pinned base needs no request of its own once it is known; its layers are looked for at the target only."""
    plan = bench.plan()
    expected = bench.build(plan).digest
    fetch_manifest, read = bench.images.fetch_manifest, []
    bench.images.fetch_manifest = lambda reference: (read.append(reference.name), fetch_manifest(reference))[1]

    assert bench.build(plan).digest == expected
    assert read == [TARGET.name]


@pytest.mark.parametrize(
    "lost",
    [
        ("choices",),
        ("wheels",),
        ("layers",),
        ("sets",),
        ("places",),
        ("choices", "wheels"),
        ("choices", "layers"),
        ("wheels", "sets"),
        ("choices", "wheels", "layers", "sets", "places"),
    ],
)
def test_whatever_is_lost_the_image_is_the_same(bench, lost):
    """Each table can go by itself: what it held is found out again."""
    expected = bench.build().digest
    remove(bench, *lost)

    assert bench.build().digest == expected


@pytest.mark.parametrize("place", ["choices", "wheels", "layers", "sets", "places"])
def test_damaged_entries_count_as_unknown(bench, place):
    """Another shape, no JSON: found out again, never an error."""
    expected = bench.build().digest
    files = sorted((next((bench.folder / "workspace" / "index").iterdir()) / place).glob("*.json"))
    for number, path in enumerate(files):
        path.write_text(["{", '{"a": 1}', "[1, 2]", "null", '"text"'][number % 5])

    assert bench.build().digest == expected


def test_layer_that_the_registry_lost_is_sent_from_this_machine(bench):
    """The local file counts if it is what it was."""
    first = bench.build()
    bench.images.lose_blob(TARGET, first.layers[3].digest)
    forbid_index(bench)

    second = bench.build()

    assert (second.digest, second.layers[3].transfer) == (first.digest, "uploaded")


def test_layer_that_is_nowhere_any_more_is_made_anew(bench):
    """Lost in the registry and damaged here: the wheels are fetched again, the bytes are the same."""
    first = bench.build()
    lost = first.layers[3]
    bench.images.lose_blob(TARGET, lost.digest)
    (bench.folder / "workspace" / "blobs" / lost.digest.removeprefix("sha256:")).write_bytes(b"other")
    bench.log.clear()

    second = bench.build()

    assert (second.digest, second.layers[3].transfer) == (first.digest, "uploaded")
    assert f"layer {lost.title}: what an earlier build made is lost, so it is made anew" in bench.log


def test_layer_that_is_nowhere_any_more_and_whose_wheel_is_deleted_is_said(bench):
    """It cannot be made; nothing is published."""
    first = bench.build()
    lost = first.layers[3]
    bench.images.lose_blob(TARGET, lost.digest)
    lose_blobs(bench)
    shutil.rmtree(bench.folder / "index")
    bench.index.wheels.clear()

    with pytest.raises(WheelMissing, match=r"gamma-1\.0-py3-none-any\.whl is gone from its index"):
        bench.build(target=TARGET.with_tag("second"))

    assert bench.images.fetch_manifest(TARGET.with_tag("second")) is None


def test_package_that_was_yanked_and_deleted_since_still_builds(bench):
    """What is known needs no index; a log line says that none was asked."""
    expected = bench.build().digest
    bench.index.wheels.clear()
    bench.log.clear()

    assert bench.build().digest == expected
    assert "3 of 3 wheels are those that earlier builds chose; the index is not asked for them" in bench.log


def test_other_repository_on_the_registry_gets_layers_mounted(bench):
    """Where a layer was pushed is remembered, so that a sibling's is not sent again, even when it is not here."""
    bench.build()
    forbid_index(bench)
    lose_blobs(bench)

    second = bench.build(target=OTHER)

    assert [layer.transfer for layer in second.layers[3:6]] == ["mounted"] * 3


def test_layer_of_another_registry_is_copied(bench):
    """Where nothing can be mounted and nothing is here, it comes from where it lies."""
    first = bench.build()
    forbid_index(bench)
    lose_blobs(bench)

    second = bench.build(target=replace(OTHER, registry="elsewhere.example.org"))

    assert [layer.transfer for layer in second.layers[3:6]] == ["uploaded"] * 3
    assert second.digest == first.digest


def test_bump_fetches_the_wheels_of_its_layer_only(bench):
    """Of all others not even the list is asked for; a bucket's other wheels are on this machine already."""
    bench.build()
    bench.packages = [package for package in bench.packages if package.name != "gamma"]
    bench.add_package("gamma", "2.0", files={"gamma/data.bin": hashlib.shake_256(b"new").digest(2 << 20)})
    asked: list[str] = []
    list_files = bench.index.list_files
    bench.index.list_files = lambda source, name, **given: asked.append(name) or list_files(source, name, **given)
    bench.log.clear()

    outcome = bench.build()

    assert asked == ["gamma"]
    assert [layer.transfer for layer in outcome.layers] == ["present"] * 3 + ["uploaded"] + ["present"] * 3
    assert bench.build(workspace="fresh").digest == outcome.digest


def test_known_layers_that_never_met_are_checked_for_conflicts(bench):
    """Each layer is known by itself; together they bring one path twice."""
    every = list(bench.packages)
    bench.add_package("delta", files={"shared.py": "x = 1\n", "d.bin": hashlib.shake_256(b"d").digest(2 << 20)})
    bench.build()
    bench.packages = every
    bench.add_package("epsilon", files={"shared.py": "x = 2\n", "e.bin": hashlib.shake_256(b"e").digest(2 << 20)})
    bench.build()
    bench.add_package("delta", files={"shared.py": "x = 1\n", "d.bin": hashlib.shake_256(b"d").digest(2 << 20)})

    with pytest.raises(BuildFailed, match=r"both bring .*/shared\.py, with different bytes"):
        bench.build()


def test_lost_contents_of_a_known_layer_are_found_out_by_making_it(bench):
    """Without them nobody knows whether layers fit together."""
    bench.build()
    shutil.rmtree(next((bench.folder / "workspace" / "index").iterdir()) / "layers" / "files")
    bench.add_package("delta")
    expected = bench.build(workspace="fresh").digest

    assert bench.build().digest == expected


def test_requirements_are_checked_again_when_the_set_is_another(bench):
    """Facts of wheels are known; that they fit is not."""
    bench.build()
    bench.packages = [package for package in bench.packages if package.name != "alpha"]

    with pytest.raises(BuildFailed, match=r"beta 1\.0 requires alpha>=1, but alpha is not among them"):
        bench.build()


def test_pull_request_reads_what_the_owner_left_and_leaves_nothing(bench):
    """Layers are taken; the index of the owner does not change by a byte."""
    bench.build()
    folder = bench.folder / "workspace" / "index"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    bench.add_package("delta")
    bench.log.clear()

    bench.build(bench.plan(trust=Trust.PULL_REQUEST))

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert "4 of 4" not in " ".join(bench.log)
    assert "3 of 4 wheels are those that earlier builds chose; the index is not asked for them" in bench.log


def test_pull_request_alone_writes_no_index(bench):
    """Code that is not the owner's leaves nothing but what is known of the base."""
    bench.build(bench.plan(trust=Trust.PULL_REQUEST))

    assert not (bench.folder / "workspace" / "index").exists()
