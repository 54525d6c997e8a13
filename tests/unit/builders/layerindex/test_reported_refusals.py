"""Records of a pod that are not believed, or that lost what they speak of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from hublish.builders.layerindex.entries import Table
from hublish.builders.layerindex.registrycache import RegistryIndexes
from hublish.builders.layerindex.reported import render_records
from hublish.core.plan import Trust
from hublish.errors import RegistryFailed
from tests.unit.builders.layerindex.pods import CACHE, KEY, OWNER, WRITTEN, keep, open_keeper, run
from tests.unit.builders.samples import BASE, TARGET, Bench

UNUSED = "warning: what the pod found out of layers is not used: "


def change(document: dict, key: str, value: object) -> bytes:
    return json.dumps({**document, key: value}).encode()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (
            lambda document: change(document, "owner", "mallory"),
            "the layer index is of another owner or another level of trust",
        ),
        (lambda document: change(document, "tables", []), "layer index: expected tables and builds"),
        (lambda _: b"no document", "layer index: expected JSON"),
    ],
)
def test_records_of_another_shape_or_owner_are_left_aside(
    bench: Bench, spoil: Callable[[dict], bytes], reason: str
) -> None:
    """One line says why, and nothing is signed."""
    pod, outcome = run(bench, "one")
    body = spoil(json.loads(render_records(pod.layers, owner=OWNER, builder="layered-3")))
    (line,) = keep(bench, pod.push(outcome, body=body), outcome)

    assert line.startswith(UNUSED + reason)
    assert bench.images.fetch_manifest(CACHE) is None


def test_registry_cannot_change_records_on_the_way(bench: Bench) -> None:
    """Whoever can push to the repository cannot have something signed: the pod's log has the digest."""
    pod, outcome = run(bench, "one")
    records = pod.push(outcome)
    bench.images.blobs[TARGET.name, records.digest] = bytes(records.size_bytes)
    (line,) = keep(bench, records, outcome)

    assert line == f"{UNUSED}what the registry has as {records.digest} is something else"


@pytest.mark.parametrize("change", [{"size_bytes": (64 << 20) + 1}, {"size_bytes": -1}, {"digest": "sha256:../x"}])
def test_records_that_are_no_records_are_not_read(bench: Bench, change: dict) -> None:
    """Neither a giant nor a name that is no digest reaches the registry."""
    pod, outcome = run(bench, "one")
    records = replace(pod.push(outcome), **change)

    assert keep(bench, records, outcome) == [f"{UNUSED}expected records of at most 67108864 bytes, by their digest"]


def test_image_that_is_gone_is_said(bench: Bench) -> None:
    """Records count for layers of an image that stands there."""
    pod, outcome = run(bench, "one")
    records = pod.push(outcome)
    del bench.images.manifests[TARGET.name, outcome.digest]

    assert keep(bench, records, outcome) == [f"{UNUSED}the registry has no {TARGET.with_digest(outcome.digest)}"]


def test_layers_that_the_image_lacks_are_not_signed(bench: Bench) -> None:
    """A pod says what it pushed, not what lies elsewhere; entries of another shape count as nothing."""
    pod, outcome = run(bench, "one")
    document = json.loads(render_records(pod.layers, owner=OWNER, builder="layered-3"))
    first, second, third = sorted(document["tables"]["layers"])
    document["tables"]["layers"][first]["digest"] = "sha256:" + "0" * 64
    document["tables"]["layers"][second] = 7
    log = keep(bench, pod.push(outcome, body=json.dumps(document).encode()), outcome)
    home = RegistryIndexes(bench.images, open_key=lambda: KEY).open(TARGET, owner=OWNER)

    assert log == [WRITTEN]
    assert [home.find(Table.LAYERS, key) is None for key in (first, second, third)] == [True, True, False]


def test_base_is_what_the_service_read_itself(bench: Bench) -> None:
    """What is known of a base counts for every owner, so that no pod's word counts: it is the service's or nothing."""
    pod, outcome = run(bench, "one")
    records = pod.push(outcome)
    keep(bench, records, outcome)
    home = RegistryIndexes(bench.images, open_key=lambda: KEY).open(TARGET, owner=OWNER)
    document = json.loads(bench.images.blobs[TARGET.name, records.digest])
    (key,) = document["tables"]["bases"]

    assert home.find(Table.BASES, key) is None
    assert bench.images.fetch_manifest(BASE) is not None


def test_image_is_the_one_that_the_service_saw(bench: Bench) -> None:
    """Later builds pass over the layers of the image that stands there, so that no pod's word says which it is."""
    pod, outcome = run(bench, "one")
    pod.layers.store_image(TARGET, "sha256:" + "0" * 64)
    keep(bench, pod.push(outcome), outcome)
    home = RegistryIndexes(bench.images, open_key=lambda: KEY).open(TARGET, owner=OWNER)

    assert home.find(Table.IMAGES, TARGET.name) == outcome.digest


def test_files_that_the_registry_lost_are_left_out(bench: Bench) -> None:
    """The index is written all the same; whoever needs such a list makes the layer anew."""
    pod, outcome = run(bench, "one")
    records = pod.push(outcome)
    document = json.loads(bench.images.blobs[TARGET.name, records.digest])
    for entry in document["tables"]["layers"].values():
        del bench.images.blobs[TARGET.name, entry["contents"]["digest"]]

    assert keep(bench, records, outcome) == [WRITTEN]


def test_registry_that_fails_is_said(bench: Bench) -> None:
    """It costs the build nothing."""
    pod, outcome = run(bench, "one")
    records = pod.push(outcome)

    def fail(*_: object) -> None:
        raise RegistryFailed("the registry is down")

    bench.images.fetch_manifest = fail
    keeper, log = open_keeper(bench), []
    plan = replace(Bench(bench.folder).plan(), trust=Trust.OWNER)
    keeper.keep(records, plan, image=TARGET.with_digest(outcome.digest), owner=OWNER, log=log.append)

    assert log == [f"{UNUSED}the registry is down"]
