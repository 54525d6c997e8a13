"""The check of a whole image: every digest, size and diff ID computed anew from the bytes, all mismatches listed."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, cast

from hublish.errors import ImageInvalid, clip
from hublish.oci.image import parse_spec
from hublish.oci.layers import STREAM_ERRORS, open_layer
from hublish.oci.manifest import Compression, Descriptor, ImageManifest, parse_manifest

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK_BYTES = 1 << 20


class _Measured(io.RawIOBase):
    """Passes a stream through and keeps its hash and length."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read on."""
        view = memoryview(buffer).cast("B")
        data = self._stream.read(len(view))
        view[: len(data)] = data
        self._hash.update(data)
        self.size_bytes += len(data)
        return len(data)

    @property
    def digest(self) -> str:
        """Of what was read so far."""
        return "sha256:" + self._hash.hexdigest()


def check_image(manifest_body: bytes, *, open_blob: Callable[[str], BinaryIO]) -> tuple[str, ...]:
    """Check an image against its manifest.

    Args:
        manifest_body: the manifest as stored.
        open_blob: opens a blob by its digest; may raise what it likes.

    Returns:
        One sentence for each mismatch, in the order config, layers; empty when all is right.

    Raises:
        ImageInvalid: the manifest itself cannot be read.
    """
    manifest = parse_manifest(manifest_body)
    with open_blob(manifest.config.digest) as stream:
        config_body = stream.read()
    mismatches = _compare_blob(
        "config", manifest.config, hashlib.sha256(config_body).hexdigest(), size_bytes=len(config_body)
    )
    try:
        diff_ids = parse_spec(config_body).diff_ids
    except ImageInvalid as exc:
        return (*mismatches, exc.message)
    if len(diff_ids) != len(manifest.layers):
        mismatches.append(f"config: expected {len(manifest.layers)} diff IDs, one for each layer, got {len(diff_ids)}")
    return (*mismatches, *_check_layers(manifest, diff_ids, open_blob))


def _check_layers(
    manifest: ImageManifest, diff_ids: tuple[str, ...], open_blob: Callable[[str], BinaryIO]
) -> list[str]:
    mismatches: list[str] = []
    for number, (layer, diff_id) in enumerate(zip(manifest.layers, diff_ids, strict=False)):
        what = f"layers[{number}]"
        with open_blob(layer.digest) as stream:
            blob = _Measured(stream)
            try:
                found = _hash_tar(cast("BinaryIO", blob), layer.compression)
            except STREAM_ERRORS as exc:
                mismatches.append(f"{what}: the blob cannot be unpacked ({clip(str(exc))})")
                continue
        mismatches += _compare_blob(what, layer, blob.digest.removeprefix("sha256:"), size_bytes=blob.size_bytes)
        if found != diff_id:
            mismatches.append(f"{what}: expected diff ID {clip(diff_id)}, the tar stream has {found}")
    return mismatches


def _hash_tar(blob: BinaryIO, compression: Compression) -> str:
    stream = open_layer(blob, compression)
    digest = hashlib.sha256()
    while data := stream.read(_CHUNK_BYTES):
        digest.update(data)
    return "sha256:" + digest.hexdigest()


def _compare_blob(what: str, descriptor: Descriptor, sha256: str, *, size_bytes: int) -> list[str]:
    mismatches: list[str] = []
    if descriptor.digest != f"sha256:{sha256}":
        mismatches.append(f"{what}: expected digest {descriptor.digest}, the bytes have sha256:{sha256}")
    if descriptor.size_bytes != size_bytes:
        mismatches.append(f"{what}: expected {descriptor.size_bytes} bytes, got {size_bytes}")
    return mismatches
