"""The layer writer: same entries, same bytes; refusals of paths that leave their place."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hublish.errors import ImageInvalid
from hublish.oci.layers import STREAM_ERRORS, LayerWriter, Owner, list_parents, open_layer
from hublish.oci.manifest import Compression, make_digest
from hublish.oci.tar_header import FIXED_MTIME_SECONDS
from hublish.oci.zstd_stream import zstd


def write_sample(sink: io.BytesIO) -> object:
    writer = LayerWriter(sink)
    writer.add_directory("/opt", mode=0o755)
    writer.add_file("/opt/a.txt", (b"he", b"llo"), size_bytes=5, mode=0o664, owner=Owner(user_id=1001, group_id=0))
    writer.add_symlink("/opt/link", "a.txt")
    writer.add_whiteout("/opt/old")
    return writer.finish()


def test_layer_bytes_are_golden():
    """The digests of a fixed layer never change: they are part of every image that was published."""
    expected = (
        "sha256:cb30fb8bbc2ed9dc04dfccc9c7b97120eb223be3d1b6c0e1c8a3072bd515d021",
        "sha256:ff039235a571106313d37ec4dd1ebebdb706efb1371cbd486459ac92b9c7f52d",
    )
    sink = io.BytesIO()

    blob = write_sample(sink)

    assert (blob.diff_id, blob.digest) == expected
    assert blob.size_bytes == len(sink.getvalue())
    assert blob.digest == make_digest(sink.getvalue())
    assert blob.diff_id == make_digest(gzip.decompress(sink.getvalue()))
    assert blob.unpacked_bytes == len(gzip.decompress(sink.getvalue()))


def test_layer_holds_what_was_added():
    """Paths, kinds, modes, owners, targets and the one fixed time come back from the archive."""
    expected = [
        ("opt", tarfile.DIRTYPE, 0o755, 0, 0, "", b""),
        ("opt/a.txt", tarfile.REGTYPE, 0o664, 1001, 0, "", b"hello"),
        ("opt/link", tarfile.SYMTYPE, 0o777, 0, 0, "a.txt", b""),
        ("opt/.wh.old", tarfile.REGTYPE, 0o644, 0, 0, "", b""),
    ]
    sink = io.BytesIO()
    write_sample(sink)
    sink.seek(0)

    with tarfile.open(fileobj=sink) as archive:
        found = []
        for member in archive:
            body = archive.extractfile(member) if member.isfile() else None
            text = b"" if body is None else body.read()
            found.append((member.name, member.type, member.mode, member.uid, member.gid, member.linkname, text))
            assert (member.mtime, member.uname, member.gname) == (FIXED_MTIME_SECONDS, "", "")

    assert found == expected


@pytest.mark.parametrize("path", ["relative", "/a/../b", "/a//b", "/a/./b", "/a\0b", "/", "/a/"])
def test_path_that_is_not_plainly_absolute_is_refused(path):
    """No entry can leave its place or hide in another spelling."""
    with pytest.raises(ImageInvalid, match="expected an absolute path"):
        LayerWriter(io.BytesIO()).add_directory(path, mode=0o755)


def test_name_that_reads_as_a_removal_is_refused():
    """Only `add_whiteout` may hide what lies below; a file, folder or link of such a name cannot stand in a layer."""
    writer = LayerWriter(io.BytesIO())

    with pytest.raises(ImageInvalid, match=r"^/a/\.wh\.b: a name that begins with \.wh\. cannot stand in a layer$"):
        writer.add_file("/a/.wh.b", (), size_bytes=0)
    with pytest.raises(ImageInvalid, match=r"^/\.wh\.\.wh\.\.opq: "):
        writer.add_directory("/.wh..wh..opq", mode=0o755)
    with pytest.raises(ImageInvalid, match=r"^/\.wh\.x: "):
        writer.add_symlink("/.wh.x", "x")


def test_path_twice_is_refused():
    """A layer names a path once."""
    writer = LayerWriter(io.BytesIO())
    writer.add_symlink("/a", "b")

    with pytest.raises(ImageInvalid, match="/a was added to one layer twice"):
        writer.add_directory("/a", mode=0o755)


@pytest.mark.parametrize("chunks", [(b"abc",), (b"ab", b"cdefgh")])
def test_file_of_another_size_than_stated_is_refused(chunks):
    """The header states the size before the bytes come, so a file that grows or shrinks breaks the layer."""
    with pytest.raises(ImageInvalid, match="expected 5 bytes"):
        LayerWriter(io.BytesIO()).add_file("/a", chunks, size_bytes=5)


def deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(body) + packer.flush()


def test_deflated_file_is_spliced():
    """Its stream stands in the blob as it was, and the archive reads as if it had been compressed here."""
    body = os.urandom(3000)
    stream = deflate(body)
    sink, plain_sink = io.BytesIO(), io.BytesIO()
    writer, plain = LayerWriter(sink), LayerWriter(plain_sink)

    writer.add_deflated_file("/a", ((stream[:9], body[:5]), (stream[9:], body[5:])), size_bytes=3000, mode=0o600)
    plain.add_file("/a", (body,), size_bytes=3000, mode=0o600)
    blob, expected = writer.finish(), plain.finish()

    assert stream in sink.getvalue()
    assert (blob.diff_id, blob.unpacked_bytes) == (expected.diff_id, expected.unpacked_bytes)
    assert gzip.decompress(sink.getvalue()) == gzip.decompress(plain_sink.getvalue())


@pytest.mark.parametrize("size_bytes", [4, 6])
def test_deflated_file_of_another_size_than_stated_is_refused(size_bytes):
    """The header stands before the stream, so a lie about the size would break the archive."""
    with pytest.raises(ImageInvalid, match=f"expected {size_bytes} bytes, the file held 5"):
        LayerWriter(io.BytesIO()).add_deflated_file("/a", ((deflate(b"abcde"), b"abcde"),), size_bytes=size_bytes)


def test_membership_tells_what_was_added():
    """Callers ask the writer which folders it has already."""
    writer = LayerWriter(io.BytesIO())
    writer.add_directory("/a", mode=0o755)

    assert "/a" in writer
    assert "/b" not in writer


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/a/b/c", ("/a", "/a/b")), ("/a", ()), ("/", ()), ("", ())],
)
def test_parents_come_outermost_first(path, expected):
    """Folders are listed in the order an unpacker needs them."""
    assert list_parents(path) == expected


def test_layers_open_as_tar_streams_however_they_are_stored():
    """All ways of storing give the same stream, several frames or members included."""
    frames = zstd.compress(b"t") + zstd.compress(b"ar")

    assert open_layer(io.BytesIO(frames), Compression.ZSTD).read() == b"tar"
    assert open_layer(io.BytesIO(b"tar"), Compression.NONE).read() == b"tar"
    assert open_layer(io.BytesIO(gzip.compress(b"tar")), Compression.GZIP).read() == b"tar"


def test_gzip_header_without_end_is_a_broken_layer() -> None:
    """Its file name may be of any length, by the format."""
    header = b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 600_000 + b"\0"
    blob = header + gzip.compress(b"tar")[10:]

    with pytest.raises(STREAM_ERRORS):
        open_layer(io.BytesIO(blob), Compression.GZIP).read()


NAMES = st.text(
    st.characters(blacklist_categories=("Cs",), blacklist_characters="/\0"), min_size=1, max_size=120
).filter(lambda name: name not in {".", ".."})


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.lists(NAMES, min_size=1, max_size=4).map("/".join), st.binary(max_size=1500), max_size=8))
def test_any_files_come_back_unchanged_and_twice_the_same(files):
    """Whatever the names and bytes: the archive gives them back, and a second writing gives the same blob."""

    def write() -> tuple[bytes, object]:
        sink = io.BytesIO()
        writer = LayerWriter(sink)
        for path, body in files.items():
            writer.add_file("/" + path, (body,), size_bytes=len(body))
        return sink.getvalue(), writer.finish()

    _, first = write()
    _, second = write()
    sink = io.BytesIO()
    writer = LayerWriter(sink)
    for path, body in files.items():
        writer.add_file("/" + path, (body,), size_bytes=len(body))
    writer.finish()
    sink.seek(0)
    with tarfile.open(fileobj=sink) as archive:
        found = {member.name: archive.extractfile(member).read() for member in archive}

    assert first == second
    assert found == files
