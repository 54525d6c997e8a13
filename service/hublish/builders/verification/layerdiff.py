"""Two layers side by side: paths that only one of them has, and paths that differ.

Either layer can be anybody's: the walk is bounded, nothing is unpacked to disk, and names are clipped where they are shown.

Source: OCI image-spec v1.1, layer.md; POSIX.1-2001 pax.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from posixpath import normpath
from typing import BinaryIO, cast

from hublish.errors import ImageInvalid, clip
from hublish.oci.layers import STREAM_ERRORS, open_layer
from hublish.oci.manifest import Compression
from hublish.oci.tar_header import FIXED_MTIME_SECONDS
from hublish.oci.tar_reader import TarEntries

ENTRY_LIMIT = 1_000_000
STREAM_LIMIT_BYTES = 32 << 30
NAMES_LIMIT_BYTES = 256 << 20
_CHUNK_BYTES = 1 << 20
# Records of extended headers that only spell a field of the entry itself.
_PLAIN_RECORDS = frozenset({"path", "linkpath", "size", "uid", "gid", "mtime"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PathDifference:
    """One path of two layers, absolute and clipped.

    Attributes:
        path: where.
        image: what the image has there, e.g. "file 0664 0:0 12 bytes sha256:..."; None when it has nothing.
        rebuilt: what the rebuilt layer has there; None when it has nothing.
    """

    path: str
    image: str | None
    rebuilt: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerEntries:
    """A layer as it was read: its diff ID, and what lies at each path."""

    diff_id: str
    entries: Mapping[str, str]


def read_diff_id(blob: BinaryIO, compression: Compression, *, what: str) -> str:
    """Compute the diff ID of a layer from its blob.

    Args:
        blob: as stored.
        compression: how it is stored.
        what: names the layer in errors.

    Raises:
        ImageInvalid: it cannot be unpacked, or is larger than 32 GiB.
    """
    stream = _Measured(_open(blob, compression, what=what), what=what)
    _drain(stream, what=what)
    return stream.diff_id


def read_layer_entries(blob: BinaryIO, compression: Compression, *, what: str) -> LayerEntries:
    """Read what lies at each path of a layer.

    Raises:
        ImageInvalid: it is no tar stream, or beyond the bounds of this module.
    """
    stream = _Measured(_open(blob, compression, what=what), what=what)
    archive = TarEntries(cast("BinaryIO", stream), what=f"{what}: the layer")
    entries: dict[str, str] = {}
    names_bytes = 0
    for count, member in enumerate(archive, start=1):
        names_bytes += len(member.name) + len(member.linkname)
        if count > ENTRY_LIMIT or names_bytes > NAMES_LIMIT_BYTES:
            raise ImageInvalid(f"{what}: the layer has more than {ENTRY_LIMIT} entries, or very long names")
        entries[normpath("/" + member.name.lstrip("/"))] = _describe(archive, member)
    _drain(stream, what=what)
    return LayerEntries(diff_id=stream.diff_id, entries=entries)


def compare_entries(image: Mapping[str, str], rebuilt: Mapping[str, str]) -> tuple[PathDifference, ...]:
    """List the paths that are not the same in both, sorted."""
    paths = sorted(path for path in image.keys() | rebuilt.keys() if image.get(path) != rebuilt.get(path))
    return tuple(PathDifference(path=clip(path), image=image.get(path), rebuilt=rebuilt.get(path)) for path in paths)


class _Measured:
    """Passes a tar stream through, keeps its hash, and ends it when it is larger than a layer ever should be."""

    def __init__(self, stream: BinaryIO, *, what: str) -> None:
        self._stream = stream
        self._what = what
        self._hash = hashlib.sha256()
        self._left_bytes = STREAM_LIMIT_BYTES

    @property
    def diff_id(self) -> str:
        return "sha256:" + self._hash.hexdigest()

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self._hash.update(data)
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            raise ImageInvalid(f"{self._what}: the layer unpacks to more than {STREAM_LIMIT_BYTES} bytes")
        return data


def _open(blob: BinaryIO, compression: Compression, *, what: str) -> BinaryIO:
    try:
        return open_layer(blob, compression)
    except STREAM_ERRORS as exc:
        raise ImageInvalid(f"{what}: the layer cannot be unpacked ({clip(str(exc))})") from exc


def _drain(stream: _Measured, *, what: str) -> None:
    """Read to the end, where the blob's own digest is verified."""
    try:
        while stream.read(_CHUNK_BYTES):
            pass
    except STREAM_ERRORS as exc:
        raise ImageInvalid(f"{what}: the layer cannot be unpacked ({clip(str(exc))})") from exc


def _describe(archive: TarEntries, member: tarfile.TarInfo) -> str:
    """Everything of an entry that an unpacker takes over, in one line."""
    text = f"{_kind(member)} {member.mode & 0o7777:04o} {member.uid}:{member.gid}"
    if member.isreg():
        text += f" {member.size} bytes sha256:{_hash_content(archive, member)}"
    elif member.issym() or member.islnk():
        text += f" to {clip(member.linkname)}"
    if member.mtime != FIXED_MTIME_SECONDS:
        text += f", time {member.mtime:.0f}"
    extra = sorted(member.pax_headers.keys() - _PLAIN_RECORDS)
    return f"{text}, with {clip(', '.join(extra))}" if extra else text


def _kind(member: tarfile.TarInfo) -> str:
    if member.isdir():
        return "folder"
    if member.issym():
        return "link"
    if member.islnk():
        return "hard link"
    return "file" if member.isreg() else "device"


def _hash_content(archive: TarEntries, member: tarfile.TarInfo) -> str:
    digest = hashlib.sha256()
    for piece in archive.read(member):
        digest.update(piece)
    return digest.hexdigest()
