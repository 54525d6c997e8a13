"""The tiny base as an OCI layout on disk, for tests that build without a registry."""

from __future__ import annotations

import io
from pathlib import Path

from hublish.adapters.layout import OCILayout
from hublish.core.reference import Reference
from hublish.oci.manifest import parse_manifest
from tests.fakes import TINY_BASE, FakeImages, make_tar

ANYWHERE = Reference(registry="registry.example.org", repository="base")


def write_base_layout(folder: Path) -> Path:
    """Write a layout that holds the tiny base and nothing else; returns `folder`."""
    images = FakeImages()
    digest = images.add_image(ANYWHERE.with_tag("3.11"), [make_tar(TINY_BASE)])
    manifest = images.fetch_manifest(ANYWHERE.with_digest(digest))
    assert manifest is not None
    writer = OCILayout(folder)
    parsed = parse_manifest(manifest.body)
    for descriptor in (parsed.config, *parsed.layers):
        body = images.blobs[ANYWHERE.name, descriptor.digest]
        writer.ensure_blob(
            ANYWHERE, digest=descriptor.digest, size_bytes=len(body), open_body=lambda body=body: io.BytesIO(body)
        )
    writer.ensure_manifest(ANYWHERE.with_tag("latest"), body=manifest.body, media_type=manifest.media_type)
    return folder
