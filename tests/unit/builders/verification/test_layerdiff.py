"""Layers read for a comparison: every kind of entry, and the bounds."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile

import pytest

from hublish.builders.verification import layerdiff
from hublish.builders.verification.layerdiff import PathDifference, compare_entries, read_diff_id, read_layer_entries
from hublish.errors import ImageInvalid
from hublish.oci.manifest import Compression, make_digest

TIME = 315532800


def make_member(name: str, *, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mtime, member.mode = kind, TIME, 0o644
    for field, value in fields.items():
        setattr(member, field, value)
    return member


def make_stream(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member, body in members:
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return stream.getvalue()


def test_every_kind_of_entry_is_described():
    """Type, mode, owner, bytes, target, odd times and extended attributes: what an unpacker takes over."""
    sha256 = hashlib.sha256(b"hello").hexdigest()
    stream = make_stream(
        (make_member("a/", kind=tarfile.DIRTYPE, mode=0o2775, gid=50), b""),
        (make_member("./a/file", uid=1000, mode=0o4755), b"hello"),
        (make_member("a/later", mtime=12), b""),
        (make_member("a/link", kind=tarfile.SYMTYPE, linkname="x\ny"), b""),
        (make_member("a/same", kind=tarfile.LNKTYPE, linkname="a/file"), b""),
        (make_member("a/null", kind=tarfile.CHRTYPE), b""),
        (make_member("a/" + "n" * 200), b""),
        (make_member("a/cap", pax_headers={"SCHILY.xattr.security.capability": "x"}), b""),
    )
    empty = hashlib.sha256(b"").hexdigest()
    expected = {
        "/a": "folder 2775 0:50",
        "/a/file": f"file 4755 1000:0 5 bytes sha256:{sha256}",
        "/a/later": f"file 0644 0:0 0 bytes sha256:{empty}, time 12",
        "/a/link": "link 0644 0:0 to x y",
        "/a/same": "hard link 0644 0:0 to a/file",
        "/a/null": "device 0644 0:0",
        "/a/" + "n" * 200: f"file 0644 0:0 0 bytes sha256:{empty}",
        "/a/cap": f"file 0644 0:0 0 bytes sha256:{empty}, with SCHILY.xattr.security.capability",
    }

    found = read_layer_entries(io.BytesIO(gzip.compress(stream)), Compression.GZIP, what="layer 1")

    assert found.entries == expected
    assert found.diff_id == make_digest(stream)
    assert read_diff_id(io.BytesIO(stream), Compression.NONE, what="layer 1") == make_digest(stream)


def test_differences_are_sorted_and_clipped():
    """Names come from anywhere."""
    expected = (
        PathDifference(path="/a", image="1", rebuilt="2"),
        PathDifference(path="/b c", image=None, rebuilt="3"),
    )

    assert compare_entries({"/a": "1", "/same": "4"}, {"/b\nc": "3", "/a": "2", "/same": "4"}) == expected


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("ENTRY_LIMIT", "layer 1: the layer has more than 1 entries"),
        ("STREAM_LIMIT_BYTES", "layer 1: the layer unpacks"),
    ],
)
def test_layer_beyond_the_bounds_is_refused(monkeypatch, limit, message):
    """Anybody's image may be verified; the walk ends."""
    monkeypatch.setattr(layerdiff, limit, 1)
    stream = make_stream((make_member("a"), b""), (make_member("b"), b""))

    with pytest.raises(ImageInvalid, match=message):
        read_layer_entries(io.BytesIO(stream), Compression.NONE, what="layer 1")


@pytest.mark.parametrize("compression", list(Compression))
def test_blob_that_does_not_unpack_is_refused(compression):
    """Whatever the registry says it is compressed by."""
    with pytest.raises(ImageInvalid, match=r"layer 1: the layer (cannot be unpacked|is no tar stream)"):
        read_layer_entries(io.BytesIO(b"neither" * 500), compression, what="layer 1")
    if compression is not Compression.NONE:
        with pytest.raises(ImageInvalid, match="layer 1: the layer cannot be unpacked"):
            read_diff_id(io.BytesIO(b"neither" * 500), compression, what="layer 1")
