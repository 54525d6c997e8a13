"""A tarball read under guards: contents go to files named by their hash, so that no path of it ever touches the disk.

That alone makes `..`, absolute paths, links and odd names harmless here; they are refused all the same, because they would
be harmful in the image or for the person who reads the answer.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

from hublish.core.source import FileMode, SourceFile
from hublish.core.source_rules import (
    LFS_POINTER_BYTES,
    SourceLimits,
    SourceTally,
    is_lfs_pointer,
    verify_link,
    verify_path,
)
from hublish.errors import GitHubFailed, SourceInvalid, clip

_CHUNK_BYTES = 1 << 18
# Below this size a high ratio is nothing to fear, and small repetitive repositories do have one.
_RATIO_COUNTS_FROM_BYTES = 64 * 2**20
_HEADER_BYTES = 2048
# Longer than any path or comment that git writes; tarfile would read a header of any size into memory.
_LARGEST_HEADER_BYTES = 1 << 20
# They are kept in memory, where a tree of nothing else would fill it: repetitive files pack well.
_MOST_ATTRIBUTE_BYTES = 4 << 20
_HEADER_TYPES = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_KINDS = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a character device",
    tarfile.BLKTYPE: "a block device",
    tarfile.FIFOTYPE: "a named pipe",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """What a tarball held.

    Attributes:
        committed_at: aware UTC time of the commit, which git gives to every entry.
        files: in the tarball's order; the content of each lies in a file named by its hash.
        lfs_pointers: paths of Git LFS pointers.
        attributes: path of each `.gitattributes` and the content.
        modules: content of `.gitmodules`, or None.
    """

    committed_at: datetime
    files: tuple[SourceFile, ...]
    lfs_pointers: tuple[str, ...]
    attributes: dict[str, bytes]
    modules: bytes | None


def unpack_tarball(stream: BinaryIO, *, commit: str, folder: Path, limits: SourceLimits) -> Unpacked:
    """Unpack a gzipped tarball of `git archive` with one folder at its top.

    Args:
        stream: the tarball; read once, to its end.
        commit: 40 hex digits that the tarball must name as its commit.
        folder: an empty folder for the contents.
        limits: guards.

    Raises:
        SourceInvalid: a guard is broken, or the tarball is of another commit.
        GitHubFailed: transient; the tarball broke off or is damaged.
        OSError: the folder cannot be written.
    """
    guarded = io.BufferedReader(_GuardedGzip(stream, limits), _CHUNK_BYTES)
    run = _Unpacking(folder=folder, limits=limits)
    with _wrap_errors(), tarfile.open(fileobj=guarded, mode="r|", tarinfo=_GuardedTarInfo) as archive:
        for member in archive:
            _verify_commit(archive, commit)
            run.take(archive, member)
        if run.committed_at is None:
            raise SourceInvalid("the tarball is empty")
        # What follows the last entry is read as well, so that the checksum at the end is verified.
        while guarded.read(_CHUNK_BYTES):
            pass
    return Unpacked(
        committed_at=run.committed_at,
        files=tuple(run.files),
        lfs_pointers=tuple(run.lfs_pointers),
        attributes=run.attributes,
        modules=run.modules,
    )


class _Unpacking:
    """One tarball on its way: what was taken so far."""

    def __init__(self, *, folder: Path, limits: SourceLimits) -> None:
        self._folder = folder
        self._limits = limits
        self._tally = SourceTally(limits)
        self._top: str | None = None
        self.committed_at: datetime | None = None
        self.files: list[SourceFile] = []
        self.lfs_pointers: list[str] = []
        self.attributes: dict[str, bytes] = {}
        self._attribute_bytes = 0
        self.modules: bytes | None = None

    def take(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Take one member, or refuse the tarball."""
        path = self._strip_top(member)
        self._tally.add(path or member.name, member.size)
        if self.committed_at is None:
            self.committed_at = _make_time(member)
        if member.isdir():
            return
        if member.issym():
            self._take_link(path, member.linkname)
        elif member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse():
            self._take_file(path, archive, member)
        else:
            kind = _KINDS.get(member.type, "of an unknown kind")
            raise SourceInvalid(f"{clip(path)} is {kind}; a repository holds files, folders and symlinks only")

    def _strip_top(self, member: tarfile.TarInfo) -> str:
        top, _, path = member.name.partition("/")
        self._top = top if self._top is None else self._top
        if top != self._top or not (path or member.isdir()):
            raise SourceInvalid(f"expected one folder at the top of the tarball, found also {clip(member.name)}")
        if path:
            verify_path(path, limits=self._limits)
        return path

    def _take_link(self, path: str, target: str) -> None:
        verify_link(path, target)
        sha256 = hashlib.sha256(target.encode()).hexdigest()
        self.files.append(SourceFile(path=path, mode=FileMode.SYMLINK, size_bytes=0, sha256=sha256, link=target))

    def _take_file(self, path: str, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        source = archive.extractfile(member)
        if source is None:
            raise SourceInvalid(f"{clip(path)} has no content")
        digest = hashlib.sha256()
        head = b""
        part = self._folder / "part"
        with source, part.open("wb") as target:
            while chunk := source.read(_CHUNK_BYTES):
                head = head or chunk
                digest.update(chunk)
                target.write(chunk)
        part.replace(self._folder / digest.hexdigest())
        self._remark(path, head, member.size)
        mode = FileMode.EXECUTABLE if member.mode & 0o100 else FileMode.REGULAR
        self.files.append(SourceFile(path=path, mode=mode, size_bytes=member.size, sha256=digest.hexdigest()))

    def _remark(self, path: str, head: bytes, size_bytes: int) -> None:
        if size_bytes <= LFS_POINTER_BYTES and is_lfs_pointer(head):
            self.lfs_pointers.append(path)
        if path.rpartition("/")[2] == ".gitattributes":
            self._attribute_bytes += len(head)
            if self._attribute_bytes > _MOST_ATTRIBUTE_BYTES:
                raise SourceInvalid(f"the files .gitattributes hold more than {_MOST_ATTRIBUTE_BYTES} bytes together")
            self.attributes[path] = head
        if path == ".gitmodules":
            self.modules = head


class _GuardedGzip(io.RawIOBase):
    """Unpacks gzip and counts both sides; refuses what unpacks to too much."""

    def __init__(self, stream: BinaryIO, limits: SourceLimits) -> None:
        super().__init__()
        self._packed = _Counted(stream)
        self._unpacked = gzip.GzipFile(fileobj=io.BufferedReader(self._packed, _CHUNK_BYTES), mode="rb")
        self._limits = limits
        self._most_bytes = limits.total_bytes + limits.files * _HEADER_BYTES
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._unpacked.readinto(buffer)
        self._count += count
        if self._count > self._most_bytes:
            raise SourceInvalid(f"the tarball unpacks to more than {self._most_bytes} bytes")
        if self._count > max(_RATIO_COUNTS_FROM_BYTES, self._limits.ratio * self._packed.count):
            raise SourceInvalid(f"the tarball unpacks to more than {self._limits.ratio} times its size")
        return count


class _Counted(io.RawIOBase):
    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._stream.read(len(buffer))
        self.count += len(chunk)
        buffer[: len(chunk)] = chunk
        return len(chunk)


class _GuardedTarInfo(tarfile.TarInfo):
    """Headers that are too long or broken end the reading; tarfile itself would take a broken one for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # typeshed leaves it out; tarfile catches it by name
            raise
        except tarfile.HeaderError as exc:
            raise tarfile.ReadError(str(exc)) from exc
        if member.size < 0 or (member.type in _HEADER_TYPES and member.size > _LARGEST_HEADER_BYTES):
            raise SourceInvalid(f"a header of the tarball claims {member.size} bytes")
        return member


def _verify_commit(archive: tarfile.TarFile, commit: str) -> None:
    found = archive.pax_headers.get("comment")
    if found != commit:
        raise SourceInvalid(f"expected the tarball of commit {commit}, found {clip(str(found))}")


def _make_time(member: tarfile.TarInfo) -> datetime:
    try:
        return datetime.fromtimestamp(int(member.mtime), UTC)
    except (ValueError, OverflowError, OSError) as exc:
        raise SourceInvalid("the tarball has no usable time") from exc


@contextmanager
def _wrap_errors() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as exc:
        raise GitHubFailed(f"the tarball broke off or is damaged: {clip(str(exc))}", transient=True) from exc
    except (RecursionError, UnicodeError, ValueError) as exc:
        raise SourceInvalid(f"the tarball has a broken header ({type(exc).__name__})") from exc
