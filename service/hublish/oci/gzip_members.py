"""A gzip file of many members: deflate streams of others go in as they are, what lies between is compressed here.

Every reader of gzip takes members one after the other as one stream. So the files of a wheel, which lie in it as deflate
streams already, need only be inflated for their hashes, never compressed again; that was nine tenths of the work.

What is compressed here is compressed by libdeflate, pinned by its exact version in pyproject.toml, because the bytes of a
compressor are part of a layer's digest. libdeflate chooses faster instructions by CPU for checksums and copies only,
never for what it finds, so its bytes do not depend on the CPU (ISA-L's do). Across architectures its search is the same
code over the same integers, so equal bytes are expected there; they were measured on x86-64 only. The diff ID, the digest
of the unpacked stream, holds everywhere.

Source: RFC 1952 (gzip), section 2.2: "A gzip file consists of a series of members".
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

import deflate
from isal import isal_zlib

COMPRESSOR = f"libdeflate by deflate {deflate.__version__}, level 6"
# From here on the 18 bytes around a member of its own weigh less than compressing again.
SPLICE_FROM_BYTES = 2048
MEMBER_BYTES = 1 << 20
_LEVEL = 6
# Deflate, no flags, no time, no hint of level and system: what libdeflate writes too.
_HEADER = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
_TRAILER = struct.Struct("<II")
_LENGTH_MASK = 0xFFFF_FFFF


class GzipMembers:
    """Writes a gzip file; where one member ends depends on the bytes alone, never on how they were handed in.

    Args:
        put: takes the bytes of the file, in order.
    """

    def __init__(self, put: Callable[[bytes], None]) -> None:
        self._put = put
        self._pending = bytearray()
        self._members = 0

    def write(self, data: bytes) -> None:
        """Take in bytes to be compressed."""
        self._pending += data
        while len(self._pending) >= MEMBER_BYTES:
            self._compress(bytes(self._pending[:MEMBER_BYTES]))
            del self._pending[:MEMBER_BYTES]

    def splice(self, pieces: Iterable[tuple[bytes, bytes]]) -> None:
        """Take in a whole deflate stream as a member of its own.

        Args:
            pieces: (bytes of the stream, what they unpack to), verified as `inflate_exactly` does.
        """
        self._end_member()
        self._put(_HEADER)
        checksum, unpacked_bytes = 0, 0
        for deflated, plain in pieces:
            self._put(deflated)
            checksum = isal_zlib.crc32(plain, checksum)
            unpacked_bytes += len(plain)
        self._put(_TRAILER.pack(checksum, unpacked_bytes & _LENGTH_MASK))
        self._members += 1

    def finish(self) -> None:
        """End the file; an empty one has one empty member."""
        self._end_member()
        if not self._members:
            self._compress(b"")

    def _end_member(self) -> None:
        if self._pending:
            self._compress(bytes(self._pending))
            self._pending.clear()

    def _compress(self, data: bytes) -> None:
        self._put(bytes(deflate.gzip_compress(data, _LEVEL)))
        self._members += 1
