"""A deflate stream is exactly what its archive says, or it is refused."""

from __future__ import annotations

import os
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hublish.errors import ImageInvalid
from hublish.oci.deflate_stream import PIECE_BYTES, inflate_exactly

BODY = b"notebook " * 1000


def deflate(body: bytes, level: int = 6) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return packer.compress(body) + packer.flush()


def inflate(*chunks: bytes, body: bytes = BODY, whole: bool = False, **stated: int) -> tuple[bytes, bytes]:
    expected = {"size_bytes": len(body), "crc32": zlib.crc32(body), **stated}
    pieces = list(inflate_exactly(chunks, whole=whole, **expected))
    return b"".join(piece[0] for piece in pieces), b"".join(piece[1] for piece in pieces)


@pytest.mark.parametrize("whole", [True, False])
def test_stream_comes_back_with_what_it_unpacks_to(whole):
    """The stream is handed on byte by byte as it was."""
    stream = deflate(BODY)

    assert inflate(stream, whole=whole) == (stream, BODY)
    assert inflate(stream[:20], stream[20:], whole=whole) == (stream, BODY)


def test_empty_file_is_a_stream_too():
    """No bytes unpacked still takes a stream with an end."""
    assert inflate(deflate(b""), body=b"") == (deflate(b""), b"")
    with pytest.raises(ImageInvalid, match="ends early"):
        inflate(body=b"")


def test_pieces_are_of_bounded_size():
    """A small chunk that unpacks to much is handed out bit by bit."""
    body = bytes(5 * PIECE_BYTES + 7)

    pieces = list(inflate_exactly((deflate(body),), size_bytes=len(body), crc32=zlib.crc32(body)))

    assert max(len(plain) for _, plain in pieces) == PIECE_BYTES
    assert b"".join(plain for _, plain in pieces) == body
    assert [stream for stream, _ in pieces[1:]] == [b""] * (len(pieces) - 1)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    ("chunks", "stated", "message"),
    [
        ((deflate(BODY)[:-1],), {}, "ends early"),
        ((deflate(BODY) + b"\0",), {}, "expected the end of the deflate stream"),
        ((deflate(BODY), b"\0"), {}, "expected the end of the deflate stream"),
        ((deflate(BODY) + deflate(b"more"),), {}, "expected the end of the deflate stream"),
        ((deflate(BODY),), {"size_bytes": len(BODY) - 1}, f"expected {len(BODY) - 1} bytes unpacked, got more"),
        ((deflate(BODY),), {"size_bytes": len(BODY) + 1}, f"unpacked, got {len(BODY)}"),
        ((deflate(BODY),), {"size_bytes": 0}, "expected 0 bytes unpacked, got more"),
        ((deflate(BODY),), {"crc32": 1}, "expected the checksum 00000001, got"),
        ((b"\xff" * 50,), {}, "the deflate stream is broken"),
        ((zlib.compress(BODY),), {}, "the deflate stream is broken|unpacked|ends early"),
    ],
)
def test_stream_that_is_not_what_was_stated_is_refused(chunks, stated, message, whole):
    """Short, long, doubled, of another size or checksum, or no stream at all."""
    with pytest.raises(ImageInvalid, match=message):
        inflate(*chunks, whole=whole, **stated)


@pytest.mark.parametrize("whole", [True, False])
def test_bomb_is_never_unpacked_beyond_its_stated_size(whole):
    """The first byte too many ends it."""
    stream = deflate(bytes(64 << 20), level=9)
    pieces = inflate_exactly((stream,), size_bytes=1000, crc32=0, whole=whole)

    with pytest.raises(ImageInvalid, match="expected 1000 bytes unpacked, got more"):
        next(pieces)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=5000), st.integers(0, 9), st.integers(1, 400))
def test_any_stream_in_any_chunks_comes_back(body, level, chunk_bytes):
    """Whatever the compressor did and however it is read."""
    stream = deflate(body, level)
    chunks = [stream[start : start + chunk_bytes] for start in range(0, len(stream), chunk_bytes)]

    assert inflate(*chunks, body=body) == (stream, body)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_flipped_byte_gets_through(position, flip):
    """A changed stream either fails or unpacks to the very same bytes."""
    body = os.urandom(300) + bytes(2000)
    stream = bytearray(deflate(body))
    stream[position % len(stream)] ^= flip

    try:
        _, plain = inflate(bytes(stream), body=body)
    except ImageInvalid:
        return

    assert plain == body
