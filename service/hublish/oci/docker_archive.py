"""The archive that `docker load` reads, as a list of its members; who writes them puts the blobs' bytes in between.

One archive in two shapes at once, as Docker's own `save` makes it: `manifest.json` for every Docker Engine, and an OCI
layout (`index.json`, `blobs/`) for those that keep the manifest's digest. Layers lie in it as they are, compressed.
Equal images under equal names give equal bytes.

Source: OCI image-spec v1.1, image-layout.md; Docker image specification v1.2, "Combined Image JSON + Filesystem
Changeset Format".
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from typing import Any

from hublish.core.reference import Reference
from hublish.oci.document import render_document
from hublish.oci.manifest import OCI_INDEX, OCI_MANIFEST, Descriptor, make_descriptor, parse_manifest, render_descriptor
from hublish.oci.tar_header import render_tar_header

_BLOCK_BYTES = 512
_FILE_MODE = 0o644
_LAYOUT = {"imageLayoutVersion": "1.0.0"}
ARCHIVE_END = bytes(2 * _BLOCK_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveMember:
    """One file of the archive.

    Attributes:
        header: what stands before its bytes.
        body: its bytes; None for a blob, whose bytes the writer has.
        blob: the blob; None when `body` is given.
        padding: what stands after its bytes.
    """

    header: bytes
    body: bytes | None
    blob: Descriptor | None
    padding: bytes


def list_members(manifest_body: bytes, *, reference: Reference) -> tuple[ArchiveMember, ...]:
    """List the members of an image's archive, in order; `ARCHIVE_END` follows the last.

    Args:
        manifest_body: an OCI manifest.
        reference: name and tag that the image gets where it is loaded.

    Raises:
        ImageInvalid: the manifest cannot be read.
    """
    manifest = parse_manifest(manifest_body)
    described = make_descriptor(manifest_body, media_type=OCI_MANIFEST)
    docker = [
        {
            "Config": _blob_path(manifest.config),
            "RepoTags": [str(reference)],
            "Layers": [_blob_path(layer) for layer in manifest.layers],
        }
    ]
    # Two layers may be the same blob; a path stands in the archive once.
    blobs = {blob.digest: blob for blob in (manifest.config, *manifest.layers)}
    return (
        _make_member("oci-layout", render_document(_LAYOUT)),
        _make_member("index.json", render_document(_make_index(described, reference))),
        _make_member("manifest.json", render_document(docker)),
        _make_member(_blob_path(described), manifest_body),
        *(
            ArchiveMember(
                header=_render_header(_blob_path(blob), blob.size_bytes),
                body=None,
                blob=blob,
                padding=bytes(-blob.size_bytes % _BLOCK_BYTES),
            )
            for blob in blobs.values()
        ),
    )


def _make_index(described: Descriptor, reference: Reference) -> dict[str, Any]:
    names = {
        "io.containerd.image.name": str(reference),
        "org.opencontainers.image.ref.name": reference.tag or "latest",
    }
    return {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [{**render_descriptor(described), "annotations": names}],
    }


def _make_member(path: str, body: bytes) -> ArchiveMember:
    return ArchiveMember(
        header=_render_header(path, len(body)), body=body, blob=None, padding=bytes(-len(body) % _BLOCK_BYTES)
    )


def _render_header(path: str, size_bytes: int) -> bytes:
    return render_tar_header(
        f"/{path}", kind=tarfile.REGTYPE, mode=_FILE_MODE, user_id=0, group_id=0, size_bytes=size_bytes
    )


def _blob_path(blob: Descriptor) -> str:
    return f"blobs/sha256/{blob.digest.removeprefix('sha256:')}"
