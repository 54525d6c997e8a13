"""Builds of pods that report what they found out."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hublish.bootstrap.steps.handover import Handover
from hublish.builders.layered.build import build_layered
from hublish.builders.layerindex.document import list_pointers, parse_index
from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.builders.layerindex.registry import CACHE_TAG
from hublish.builders.layerindex.registrycache import RegistryIndexes
from hublish.builders.layerindex.reported import RecordKeeper, render_records
from hublish.builders.layerindex.trusted import TrustedIndexes
from hublish.builders.wheels.prefetch import PrefetchTools, fetch_inputs
from hublish.core.building import BuildSucceeded
from hublish.core.plan import Plan, Trust
from hublish.core.podlines import LayerRecords
from hublish.oci.manifest import make_digest
from tests.fakes import FakeImages
from tests.unit.builders.samples import TARGET, Bench

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OWNER = "octo"
CACHE = TARGET.with_tag(CACHE_TAG)
WRITTEN = "layer index written to registry.example.org/team/ts:hublish-cache"


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
    caches = OwnerCaches(bench.folder / disk, remote=RegistryIndexes(bench.images, open_key=lambda: KEY))
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
