"""What a layered build in a pod knows of layers: read from registries by `fetch`, left for the service by `push`.

`fetch` believes what the service signed and hands it on in the shared folder; `build` adds to it; `push` puts that beside
the image, unsigned, and says its digest. Who may sign it is decided in `hublish.builders.layerindex.reported`.
"""

from __future__ import annotations

import io

from hublish.adapters.registry import RegistryClient
from hublish.bootstrap.steps.handover import load_records
from hublish.bootstrap.steps.places import Door, StepPlaces
from hublish.builders.layerindex.document import list_pointers, parse_index
from hublish.builders.layerindex.ownercache import OwnerCache
from hublish.builders.wheels.choice import map_in_threads
from hublish.core.plan import Strategy, Trust
from hublish.core.podlines import LayerRecords, render_message
from hublish.engines.runs import BuildRun, find_owner, find_target, list_places
from hublish.errors import HublishError, clip
from hublish.oci.manifest import make_digest


def open_fetch_cache(run: BuildRun, places: StepPlaces, door: Door, registry: RegistryClient) -> OwnerCache:
    """Open what the Steps share, with the registry's indexes behind it where the service signs some."""
    if not door.access.index_keys:
        return places.open_cache(run.request)
    # Here, because a Step without a key must not wait for cryptography.
    from hublish.builders.layerindex.trusted import TrustedIndexes  # noqa: PLC0415  # start-up time

    remote = TrustedIndexes(registry, keys=[bytes.fromhex(key) for key in door.access.index_keys])
    return places.open_cache(run.request, remote=remote, repositories=list_places(run.request))


def push_records(run: BuildRun, places: StepPlaces, door: Door, registry: RegistryClient) -> None:
    """Put what the build found out beside its image, and say where; a failure is logged and fails no build."""
    plan, target = run.request.plan, find_target(run.request)
    if not door.access.index_keys or plan.strategy is not Strategy.LAYERED or plan.trust is not Trust.OWNER:
        return
    try:
        body = load_records(places.image)
        layers = places.open_cache(run.request).layers
        bodies = {make_digest(body): body}
        for pointer, table in list_pointers(parse_index(body, owner=find_owner(run.request))).items():
            file = layers.read_blob(table, pointer)
            if file is not None:
                bodies[pointer.digest] = file

        def push(digest: str) -> None:
            registry.ensure_blob(
                target, digest=digest, size_bytes=len(bodies[digest]), open_body=lambda: io.BytesIO(bodies[digest])
            )

        map_in_threads(push, list(bodies))
    except HublishError as error:
        run.tell(f"warning: what was found out of layers was not kept: {clip(error.message)}")
        return
    run.tell(render_message(LayerRecords(digest=make_digest(body), size_bytes=len(body))))
