"""A gzip file of many members reads as one stream, and its bytes depend on its content alone."""

from __future__ import annotations

import gzip
import os
import zlib
from importlib.metadata import version

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hublish.oci.gzip_members import COMPRESSOR, MEMBER_BYTES, GzipMembers


def deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(body) + packer.flush()


def pack(*parts: tuple[str, bytes]) -> bytes:
    """Write ("plain" or "spliced", content) one after the other."""
    blob = bytearray()
    members = GzipMembers(blob.extend)
    for kind, body in parts:
        if kind == "plain":
            members.write(body)
        else:
            members.splice(((deflate(body), body),))
    members.finish()
    return bytes(blob)


def test_stream_goes_in_as_it_is():
    """Ten bytes of header before it, checksum and length behind it."""
    body = b"x" * 5000
    trailer = zlib.crc32(body).to_bytes(4, "little") + (5000).to_bytes(4, "little")

    assert pack(("spliced", body)) == b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + deflate(body) + trailer


def test_own_members_look_like_spliced_ones():
    """The header states neither time nor system."""
    assert pack(("plain", b"abc"))[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


def test_nothing_is_still_a_gzip_file():
    """A file without a member would be none."""
    assert gzip.decompress(pack()) == b""
    assert pack() != b""
    assert pack(("plain", b"")) == pack()


def test_bytes_do_not_depend_on_how_they_were_handed_in():
    """A member ends at a fixed length, not where a caller paused."""
    body = os.urandom(3 * MEMBER_BYTES // 2) + bytes(MEMBER_BYTES)
    pieces = [("plain", body[start : start + 70_001]) for start in range(0, len(body), 70_001)]

    assert pack(*pieces) == pack(("plain", body))
    assert gzip.decompress(pack(("plain", body))) == body


def test_length_of_a_huge_stream_is_stated_as_gzip_does():
    """Lengths count modulo 2 to the 32nd; here in pieces that only pretend."""

    class Long(bytes):
        def __len__(self) -> int:
            return (1 << 32) + 5

    blob = bytearray()

    GzipMembers(blob.extend).splice(((b"stream", Long(b"")),))

    assert blob[-4:] == (5).to_bytes(4, "little")


def test_compressor_is_named_with_its_exact_version():
    """The name is part of every layer's key."""
    assert f"libdeflate by deflate {version('deflate')}, level 6" == COMPRESSOR


@pytest.mark.parametrize("reader", ["gzip", "zlib"])
def test_golden_bytes(reader):
    """The compressor gives these bytes on every machine; another version is another builder."""
    expected = "80520de9"
    blob = pack(("plain", bytes(range(256)) * 64), ("spliced", b"spliced " * 1000), ("plain", b"end" * 700))

    unpacked = gzip.decompress(blob) if reader == "gzip" else _read_by_zlib(blob)

    assert unpacked == bytes(range(256)) * 64 + b"spliced " * 1000 + b"end" * 700
    assert f"{zlib.crc32(blob):08x}" == expected


def _read_by_zlib(blob: bytes) -> bytes:
    body = b""
    while blob:
        reader = zlib.decompressobj(31)
        body += reader.decompress(blob) + reader.flush()
        blob = reader.unused_data
    return body


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["plain", "spliced"]), st.binary(max_size=3000)), max_size=12))
def test_any_mixture_reads_as_one_stream(parts):
    """Plain and spliced in any order."""
    assert gzip.decompress(pack(*parts)) == b"".join(body for _, body in parts)
