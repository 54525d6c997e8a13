"""One layer: a tar stream whose bytes depend on its entries alone, compressed, with both of its digests.

Nothing of the machine gets in: times are one constant, owners and modes come from the caller, extended (pax) headers
appear only where a name does not fit. The caller decides the order of entries; equal calls give equal bytes. How the
stream is compressed is `gzip_members`' matter.

Source: OCI image-spec v1.1, layer.md (tar, whiteouts).
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from posixpath import dirname
from typing import BinaryIO, cast

from isal import igzip_lib

from hublish.errors import ImageInvalid, clip
from hublish.oci.gzip_members import GzipMembers
from hublish.oci.manifest import Compression
from hublish.oci.tar_header import render_tar_header
from hublish.oci.zstd_stream import STREAM_BROKEN, open_zstd

WHITEOUT_PREFIX = ".wh."
# What reading a layer raises where its blob cannot be unpacked.
STREAM_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    EOFError,
    cast("type[Exception]", igzip_lib.IsalError),
    OverflowError,  # ISA-L's, for a gzip header of more than 512 KiB
    STREAM_BROKEN,
)
_BLOCK_BYTES = 512
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Numeric owner of an entry; names are never written, because they mean nothing outside the image."""

    user_id: int
    group_id: int


ROOT = Owner(user_id=0, group_id=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerBlob:
    """A finished layer.

    Attributes:
        diff_id: `sha256:` of the tar stream before compression.
        digest: `sha256:` of the blob as stored.
        size_bytes: length of the blob.
        unpacked_bytes: length of the tar stream.
    """

    diff_id: str
    digest: str
    size_bytes: int
    unpacked_bytes: int


class LayerWriter:
    """Writes one layer into `sink`. Parent folders are the caller's to add; a path may be added once.

    Args:
        sink: where the blob goes; not closed here.
    """

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._compressed = GzipMembers(self._put)
        self._stream_hash = hashlib.sha256()
        self._blob_hash = hashlib.sha256()
        self._unpacked_bytes = 0
        self._size_bytes = 0
        self._paths: set[str] = set()

    def __contains__(self, path: str) -> bool:
        return path in self._paths

    def add_directory(self, path: str, *, mode: int, owner: Owner = ROOT) -> None:
        """Add a folder by its absolute path."""
        self._write_header(path, kind=tarfile.DIRTYPE, mode=mode, owner=owner)

    def add_file(
        self, path: str, chunks: Iterable[bytes], *, size_bytes: int, mode: int = 0o644, owner: Owner = ROOT
    ) -> None:
        """Add a file by its absolute path.

        Raises:
            ImageInvalid: `chunks` hold more or fewer bytes than `size_bytes`, which the header has stated already.
        """
        self._write_header(path, kind=tarfile.REGTYPE, mode=mode, owner=owner, size_bytes=size_bytes)
        written_bytes = 0
        for chunk in chunks:
            written_bytes += len(chunk)
            if written_bytes > size_bytes:
                break
            self._write(chunk)
        if written_bytes != size_bytes:
            raise ImageInvalid(f"{clip(path)}: expected {size_bytes} bytes, the file held {written_bytes} or more")
        self._write(bytes(-size_bytes % _BLOCK_BYTES))

    def add_deflated_file(
        self,
        path: str,
        pieces: Iterable[tuple[bytes, bytes]],
        *,
        size_bytes: int,
        mode: int = 0o644,
        owner: Owner = ROOT,
    ) -> None:
        """Add a file that is deflated already; its stream goes into the blob as it is.

        Args:
            path: absolute.
            pieces: (bytes of the deflate stream, what they unpack to), verified as `inflate_exactly` does.
            size_bytes: of the file, unpacked.
            mode: permission bits.
            owner: whose it is.

        Raises:
            ImageInvalid: the pieces unpack to more or fewer bytes than `size_bytes`.
        """
        self._write_header(path, kind=tarfile.REGTYPE, mode=mode, owner=owner, size_bytes=size_bytes)
        start_bytes = self._unpacked_bytes
        self._compressed.splice(self._watch(pieces))
        if self._unpacked_bytes - start_bytes != size_bytes:
            raise ImageInvalid(
                f"{clip(path)}: expected {size_bytes} bytes, the file held {self._unpacked_bytes - start_bytes}"
            )
        self._write(bytes(-size_bytes % _BLOCK_BYTES))

    def add_symlink(self, path: str, target: str, *, owner: Owner = ROOT) -> None:
        """Add a symbolic link; `target` is written as it is."""
        self._write_header(path, kind=tarfile.SYMTYPE, mode=0o777, owner=owner, target=target)

    def add_whiteout(self, path: str) -> None:
        """Hide a file or a whole folder of the layers below."""
        folder, _, name = path.rpartition("/")
        hidden = f"{folder}/{WHITEOUT_PREFIX}{name}"
        self._claim(hidden)
        self._write(render_tar_header(hidden, kind=tarfile.REGTYPE, mode=0o644, user_id=0, group_id=0))

    def finish(self) -> LayerBlob:
        """End the stream. The writer must not be used after it."""
        self._write(bytes(2 * _BLOCK_BYTES))
        self._compressed.finish()
        return LayerBlob(
            diff_id="sha256:" + self._stream_hash.hexdigest(),
            digest="sha256:" + self._blob_hash.hexdigest(),
            size_bytes=self._size_bytes,
            unpacked_bytes=self._unpacked_bytes,
        )

    def _write_header(
        self, path: str, *, kind: bytes, mode: int, owner: Owner, size_bytes: int = 0, target: str = ""
    ) -> None:
        if path.rpartition("/")[2].startswith(WHITEOUT_PREFIX):
            # Whoever unpacks the layer would remove what lies below instead.
            raise ImageInvalid(f"{clip(path)}: a name that begins with {WHITEOUT_PREFIX} cannot stand in a layer")
        self._claim(path)
        self._write(
            render_tar_header(
                path,
                kind=kind,
                mode=mode,
                user_id=owner.user_id,
                group_id=owner.group_id,
                size_bytes=size_bytes,
                target=target,
            )
        )

    def _claim(self, path: str) -> None:
        parts = path.split("/")
        if not path.startswith("/") or "\0" in path or {"", ".", ".."} & set(parts[1:]):
            raise ImageInvalid(f"expected an absolute path without empty parts, '.' and '..', got {clip(path)!r}")
        if path in self._paths:
            raise ImageInvalid(f"{clip(path)} was added to one layer twice")
        self._paths.add(path)

    def _write(self, data: bytes) -> None:
        self._stream_hash.update(data)
        self._unpacked_bytes += len(data)
        self._compressed.write(data)

    def _watch(self, pieces: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        for deflated, plain in pieces:
            self._stream_hash.update(plain)
            self._unpacked_bytes += len(plain)
            yield deflated, plain

    def _put(self, data: bytes) -> None:
        self._blob_hash.update(data)
        self._size_bytes += len(data)
        self._sink.write(data)


def open_layer(blob: BinaryIO, compression: Compression) -> BinaryIO:
    """Open the tar stream of a layer's blob; reading it raises one of `STREAM_ERRORS` where the blob is broken."""
    if compression is Compression.ZSTD:
        return open_zstd(blob)
    if compression is Compression.NONE:
        return blob
    # ISA-L's reader takes a third of the time of Python's own. Here, because few builds read a layer of others.
    from isal import igzip  # noqa: PLC0415  # start-up time

    unpacked = igzip.open(blob)  # type: ignore[no-untyped-call]  # isal's stubs leave it out
    return cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", unpacked), _READ_BYTES))


def list_parents(path: str) -> tuple[str, ...]:
    """List the folders above an absolute path, outermost first, without `/`."""
    parents: list[str] = []
    folder = dirname(path)
    while folder not in {"/", ""}:
        parents.append(folder)
        folder = dirname(folder)
    return tuple(reversed(parents))
