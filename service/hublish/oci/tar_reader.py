"""The entries of anybody's tar stream, one after the other, in bounded memory; nothing is unpacked to disk.

`tarfile` reads an extended header of any length as a whole, a list of holes too, and takes a broken header for the end.
A layer of some kilobytes can unpack to gigabytes of either. So tarfile gets its bytes through a stream that goes forward
only and gives out no more than headers need, and a broken header ends in an error.

Source: POSIX.1-2001 pax; GNU tar manual, "Storing Sparse Files".
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import BinaryIO, Self, cast

from hublish.errors import ImageInvalid, clip
from hublish.oci.layers import STREAM_ERRORS

HEADER_LIMIT_BYTES = 1 << 20
"""Of one entry, extended headers included: far more than the longest path and all extended attributes take."""
_CHUNK_BYTES = 1 << 20
# RecursionError: tarfile reads a chain of extended headers by calling itself. ValueError: a number that is none.
_BROKEN: tuple[type[Exception], ...] = (tarfile.TarError, ValueError, RecursionError, *STREAM_ERRORS)
# The two ways an archive ends well, by its end mark or without one; typeshed leaves them out, tarfile catches them by name.
_ENDS: tuple[type[Exception], ...] = (tarfile.EOFHeaderError, tarfile.EmptyHeaderError)  # type: ignore[attr-defined] # as said


class StrictTarInfo(tarfile.TarInfo):
    """An entry whose broken header is an error; tarfile would take it for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Parse a header block. Raises ReadError for a broken one."""
        try:
            return super().frombuf(buf, encoding, errors)
        except _ENDS:
            raise
        except tarfile.HeaderError as exc:
            raise tarfile.ReadError(str(exc)) from exc


class TarEntries:
    """The entries of a tar stream, in order. To be iterated once.

    Args:
        stream: unpacked; read up to the end mark of the archive, not beyond.
        what: names the stream in errors, e.g. "layer 3".
    """

    def __init__(self, stream: BinaryIO, *, what: str) -> None:
        self._stream = _ForwardStream(stream, what=what)
        self._what = what

    def __iter__(self) -> Iterator[tarfile.TarInfo]:
        """Yield the entries.

        Raises:
            ImageInvalid: the stream is no tar archive, or a header is longer than 1 MiB.
        """
        archive: tarfile.TarFile | None = None
        while True:
            self._stream.allowed_bytes = HEADER_LIMIT_BYTES
            try:
                if archive is None:
                    archive = tarfile.open(  # noqa: SIM115 -- it holds nothing but the stream, which is the caller's
                        fileobj=cast("BinaryIO", self._stream), mode="r:", tarinfo=StrictTarInfo
                    )
                member = archive.next()
            except _BROKEN as exc:
                raise ImageInvalid(f"{self._what} is no tar stream ({clip(str(exc))})") from exc
            if member is None:
                return
            # An archive keeps every header it has seen unless told otherwise.
            archive.members = []  # type: ignore[attr-defined] # typeshed leaves the attribute out
            yield member

    def read(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        """Yield the content of the file that was yielded last, in pieces.

        Raises:
            ImageInvalid: the stream breaks off, or the file is stored with holes, which may claim any size.
        """
        if member.issparse():
            raise ImageInvalid(f"{self._what}: {clip(member.name)} is stored with holes, which no image needs")
        left_bytes = member.size
        while left_bytes:
            self._stream.allowed_bytes = _CHUNK_BYTES
            try:
                piece = self._stream.read(min(left_bytes, _CHUNK_BYTES))
            except STREAM_ERRORS as exc:
                raise ImageInvalid(f"{self._what} is no tar stream ({clip(str(exc))})") from exc
            if not piece:
                raise ImageInvalid(f"{self._what} is no tar stream (it breaks off in {clip(member.name)})")
            left_bytes -= len(piece)
            yield piece


class _ForwardStream:
    """What tarfile needs of a file: it goes forward only, and gives out no more than is allowed."""

    def __init__(self, stream: BinaryIO, *, what: str) -> None:
        self._stream = stream
        self._what = what
        self._position = 0
        self.allowed_bytes = 0

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        if position < self._position:
            raise ImageInvalid(f"{self._what}: an entry claims a negative size")
        while self._position < position:
            piece = self._stream.read(min(position - self._position, _CHUNK_BYTES))
            if not piece:
                return
            self._position += len(piece)

    def read(self, size: int) -> bytes:
        if size > self.allowed_bytes:
            raise ImageInvalid(f"{self._what}: the header of an entry is longer than {HEADER_LIMIT_BYTES} bytes")
        self.allowed_bytes -= size
        data = self._stream.read(size)
        self._position += len(data)
        return data
