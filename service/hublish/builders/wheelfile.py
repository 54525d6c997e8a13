"""A wheel opened with distrust: bounded, every path checked, every file compared with RECORD before it is used.

PyPA's `installer` knows the format; it does not verify hashes while it installs, nor bound what it unpacks.

Source: PyPA "Binary distribution format" (PEP 427) and "Recording installed projects" (PEP 376, PEP 627).
"""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import HeaderParser
from pathlib import Path
from typing import BinaryIO, cast

from installer.exceptions import InstallerError
from installer.records import InvalidRecordEntry, parse_record_file
from installer.sources import WheelContentElement, WheelFile

from hublish.errors import WheelInvalid, clip

FILE_COUNT_LIMIT = 200_000
UNPACKED_LIMIT_BYTES = 16 << 30
RATIO_LIMIT = 300
RATIO_APPLIES_FROM_BYTES = 256 << 20
METADATA_LIMIT_BYTES = 16 << 20
IN_MEMORY_LIMIT_BYTES = 16 << 20
_CHUNK_BYTES = 1 << 20

# What a crafted archive makes zipfile, zlib and installer raise; all of it means that the wheel is not what it claims.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    InstallerError,
    InvalidRecordEntry,
    ValueError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    AssertionError,
)


class LargeMember(io.RawIOBase):
    """A file of a wheel that is too large to be held in memory; it was verified already."""

    def __init__(self, stream: BinaryIO, *, size_bytes: int) -> None:
        super().__init__()
        self._stream = stream
        self.size_bytes = size_bytes

    def read(self, size: int = -1, /) -> bytes:
        """Read on, as any binary file."""
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go back to the start, which is all that `installer` asks for."""
        return self._stream.seek(offset, whence)


class CheckedWheel(WheelFile):
    """A wheel whose files come out only after they were verified."""

    def get_contents(self) -> Iterator[WheelContentElement]:
        """Yield `(record row, stream, executable)` of each file, in the order of the archive.

        A file that RECORD does not list passes: the whole archive has the hash of the lock, and such wheels exist.
        One that RECORD lists with another hash does not. Shipped byte-code is left out, as pip does.
        """
        rows = {row[0]: row for row in parse_record_file(self.read_dist_info("RECORD").splitlines())}
        for member in self._zipfile.infolist():
            name = member.filename
            if name.endswith("/") or "__pycache__" in name.split("/")[:-1]:
                continue
            row = rows.get(name, (name, "", ""))
            mode = member.external_attr >> 16
            executable = stat.S_ISREG(mode) and bool(mode & 0o111)
            with self._open_verified(member, expected=row[1]) as stream:
                yield row, stream, executable

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

    @contextmanager
    def _open_verified(self, member: zipfile.ZipInfo, *, expected: str) -> Iterator[BinaryIO]:
        if member.file_size <= IN_MEMORY_LIMIT_BYTES:
            body = self._zipfile.read(member)
            self._verify(member, hashlib.sha256(body), expected=expected)
            yield io.BytesIO(body)
            return
        digest = hashlib.sha256()
        with self._zipfile.open(member) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
        self._verify(member, digest, expected=expected)
        with self._zipfile.open(member) as stream:
            yield cast("BinaryIO", LargeMember(cast("BinaryIO", stream), size_bytes=member.file_size))

    def _verify(self, member: zipfile.ZipInfo, digest: hashlib._Hash, *, expected: str) -> None:
        found = "sha256=" + urlsafe_b64encode(digest.digest()).decode().rstrip("=")
        # Stronger hashes than sha256 are rare; the archive's own hash stands for them.
        if expected.startswith("sha256=") and found != expected.rstrip("="):
            raise WheelInvalid(f"{self.name}: {clip(member.filename)} has {found}, its RECORD says {clip(expected)}")


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
