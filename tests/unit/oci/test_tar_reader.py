"""Tar streams of anybody's: what comes out, and that no claim of theirs costs memory."""

from __future__ import annotations

import io
import itertools
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.errors import ImageInvalid
from hublish.oci import tar_reader
from hublish.oci.tar_reader import TarEntries

_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1)


def make_stream(*files: tuple[str, bytes]) -> bytes:
    """A pax archive of regular files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, body in files:
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return stream.getvalue()


def make_header(kind: bytes, *, size: int, name: str = "x") -> bytes:
    """One header block, whatever follows it."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


def make_pax(records: dict[str, str]) -> bytes:
    """An extended header with the given records."""
    lines = b""
    for key, value in records.items():
        text = f" {key}={value}\n".encode()
        length = next(length for length in itertools.count(len(text)) if length == len(text) + len(str(length)))
        lines += str(length).encode() + text
    return make_header(tarfile.XHDTYPE, size=len(lines)) + lines + bytes(-len(lines) % 512)


class Endless(io.RawIOBase):
    """Some bytes, then as many of one kind as anybody reads; it counts them."""

    def __init__(self, start: bytes, then: bytes) -> None:
        super().__init__()
        self._start = io.BytesIO(start)
        self._then = then
        self.given_bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._start.read(size)
        data += self._then * ((size - len(data)) // len(self._then))
        self.given_bytes += len(data)
        return data


@given(st.dictionaries(_NAMES, st.binary(max_size=2000), max_size=5))
def test_any_archive_comes_back(files):
    """Names of any length and content of any size, read or passed over."""
    archive = TarEntries(io.BytesIO(make_stream(*files.items())), what="layer 1")

    assert {member.name: b"".join(archive.read(member)) for member in archive} == files
    passed = [member.name for member in TarEntries(io.BytesIO(make_stream(*files.items())), what="layer 1")]
    assert passed == list(files)


@pytest.mark.parametrize(
    "start",
    [
        make_header(tarfile.XHDTYPE, size=8**11 - 1),
        make_header(tarfile.GNUTYPE_LONGNAME, size=8**11 - 1),
        make_pax({"GNU.sparse.major": "1", "GNU.sparse.minor": "0"})
        + make_header(tarfile.REGTYPE, size=8**11 - 1)
        + b"9" * 200
        + b"\n",
    ],
)
def test_header_of_any_length_is_not_read(start):
    """Names, extended headers and lists of holes may claim gigabytes; little more than a MiB is looked at."""
    stream = Endless(start, b"0\n")

    with pytest.raises(ImageInvalid, match="layer 1: the header of an entry is longer than 1048576 bytes"):
        list(TarEntries(stream, what="layer 1"))
    assert stream.given_bytes <= tar_reader.HEADER_LIMIT_BYTES + (1 << 16)


def test_chain_of_headers_is_refused():
    """tarfile reads a header behind a header by calling itself."""
    chain = make_pax({"comment": "x"}) * 1000

    with pytest.raises(ImageInvalid, match="layer 1 is no tar stream"):
        list(TarEntries(io.BytesIO(chain + make_stream(("a", b""))), what="layer 1"))


def test_broken_header_is_not_taken_for_the_end():
    """Whoever unpacks the layer would stop there, or worse, would not."""
    stream = bytearray(make_stream(("a", b"1"), ("b", b"2")))
    stream[1024] ^= 1

    with pytest.raises(ImageInvalid, match=r"layer 1 is no tar stream \(bad checksum\)"):
        list(TarEntries(io.BytesIO(bytes(stream)), what="layer 1"))


@pytest.mark.parametrize("cut", [100, 600, 1024 + 512 + 10])
def test_stream_that_breaks_off_is_told(cut):
    """In a header, in content that is passed over, or in content that is read."""
    stream = make_stream(("a", b"1" * 600), ("b", b"2" * 600))[:cut]
    archive = TarEntries(io.BytesIO(stream), what="layer 1")

    with pytest.raises(ImageInvalid, match="layer 1 is no tar stream"):
        [list(archive.read(member)) for member in archive if member.name == "b"]


def test_content_that_breaks_off_is_told():
    """A file shorter than its header says."""
    archive = TarEntries(io.BytesIO(make_stream(("a", b"1" * 600))[:700]), what="layer 1")

    with pytest.raises(ImageInvalid, match=r"layer 1 is no tar stream \(it breaks off in a\)"):
        [list(archive.read(member)) for member in archive]


def test_error_of_the_stream_is_told_while_content_is_read():
    """The blob behind the archive may be damaged anywhere."""

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 512:
                raise EOFError("cut off")
            return super().read(size)

    archive = TarEntries(Broken(make_stream(("a", b"1" * 600))), what="layer 1")

    with pytest.raises(ImageInvalid, match=r"layer 1 is no tar stream \(cut off\)"):
        [list(archive.read(member)) for member in archive]


def test_file_with_holes_is_not_read():
    """Its size is whatever it claims; hashing an exbibyte of zeros would never end."""
    header = bytearray(make_header(tarfile.GNUTYPE_SPARSE, size=0))
    header[483:495] = b"\x80" + (1 << 60).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    archive = TarEntries(io.BytesIO(bytes(header) + bytes(1024)), what="layer 1")

    with pytest.raises(ImageInvalid, match="layer 1: x is stored with holes, which no image needs"):
        [list(archive.read(member)) for member in archive]


def test_negative_size_is_refused():
    """It would lead back to an entry that was there before, for ever."""
    stream = make_stream(("a", b""))[:512] + make_pax({"size": "-5000"}) + make_header(tarfile.REGTYPE, size=0)

    with pytest.raises(ImageInvalid, match="layer 1: an entry claims a negative size"):
        list(TarEntries(io.BytesIO(stream + bytes(1024)), what="layer 1"))


def test_archive_may_end_without_its_mark():
    """Some builders leave it out, and runtimes do not mind."""
    stream = make_stream(("a", b"1"))[:1024]

    assert [member.name for member in TarEntries(io.BytesIO(stream), what="layer 1")] == ["a"]


def test_empty_stream_is_no_archive():
    """Not even the two blocks that end one."""
    with pytest.raises(ImageInvalid, match=r"layer 1 is no tar stream \(empty file\)"):
        list(TarEntries(io.BytesIO(b""), what="layer 1"))
