"""What a pod found out, taken over by the service: what is believed, what is signed, what is left aside."""

from __future__ import annotations

import hashlib
import json

from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.builders.layerindex.reported import RecordKeeper, render_records
from hublish.builders.layerindex.trusted import TrustedIndexes
from hublish.core.plan import Trust
from hublish.errors import IndexFailed
from tests.unit.builders.layerindex.pods import CACHE, KEY, OWNER, WRITTEN, keep, open_keeper, run
from tests.unit.builders.samples import TARGET, Bench


def test_second_pod_fetches_no_wheel(bench: Bench) -> None:
    """What the first pod made is neither fetched nor made again, and the image is the same to the bit."""
    first, outcome = run(bench, "one")
    log = keep(bench, first.push(outcome), outcome)
    second, again = run(bench, "two")

    assert log == [WRITTEN]
    assert first.count_wheels() == 3
    assert second.count_wheels() == 0
    assert again.digest == outcome.digest
    assert "3 layers of packages: 0 made, 3 kept from earlier builds" in second.log


def test_layer_that_the_registry_lost_is_made_anew_in_the_pod(bench: Bench) -> None:
    """Only its wheel is fetched."""
    first, outcome = run(bench, "one")
    keep(bench, first.push(outcome), outcome)
    lost = next(layer.digest for layer in outcome.layers if layer.title == "gamma 1.0")
    del bench.images.blobs[TARGET.name, lost]
    second, again = run(bench, "two")

    assert second.count_wheels() == 1
    assert again.digest == outcome.digest


def test_package_more_costs_that_package(bench: Bench) -> None:
    """Layers that never met are compared by the lists of their files, which lie in the registry, too."""
    first, outcome = run(bench, "one")
    keep(bench, first.push(outcome), outcome)
    bench.add_package("delta", files={"delta/data.bin": hashlib.shake_256(b"delta").digest(2 << 20)})
    expected = bench.build(workspace="plain", target=TARGET.with_tag("plain")).digest
    second, again = run(bench, "two")

    assert second.count_wheels() == 1
    assert again.digest == expected


def test_layers_whose_lists_of_files_are_lost_are_made_anew(bench: Bench) -> None:
    """Nothing is taken together that cannot be compared."""
    first, outcome = run(bench, "one")
    keep(bench, first.push(outcome), outcome)
    document = json.loads(render_records(first.layers, owner=OWNER, builder="layered-3"))
    for entry in document["tables"]["layers"].values():
        del bench.images.blobs[TARGET.name, entry["contents"]["digest"]]
    bench.add_package("delta", files={"delta/data.bin": hashlib.shake_256(b"delta").digest(2 << 20)})
    expected = bench.build(workspace="plain", target=TARGET.with_tag("plain")).digest
    second, again = run(bench, "two")

    assert second.count_wheels() == 4
    assert again.digest == expected


def test_index_that_is_down_does_not_keep_a_pod_from_building(bench: Bench) -> None:
    """As in the service's own process."""
    first, outcome = run(bench, "one")
    keep(bench, first.push(outcome), outcome)

    def fail(*_: object) -> None:
        raise IndexFailed("the index is down")

    bench.index.list_files = bench.index.fetch_file = bench.index.find_file = fail

    assert run(bench, "two")[1].digest == outcome.digest


def test_pull_request_leaves_nothing(bench: Bench) -> None:
    """Whatever its pod says."""
    pod, outcome = run(bench, "one")

    assert keep(bench, pod.push(outcome), outcome, trust=Trust.PULL_REQUEST) == []
    assert bench.images.fetch_manifest(CACHE) is None


def test_service_without_a_key_takes_nothing(bench: Bench) -> None:
    """It would sign nothing that a pod could believe."""
    pod, outcome = run(bench, "one")
    records, log = pod.push(outcome), []
    keeper = RecordKeeper(caches=OwnerCaches(bench.folder / "plain"), images=bench.images, output=bench.images)
    keeper.keep(records, bench.plan(), image=TARGET.with_digest(outcome.digest), owner=OWNER, log=log.append)

    assert log == []
    assert not (bench.folder / "plain").exists()


def test_index_is_only_read_without_the_key_that_signs(bench: Bench) -> None:
    """A pod's own cache writes nothing to the registry."""
    trusted = TrustedIndexes(bench.images, keys=open_keeper(bench).caches.public_keys)
    before = dict(bench.images.manifests)
    cache = OwnerCaches(bench.folder / "pod", remote=trusted).open(owner=OWNER, trust=Trust.OWNER)
    cache.publish(target=TARGET, output=bench.images, builder="layered-3", log=bench.log.append)

    assert (bench.images.manifests, bench.log) == (before, [])
    assert trusted.public_keys == (KEY.public_key().public_bytes_raw(),)
