"""A raw deflate stream of an archive, inflated under distrust: it is exactly what its archive says, or it is refused.

What passes here may be copied into a gzip file as it is (`gzip_members`), so "exactly" is meant by the byte: the stream
ends at its last byte, with nothing behind it and no second stream; length and checksum are the stated ones. Never more
than the stated length is unpacked, in pieces of bounded size.

Inflating is unambiguous, so it does not matter that ISA-L takes other instructions on other CPUs.

Source: RFC 1951 (deflate).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from isal import igzip_lib, isal_zlib

from hublish.errors import ImageInvalid, clip

PIECE_BYTES = 1 << 20
_RAW_WINDOW_BITS = -15
# The stubs of isal call the class an instance.
_STREAM_BROKEN = cast("type[Exception]", igzip_lib.IsalError)


def inflate_exactly(
    chunks: Iterable[bytes], *, size_bytes: int, crc32: int, whole: bool = False
) -> Iterator[tuple[bytes, bytes]]:
    """Inflate a stream.

    Args:
        chunks: the stream.
        size_bytes: its length unpacked, as the archive states it.
        crc32: the checksum of what it unpacks to, as the archive states it.
        whole: True unpacks each chunk in one piece, for files that are small enough.

    Yields:
        (bytes of the stream, what is unpacked); either may be empty. Nothing may be used before the last one has come.

    Raises:
        ImageInvalid: no deflate stream, one that ends early or late, another length or checksum.
    """
    inflater = isal_zlib.decompressobj(_RAW_WINDOW_BITS)
    unpacked_bytes, checksum = 0, 0
    for chunk in chunks:
        if inflater.eof:
            raise ImageInvalid("expected the end of the deflate stream, got more bytes")
        rest, taken = chunk, chunk
        while True:
            # One byte more than is left, so that a longer stream shows; zero would mean "no limit".
            limit = size_bytes - unpacked_bytes + 1
            limit = limit if whole else min(limit, PIECE_BYTES)
            plain = _inflate(inflater, rest, limit=limit)
            unpacked_bytes += len(plain)
            if unpacked_bytes > size_bytes:
                raise ImageInvalid(f"expected {size_bytes} bytes unpacked, got more")
            checksum = isal_zlib.crc32(plain, checksum)
            yield taken, plain
            rest, taken = inflater.unconsumed_tail, b""
            if not rest and len(plain) < limit:
                break
    _verify_end(inflater, unpacked_bytes=unpacked_bytes, size_bytes=size_bytes, checksum=checksum, crc32=crc32)


def _inflate(inflater: isal_zlib.Decompress, data: bytes, *, limit: int) -> bytes:
    try:
        return inflater.decompress(data, limit)
    except _STREAM_BROKEN as exc:
        raise ImageInvalid(f"the deflate stream is broken ({clip(str(exc))})") from exc


def _verify_end(
    inflater: isal_zlib.Decompress, *, unpacked_bytes: int, size_bytes: int, checksum: int, crc32: int
) -> None:
    if not inflater.eof:
        raise ImageInvalid(f"the deflate stream ends early, after {unpacked_bytes} of {size_bytes} bytes")
    if inflater.unused_data:
        raise ImageInvalid("expected the end of the deflate stream, got more bytes")
    if unpacked_bytes != size_bytes:
        raise ImageInvalid(f"expected {size_bytes} bytes unpacked, got {unpacked_bytes}")
    if checksum != crc32:
        raise ImageInvalid(f"expected the checksum {crc32:08x}, got {checksum:08x}")
