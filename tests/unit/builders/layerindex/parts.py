"""Builds that keep their layer index in a registry, and what a registry can do to it."""

from __future__ import annotations

import json
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hublish.builders.layerindex.envelope import ENVELOPE_TYPE, open_envelope, render_envelope
from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.builders.layerindex.registry import ARTIFACT_TYPE, CACHE_TAG, INDEX_TYPE
from hublish.builders.layerindex.registrycache import RegistryIndexes
from hublish.core.building import BuildSucceeded
from hublish.core.plan import Trust
from hublish.core.reference import Reference
from hublish.oci.artifact import parse_artifact, render_artifact
from hublish.oci.document import render_document
from hublish.oci.manifest import OCI_MANIFEST, make_descriptor
from tests.unit.builders.samples import TARGET, Bench

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CACHE = TARGET.with_tag(CACHE_TAG)


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
    caches = OwnerCaches(bench.folder / disk, remote=RegistryIndexes(bench.images, open_key=lambda: key))
    plan = bench.plan(trust=trust)
    cache = caches.open(owner=owner, trust=trust, repositories=(target, *siblings))
    return bench.build(plan, workspace=disk, target=target, cache=cache)


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
