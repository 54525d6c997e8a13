"""What a pod found out, taken over by the service: what is believed, what is signed, what is left aside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hublish.bootstrap.steps.handover import Handover
from hublish.builders.layered.build import build_layered
from hublish.builders.layerindex.document import list_pointers, parse_index
from hublish.builders.layerindex.entries import Table
from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.builders.layerindex.registry import CACHE_TAG
from hublish.builders.layerindex.registrycache import RegistryIndexes
from hublish.builders.layerindex.reported import RecordKeeper, render_records
from hublish.builders.layerindex.trusted import TrustedIndexes
from hublish.builders.wheels.prefetch import PrefetchTools, fetch_inputs
from hublish.core.building import BuildSucceeded
from hublish.core.plan import Plan, Trust
from hublish.core.podlines import LayerRecords
from hublish.errors import IndexFailed, RegistryFailed
from hublish.oci.manifest import make_digest
from tests.fakes import FakeImages
from tests.unit.builders.samples import BASE, TARGET, Bench

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OWNER = "octo"
CACHE = TARGET.with_tag(CACHE_TAG)
WRITTEN = "layer index written to registry.example.org/team/ts:hublish-cache"
UNUSED = "warning: what the pod found out of layers is not used: "


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.add_base()
    bench.add_package("alpha")
    bench.add_package("beta", requires=["alpha>=1"])
    bench.add_package("gamma", files={"gamma/data.bin": hashlib.shake_256(b"gamma").digest(2 << 20)})
    return bench


class Pod:
    """The three Steps of a pod on a folder of its own: only the first and the last one see a server."""

    def __init__(self, bench: Bench, folder: str, *, keys: tuple[bytes, ...] = ()) -> None:
        self.bench = bench
        self.workspace = bench.folder / folder / "layers"
        self.image = bench.folder / folder / "image"
        self.keys = keys
        self.log: list[str] = []

    def fetch(self, plan: Plan) -> None:
        bench = self.bench
        remote = TrustedIndexes(bench.images, keys=self.keys)
        caches = OwnerCaches(self.workspace, remote=remote)
        tools = PrefetchTools(
            images=bench.images,
            index=bench.index,
            layers=caches.open(owner=OWNER, trust=Trust.OWNER, repositories=(TARGET,)).layers,
            workspace=self.workspace,
            log=self.log.append,
            progress=lambda _: None,
        )
        fetch_inputs(plan, bench.source, tools)

    def count_wheels(self) -> int:
        """How many wheels it needed."""
        (line,) = (line for line in self.log if line.startswith("wheels that are needed: "))
        return int(line.partition(": ")[2].partition(";")[0])

    def build(self, plan: Plan) -> BuildSucceeded:
        cache = OwnerCaches(self.workspace).open(owner=OWNER, trust=Trust.OWNER)
        outcome = build_layered(
            plan,
            source=self.bench.source,
            images=FakeImages(),
            output=Handover(self.image),
            target=TARGET,
            index=self.bench.index,
            workspace=self.workspace,
            workers=1,
            log=self.log.append,
            progress=lambda _: None,
            cancelled=lambda: False,
            cache=cache,
        )
        self.layers = cache.layers
        return outcome

    def push(self, outcome: BuildSucceeded, *, body: bytes | None = None) -> LayerRecords:
        """Put image, records and files into the registry; `body` in place of the records."""
        images = self.bench.images
        for path in (self.image / "blobs" / "sha256").iterdir():
            images.blobs[TARGET.name, f"sha256:{path.name}"] = path.read_bytes()
        manifest = images.blobs[TARGET.name, outcome.digest]
        images.ensure_manifest(TARGET, body=manifest, media_type="application/vnd.oci.image.manifest.v1+json")
        records = render_records(self.layers, owner=OWNER, builder="layered-3") if body is None else body
        for pointer, table in list_pointers(parse_index(records, owner=OWNER)).items() if body is None else ():
            images.blobs[TARGET.name, pointer.digest] = self.layers.read_blob(table, pointer) or b""
        images.blobs[TARGET.name, make_digest(records)] = records
        return LayerRecords(digest=make_digest(records), size_bytes=len(records))


def open_keeper(bench: Bench, *, disk: str = "service") -> RecordKeeper:
    caches = OwnerCaches(bench.folder / disk, remote=RegistryIndexes(bench.images, key=KEY))
    return RecordKeeper(caches=caches, images=bench.images, output=bench.images)


def run(bench: Bench, folder: str) -> tuple[Pod, BuildSucceeded]:
    """Fetch and build in a new pod that knows the service's public key."""
    pod = Pod(bench, folder, keys=open_keeper(bench).caches.public_keys)
    pod.fetch(bench.plan())
    return pod, pod.build(bench.plan())


def keep(
    bench: Bench,
    records: LayerRecords,
    outcome: BuildSucceeded,
    *,
    owner: str = OWNER,
    trust: Trust = Trust.OWNER,
    disk: str = "service",
) -> list[str]:
    """Have the service take records over; returns its log. It planned the base itself before."""
    keeper, log = open_keeper(bench, disk=disk), []
    image = TARGET.with_digest(outcome.digest)
    keeper.keep(records, bench.plan(trust=trust), image=image, owner=owner, log=log.append)
    return log


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
    home = RegistryIndexes(bench.images, key=KEY).open(TARGET, owner=OWNER)

    assert log == [WRITTEN]
    assert [home.find(Table.LAYERS, key) is None for key in (first, second, third)] == [True, True, False]


def test_base_is_what_the_service_read_itself(bench: Bench) -> None:
    """What is known of a base counts for every owner, so that no pod's word counts: it is the service's or nothing."""
    pod, outcome = run(bench, "one")
    records = pod.push(outcome)
    keep(bench, records, outcome)
    home = RegistryIndexes(bench.images, key=KEY).open(TARGET, owner=OWNER)
    document = json.loads(bench.images.blobs[TARGET.name, records.digest])
    (key,) = document["tables"]["bases"]

    assert home.find(Table.BASES, key) is None
    assert bench.images.fetch_manifest(BASE) is not None


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


def test_index_is_only_read_without_the_key_that_signs(bench: Bench) -> None:
    """A pod's own cache writes nothing to the registry."""
    trusted = TrustedIndexes(bench.images, keys=open_keeper(bench).caches.public_keys)
    before = dict(bench.images.manifests)
    cache = OwnerCaches(bench.folder / "pod", remote=trusted).open(owner=OWNER, trust=Trust.OWNER)
    cache.publish(target=TARGET, output=bench.images, builder="layered-3", log=bench.log.append)

    assert (bench.images.manifests, bench.log) == (before, [])
    assert trusted.public_keys == (KEY.public_key().public_bytes_raw(),)
