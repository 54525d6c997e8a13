"""What is kept of a base between builds: its facts, its manifest, its config, by the digest it is pinned to.

A base that is known by its digest needs no request at all; one that is named by a tag needs the one that resolves it.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

from hublish.builders.baseimage.facts import FACTS_FORMAT, BaseFacts, parse_base_facts, render_base_facts
from hublish.builders.baseimage.image import BaseImage, fetch_named, read_base_image, verify_size
from hublish.builders.disk import name_disk_errors
from hublish.builders.keys import make_key
from hublish.builders.layerindex.contents import unpack_bounded
from hublish.builders.layerindex.index import LayerIndex
from hublish.core.ports import ImageReader
from hublish.core.reference import Reference
from hublish.errors import HublishError
from hublish.oci.image import parse_spec
from hublish.oci.manifest import make_digest, parse_manifest

RECORD_LIMIT_BYTES = 64 << 20
_RECORD_FORMAT = 1
# JSON may come in other encodings than UTF-8; the digest is over the very bytes.
_ANY_BYTES = "surrogateescape"


def load_base(
    images: ImageReader,
    reference: Reference,
    *,
    platform: str,
    layers: LayerIndex,
    limit_bytes: int | None = None,
) -> tuple[BaseImage, BaseFacts]:
    """Resolve a base and get its facts, from what is kept where it is known.

    Args:
        images: where the base lies.
        reference: of the base; pinned to a digest or not.
        platform: `os/architecture`.
        layers: what earlier builds found out.
        limit_bytes: what an image on it may have; None leaves that to others.

    Raises:
        BaseUnsupported, ImageInvalid: the base cannot be used.
        BuildFailed: it is larger than the image may be; none of its layers was asked for.
        RegistryFailed: the base cannot be read.
        DiskFull, BuildFailed: what is kept cannot be written.
    """
    named = fetch_named(images, reference) if reference.digest is None else None
    digest = reference.digest if named is None else named.digest
    key = make_key(["base", _RECORD_FORMAT, FACTS_FORMAT, digest, platform])
    body = layers.read_base(key)
    kept = None if body is None else _parse_record(body, reference, named_digest=digest or "")
    base = read_base_image(images, reference, platform=platform, named=named) if kept is None else kept[0]
    if limit_bytes is not None:
        verify_size(base, named=reference, limit_bytes=limit_bytes)
    if kept is not None:
        return kept
    # Here, because a base that is known needs nobody who reads its files.
    from hublish.builders.baseimage.python import make_base_facts  # noqa: PLC0415  # start-up time

    facts = make_base_facts(base, images)
    with name_disk_errors("the facts of the base"):
        layers.store_base(key, _render_record(base, facts))
    return base, facts


def _render_record(base: BaseImage, facts: BaseFacts) -> bytes:
    document = {
        "format": _RECORD_FORMAT,
        "named": base.named_digest,
        "manifest": base.manifest_body.decode(errors=_ANY_BYTES),
        "config": base.config_body.decode(errors=_ANY_BYTES),
        "facts": render_base_facts(facts),
    }
    return gzip.compress(json.dumps(document, sort_keys=True, separators=(",", ":")).encode(), compresslevel=6, mtime=0)


def _parse_record(body: bytes, reference: Reference, *, named_digest: str) -> tuple[BaseImage, BaseFacts] | None:
    """Parse what `_render_record` made; None when it is damaged or of another base, so that the base is read anew."""
    try:
        document = json.loads(unpack_bounded(body, limit_bytes=RECORD_LIMIT_BYTES))
        manifest_body, config_body = (document[name].encode(errors=_ANY_BYTES) for name in ("manifest", "config"))
        facts, manifest = parse_base_facts(document["facts"]), parse_manifest(manifest_body)
        if (document["format"], document["named"]) != (_RECORD_FORMAT, named_digest) or facts is None:
            return None
        if make_digest(config_body) != manifest.config.digest:
            return None
        base = BaseImage(
            reference=replace(reference, tag=None, digest=make_digest(manifest_body)),
            named_digest=named_digest,
            manifest=manifest,
            spec=parse_spec(config_body),
            manifest_body=manifest_body,
            config_body=config_body,
        )
    except (HublishError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return base, facts
