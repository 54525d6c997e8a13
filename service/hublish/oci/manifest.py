"""Manifests and indexes as bytes: read, made and rendered; no network, no disk.

A base may come as an OCI or a Docker manifest; what hublish writes is always OCI. Everything read here is foreign: a
shape that breaks the specification ends in ImageInvalid, never in a KeyError.

Source: OCI image-spec v1.1 (manifest.md, image-index.md, descriptor.md); Docker image manifest v2, schema 2.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hublish.errors import ImageInvalid, clip
from hublish.oci.document import list_objects, parse_document, render_document

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_LAYER_PLAIN = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_LAYER_PLAIN = "application/vnd.docker.image.rootfs.diff.tar"

INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFEST_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Compression(Enum):
    """How a layer's blob is stored."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


_LAYER_TYPES: Mapping[str, tuple[str, Compression]] = {
    OCI_LAYER_GZIP: (OCI_LAYER_GZIP, Compression.GZIP),
    OCI_LAYER_PLAIN: (OCI_LAYER_PLAIN, Compression.NONE),
    OCI_LAYER_ZSTD: (OCI_LAYER_ZSTD, Compression.ZSTD),
    DOCKER_LAYER_GZIP: (OCI_LAYER_GZIP, Compression.GZIP),
    DOCKER_LAYER_PLAIN: (OCI_LAYER_PLAIN, Compression.NONE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """A pointer to a blob: OCI media type, `sha256:` digest and size."""

    media_type: str
    digest: str
    size_bytes: int

    @property
    def compression(self) -> Compression:
        """How the blob is stored, by its media type (of a layer)."""
        return _LAYER_TYPES[self.media_type][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageManifest:
    """A manifest: its config and its layers, outermost last; Docker media types are read as their OCI equals."""

    config: Descriptor
    layers: tuple[Descriptor, ...]


def make_digest(body: bytes) -> str:
    """Make the `sha256:` digest of bytes."""
    return "sha256:" + hashlib.sha256(body).hexdigest()


def make_descriptor(body: bytes, *, media_type: str) -> Descriptor:
    """Make the descriptor of a blob that is at hand."""
    return Descriptor(media_type=media_type, digest=make_digest(body), size_bytes=len(body))


def parse_index(body: bytes, *, platform: str) -> str:
    """Find the manifest of one platform in an image index.

    Args:
        body: an OCI index or a Docker manifest list.
        platform: `os/architecture` or `os/architecture/variant`.

    Returns:
        The digest of the first manifest that fits.

    Raises:
        ImageInvalid: not an index, or none fits; the message lists the platforms there are.
    """
    document = parse_document(body, what="image index")
    offered: list[str] = []
    for number, entry in enumerate(list_objects(document, "manifests", what="image index")):
        facts = entry.get("platform")
        if not isinstance(facts, dict):
            continue
        name = "/".join(str(facts[key]) for key in ("os", "architecture", "variant") if facts.get(key))
        offered.append(name)
        if name == platform or name.startswith(platform + "/"):
            return _digest_of(entry, what=f"image index: manifests[{number}]")
    raise ImageInvalid(
        f"expected an image for {platform}, the index holds: {clip(', '.join(offered)) or 'none'}",
        hint="Name a base image that is made for this platform.",
    )


def parse_manifest(body: bytes) -> ImageManifest:
    """Parse an OCI or Docker image manifest.

    Raises:
        ImageInvalid: broken shape, or a layer of a type that is no tar (a foreign or an encrypted layer, an artifact).
    """
    document = parse_document(body, what="manifest")
    config = document.get("config")
    if not isinstance(config, dict):
        raise ImageInvalid("manifest: expected the key 'config', which holds a descriptor")
    layers = [
        _parse_layer(entry, number) for number, entry in enumerate(list_objects(document, "layers", what="manifest"))
    ]
    return ImageManifest(config=parse_descriptor(config, what="manifest: config"), layers=tuple(layers))


def render_manifest(manifest: ImageManifest, *, annotations: Mapping[str, str]) -> bytes:
    """Render an OCI manifest as canonical JSON."""
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": render_descriptor(manifest.config),
        "layers": [render_descriptor(layer) for layer in manifest.layers],
    }
    if annotations:
        document["annotations"] = dict(annotations)
    return render_document(document)


def render_descriptor(descriptor: Descriptor) -> dict[str, Any]:
    """Render a descriptor as plain JSON."""
    return {"mediaType": descriptor.media_type, "digest": descriptor.digest, "size": descriptor.size_bytes}


def _parse_layer(entry: dict[str, Any], number: int) -> Descriptor:
    what = f"manifest: layers[{number}]"
    descriptor = parse_descriptor(entry, what=what)
    known = _LAYER_TYPES.get(descriptor.media_type)
    if known is None:
        raise ImageInvalid(f"{what}: expected a tar layer, got media type {clip(descriptor.media_type)!r}")
    return Descriptor(media_type=known[0], digest=descriptor.digest, size_bytes=descriptor.size_bytes)


def parse_descriptor(entry: dict[str, Any], *, what: str) -> Descriptor:
    """Parse a descriptor; `what` names it in the error.

    Raises:
        ImageInvalid: no sha256 digest, or no size.
    """
    size_bytes = entry.get("size")
    if not isinstance(size_bytes, int) or isinstance(size_bytes, bool) or size_bytes < 0:
        raise ImageInvalid(f"{what}: expected a whole number of bytes under 'size'")
    return Descriptor(
        media_type=str(entry.get("mediaType", "")), digest=_digest_of(entry, what=what), size_bytes=size_bytes
    )


def _digest_of(entry: dict[str, Any], *, what: str) -> str:
    digest = entry.get("digest")
    if not isinstance(digest, str) or _DIGEST.fullmatch(digest) is None:
        raise ImageInvalid(f"{what}: expected a sha256 digest, got {clip(str(digest))!r}")
    return digest
