"""Images to verify: made from a bench, and changed afterwards."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

from hublish.builders.verification.rebuild import RebuildTools, verify_by_rebuild
from hublish.builders.verification.verdict import Verification, open_image
from hublish.core.plan import Plan
from hublish.oci.manifest import (
    OCI_CONFIG,
    OCI_MANIFEST,
    Descriptor,
    ImageManifest,
    make_descriptor,
    make_digest,
    parse_manifest,
    render_manifest,
)
from tests.fakes import FakeImages
from tests.unit.builders.samples import TARGET, Bench


def verify(bench: Bench, plan: Plan | None = None) -> Verification:
    """Verify what stands under TARGET."""
    opened = open_image(bench.images, TARGET, platform="linux/amd64")
    tools = RebuildTools(
        images=bench.images,
        index=bench.index,
        output=FakeImages(),
        workspace=bench.folder / "fresh",
        workers=1,
        log=bench.log.append,
        progress=bench.progress.append,
        cancelled=lambda: False,
    )
    return verify_by_rebuild(opened, bench.plan() if plan is None else plan, bench.source, tools=tools)


def change_image(
    bench: Bench,
    *,
    layer: int | None = None,
    change: Callable[[bytes], bytes] = lambda tar: tar,
    document: Callable[[dict], None] = lambda config: None,
    honest: bool = True,
) -> None:
    """Put a changed image under TARGET: one layer's tar stream, then the config; `honest` states its real diff ID."""
    images = bench.images
    manifest = parse_manifest(images.fetch_manifest(TARGET).body)
    config = json.loads(images.blobs[TARGET.name, manifest.config.digest])
    layers = list(manifest.layers)
    if layer is not None:
        tar = change(gzip.decompress(images.blobs[TARGET.name, layers[layer].digest]))
        blob = gzip.compress(tar, mtime=0)
        layers[layer] = make_descriptor(blob, media_type=layers[layer].media_type)
        images.blobs[TARGET.name, layers[layer].digest] = blob
        if honest:
            config["rootfs"]["diff_ids"][layer] = make_digest(tar)
    document(config)
    put_manifest(bench, config, layers)


def put_manifest(bench: Bench, config: dict, layers: list[Descriptor]) -> None:
    """Store config and manifest under TARGET."""
    body = json.dumps(config).encode()
    descriptor = make_descriptor(body, media_type=OCI_CONFIG)
    bench.images.blobs[TARGET.name, descriptor.digest] = body
    manifest = render_manifest(ImageManifest(config=descriptor, layers=tuple(layers)), annotations={})
    bench.images.ensure_manifest(TARGET, body=manifest, media_type=OCI_MANIFEST)
