"""A base image opened for reading: the manifest of one platform, its config, its layers' tar streams."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from hublish.core.ports import ImageReader, Manifest
from hublish.core.reference import Reference
from hublish.errors import BaseUnsupported, BuildFailed, ImageInvalid, clip
from hublish.oci.image import ImageSpec, parse_spec
from hublish.oci.layers import open_layer
from hublish.oci.manifest import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    Descriptor,
    ImageManifest,
    make_digest,
    parse_index,
    parse_manifest,
)

_CONFIG_LIMIT_BYTES = 8 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseImage:
    """A base image on one platform.

    Attributes:
        reference: the repository, pinned to the platform's manifest.
        named_digest: what the tag or digest that was asked for led to: an index or the manifest itself.
        manifest: layers and config.
        spec: the config as a value.
        manifest_body: the manifest's bytes.
        config_body: the config's bytes.
    """

    reference: Reference
    named_digest: str
    manifest: ImageManifest
    spec: ImageSpec
    manifest_body: bytes
    config_body: bytes

    @property
    def size_bytes(self) -> int:
        """Compressed size of the layers."""
        return sum(layer.size_bytes for layer in self.manifest.layers)


def verify_size(base: BaseImage, *, named: Reference, limit_bytes: int) -> None:
    """Refuse a base that is larger than the image may be, by its manifest's word: no layer is fetched for it.

    Args:
        base: as its manifest has it.
        named: as people know it.
        limit_bytes: of the whole image.

    Raises:
        BuildFailed: it is larger.
    """
    if base.size_bytes > limit_bytes:
        raise BuildFailed(
            f"the base {named} has {base.size_bytes} bytes, more than the {limit_bytes} that the image may have",
            hint="Use a smaller base, or raise `limits.size` in the config file if the operator allows.",
        )


def fetch_named(images: ImageReader, reference: Reference) -> Manifest:
    """Fetch what a base's reference leads to: a manifest, or an index of several.

    Raises:
        BaseUnsupported: there is no such image.
    """
    named = images.fetch_manifest(reference)
    if named is None:
        raise BaseUnsupported(
            f"the base image {reference} does not exist",
            hint="Check `base` in the config file, or the operator's `bases`.",
        )
    return named


def read_base_image(
    images: ImageReader, reference: Reference, *, platform: str, named: Manifest | None = None
) -> BaseImage:
    """Read manifest and config of a base image.

    Args:
        images: where it lies.
        reference: of the base.
        platform: `os/architecture`.
        named: what the reference leads to, where that was fetched already.

    Raises:
        BaseUnsupported: there is no such image, or it is no image for `platform`.
        ImageInvalid: its bytes break the specification.
    """
    if named is None:
        named = fetch_named(images, reference)
    manifest, pinned = named, reference.with_digest(named.digest)
    if named.media_type in INDEX_TYPES:
        pinned = reference.with_digest(parse_index(named.body, platform=platform))
        fetched = images.fetch_manifest(pinned)
        if fetched is None:
            raise BaseUnsupported(f"the base image {reference} names {pinned.digest} for {platform}, which is missing")
        manifest = fetched
    if manifest.media_type not in MANIFEST_TYPES:
        raise BaseUnsupported(f"{reference}: expected an image, got media type {clip(manifest.media_type)!r}")
    parsed = parse_manifest(manifest.body)
    config_body = read_blob(images, pinned, parsed.config)
    spec = parse_spec(config_body)
    _verify_platform(spec, parsed, reference=reference, platform=platform)
    return BaseImage(
        reference=pinned,
        named_digest=named.digest,
        manifest=parsed,
        spec=spec,
        manifest_body=manifest.body,
        config_body=config_body,
    )


def _verify_platform(spec: ImageSpec, manifest: ImageManifest, *, reference: Reference, platform: str) -> None:
    found = f"{spec.os}/{spec.architecture}"
    if not (platform + "/").startswith(found + "/"):
        raise BaseUnsupported(
            f"{reference}: expected an image for {platform}, got one for {clip(found)}",
            hint="Name a base image that is made for this platform.",
        )
    if len(spec.diff_ids) != len(manifest.layers):
        raise ImageInvalid(f"{reference}: {len(manifest.layers)} layers, but {len(spec.diff_ids)} diff IDs")


def read_blob(images: ImageReader, reference: Reference, descriptor: Descriptor) -> bytes:
    """Read a small blob (a config) whole.

    Raises:
        ImageInvalid: it is larger than 8 MiB, or not what its descriptor says.
    """
    with images.open_blob(reference, descriptor.digest) as stream:
        body = stream.read(_CONFIG_LIMIT_BYTES + 1)
    if len(body) > _CONFIG_LIMIT_BYTES or make_digest(body) != descriptor.digest:
        raise ImageInvalid(f"{reference}: the config's bytes do not match {descriptor.digest}")
    return body


@contextmanager
def open_base_layer(images: ImageReader, base: BaseImage, layer: Descriptor) -> Iterator[BinaryIO]:
    """Open the tar stream of one of the base's layers."""
    with images.open_blob(base.reference, layer.digest) as blob:
        yield open_layer(blob, layer.compression)
