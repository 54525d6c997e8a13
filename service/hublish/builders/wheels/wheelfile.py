"""A wheel opened with distrust: bounded, every path checked, every file compared with RECORD while it is read.

PyPA's `installer` knows the format; it does not verify hashes while it installs, nor bound what it unpacks. A file comes
out together with the deflate stream it lies in, so that a layer can take the stream over.

Source: PyPA "Binary distribution format" (PEP 427) and "Recording installed projects" (PEP 376, PEP 627); PKWARE
APPNOTE.TXT 6.3.10, 4.3.7 (local file header).
"""

from __future__ import annotations

import configparser
import csv
import hashlib
import lzma
import os
import stat
import struct
import zipfile
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import HeaderParser
from pathlib import Path

from installer.exceptions import InstallerError
from installer.records import InvalidRecordEntry, parse_record_file
from installer.sources import WheelFile

from hublish.errors import ImageInvalid, WheelInvalid, clip
from hublish.oci.deflate_stream import inflate_exactly
from hublish.oci.gzip_members import SPLICE_FROM_BYTES
from hublish.oci.layers import WHITEOUT_PREFIX

FILE_COUNT_LIMIT = 200_000
UNPACKED_LIMIT_BYTES = 16 << 30
RATIO_LIMIT = 300
RATIO_APPLIES_FROM_BYTES = 256 << 20
METADATA_LIMIT_BYTES = 16 << 20
IN_MEMORY_LIMIT_BYTES = 16 << 20
_CHUNK_BYTES = 1 << 20
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_UTF8_NAME = 0x800
# Encrypted, patched or strongly encrypted: not what a wheel is.
_REFUSED_FLAGS = 0x01 | 0x20 | 0x40

# What a crafted archive makes zipfile, zlib and installer raise; all of it means that the wheel is not what it claims.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    csv.Error,
    configparser.Error,
    EOFError,
    InstallerError,
    InvalidRecordEntry,
    ValueError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    AssertionError,
    struct.error,
)


class CheckedWheel(WheelFile):
    """A wheel whose files come out verified."""

    def members(self) -> Iterator[WheelMember]:
        """Yield the files in the order of the archive.

        A file that RECORD does not list passes: the whole archive has the hash of the lock, and such wheels exist.
        One that RECORD lists with another hash does not. Shipped byte-code is left out, as pip does.
        """
        rows = {row[0]: row[1] for row in parse_record_file(self.read_dist_info("RECORD").splitlines())}
        wheel = self.name
        for info in self._zipfile.infolist():
            name = info.filename
            if not (name.endswith("/") or ("__pycache__" in name and "__pycache__" in name.split("/")[:-1])):
                yield WheelMember(self._zipfile, info, wheel=wheel, expected=rows.get(name, ""))

    def has_dist_info(self, filename: str) -> bool:
        """Tell whether the .dist-info folder holds a file."""
        return f"{self.dist_info_dir}/{filename}" in self._zipfile.NameToInfo

    def read_dist_info(self, filename: str) -> str:
        """Read a file of the .dist-info folder, bounded."""
        member = self._zipfile.getinfo(f"{self.dist_info_dir}/{filename}")
        if member.file_size > METADATA_LIMIT_BYTES:
            raise WheelInvalid(f"{self.name}: {clip(filename)} is larger than {METADATA_LIMIT_BYTES} bytes")
        return self._zipfile.read(member).decode("utf-8")

    @property
    def name(self) -> str:
        """The wheel's file name."""
        return Path(str(self._zipfile.filename)).name


class WheelMember:
    """One file of a wheel.

    Attributes:
        path: in the archive.
        size_bytes: unpacked, as the archive states it.
        is_executable: the one bit of its mode that counts.
        is_spliceable: it lies in the archive as a deflate stream that is long enough to be taken over as it is.
        fits_memory: it may be read as a whole.
    """

    __slots__ = ("_archive", "_expected", "_info", "_wheel", "is_executable", "is_spliceable", "path", "size_bytes")

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, *, wheel: str, expected: str) -> None:
        self._archive = archive
        self._info = info
        self._wheel = wheel
        self._expected = expected
        mode = info.external_attr >> 16
        self.path = info.filename
        self.size_bytes = info.file_size
        self.is_executable = stat.S_ISREG(mode) and bool(mode & 0o111)
        self.is_spliceable = info.compress_type == zipfile.ZIP_DEFLATED and info.compress_size >= SPLICE_FROM_BYTES

    @property
    def fits_memory(self) -> bool:
        """Whether it may be read as a whole."""
        return self.size_bytes <= IN_MEMORY_LIMIT_BYTES

    def read(self) -> tuple[bytes, bytes, bytes]:
        """Read a file that fits into memory.

        Returns:
            (deflate stream, empty when there is none; content; its sha256).

        Raises:
            WheelInvalid: another size, checksum or hash than the wheel states.
        """
        digest = hashlib.sha256()
        pieces = list(self.read_pieces(digest))
        return b"".join(piece[0] for piece in pieces), b"".join(piece[1] for piece in pieces), digest.digest()

    def read_pieces(self, digest: hashlib._Hash) -> Iterator[tuple[bytes, bytes]]:
        """Read a file of any size; what came before the end must not be used if the end raises.

        Args:
            digest: is told the content; holds its hash at the end.

        Yields:
            (bytes of its deflate stream, content).

        Raises:
            WheelInvalid: another size, checksum or hash than the wheel states.
        """
        deflated = self._info.compress_type == zipfile.ZIP_DEFLATED
        for stream, plain in self._inflate() if deflated else self._unpack():
            digest.update(plain)
            yield stream, plain
        # Stronger hashes than sha256 are rare; the archive's own hash stands for them.
        if self._expected.startswith("sha256="):
            found = "sha256=" + urlsafe_b64encode(digest.digest()).decode().rstrip("=")
            if found != self._expected.rstrip("="):
                raise WheelInvalid(
                    f"{self._wheel}: {clip(self.path)} has {found}, its RECORD says {clip(self._expected)}"
                )

    def _inflate(self) -> Iterator[tuple[bytes, bytes]]:
        info = self._info
        try:
            whole = self.fits_memory
            chunks = self._read_stream(info.compress_size if whole else _CHUNK_BYTES)
            yield from inflate_exactly(chunks, size_bytes=info.file_size, crc32=info.CRC, whole=whole)
        except ImageInvalid as exc:
            raise WheelInvalid(f"{self._wheel}: {clip(self.path)}: {exc.message}") from exc

    def _unpack(self) -> Iterator[tuple[bytes, bytes]]:
        """Stored, or compressed in a way no layer can take over; zipfile verifies size and checksum."""
        with self._archive.open(self._info) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                yield b"", chunk

    def _read_stream(self, chunk_bytes: int) -> Iterator[bytes]:
        if self._archive.fp is None:
            raise WheelInvalid(f"{self._wheel} was closed before {clip(self.path)} was read")
        descriptor, info = self._archive.fp.fileno(), self._info
        signature, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(
            os.pread(descriptor, _LOCAL_HEADER.size, info.header_offset)
        )
        start = info.header_offset + _LOCAL_HEADER.size
        name = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8_NAME else "cp437")
        if signature != _LOCAL_SIGNATURE or os.pread(descriptor, name_bytes, start) != name:
            raise WheelInvalid(f"{self._wheel}: {clip(self.path)} does not lie where the directory of the archive says")
        position = start + name_bytes + extra_bytes
        end = position + info.compress_size
        while position < end:
            chunk = os.pread(descriptor, min(chunk_bytes, end - position), position)
            if not chunk:
                return
            yield chunk
            position += len(chunk)


@contextmanager
def open_wheel(path: Path) -> Iterator[CheckedWheel]:
    """Open a wheel for installation.

    Args:
        path: the archive, under the file name the index gave it.

    Raises:
        WheelInvalid: no wheel, a path that leaves its place, a file twice, more than the limits of this module
            unpacked, or (while it is read) a file that differs from RECORD.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            wheel = CheckedWheel(archive)
            _verify_members(wheel.name, archive, packed_bytes=path.stat().st_size)
            yield wheel
    except _BROKEN as exc:
        raise WheelInvalid(f"{path.name}: not a wheel that can be installed ({clip(str(exc))})") from exc


def _verify_members(name: str, archive: zipfile.ZipFile, *, packed_bytes: int) -> None:
    members = archive.infolist()
    if len(members) > FILE_COUNT_LIMIT:
        raise WheelInvalid(f"{name}: expected at most {FILE_COUNT_LIMIT} files, got {len(members)}")
    # zipfile never hands out more than a member's declared size, so the sum of these is what can really come.
    unpacked_bytes = sum(member.file_size for member in members)
    if unpacked_bytes > UNPACKED_LIMIT_BYTES:
        raise WheelInvalid(f"{name}: unpacks to {unpacked_bytes} bytes, expected at most {UNPACKED_LIMIT_BYTES}")
    if unpacked_bytes > RATIO_APPLIES_FROM_BYTES and unpacked_bytes > RATIO_LIMIT * packed_bytes:
        raise WheelInvalid(f"{name}: unpacks to {unpacked_bytes} bytes, more than {RATIO_LIMIT} times its own size")
    seen: set[str] = set()
    for member in members:
        _verify_member(name, member)
        if member.filename in seen:
            raise WheelInvalid(f"{name}: holds {clip(member.filename)!r} twice")
        seen.add(member.filename)


def _verify_member(name: str, member: zipfile.ZipInfo) -> None:
    path = member.filename
    parts = path.removesuffix("/").split("/")
    if path.startswith("/") or "\\" in path or "\0" in path or {"", ".", ".."} & set(parts):
        raise WheelInvalid(f"{name}: the path {clip(path)!r} leaves its place")
    if any(part.startswith(WHITEOUT_PREFIX) for part in parts):
        raise WheelInvalid(f"{name}: {clip(path)!r} would remove files of others: so it reads in a layer")
    if member.flag_bits & _REFUSED_FLAGS:
        raise WheelInvalid(f"{name}: {clip(path)!r} is encrypted")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise WheelInvalid(f"{name}: {clip(path)!r} is neither a file nor a folder")


def read_requirements(path: Path) -> tuple[str, ...]:
    """Read the `Requires-Dist` lines of a wheel's METADATA, as written.

    Raises:
        WheelInvalid: no wheel, or one without METADATA.
    """
    with open_wheel(path) as wheel:
        headers = HeaderParser().parsestr(wheel.read_dist_info("METADATA"))
        return tuple(str(value) for value in headers.get_all("Requires-Dist", []))
