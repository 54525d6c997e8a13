"""The walk over a base's layers: one merged view of the paths that matter, whiteouts applied.

Only names, modes, owners, links and the bytes of a few small or telling files are kept; the walk is bounded in entries,
bytes and kept bytes over all layers, because a base can be anybody's image.

Source: OCI image-spec v1.1, layer.md (whiteouts, opaque folders).
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from posixpath import normpath
from typing import Any, BinaryIO, cast

from hublish.builders.baseimage.facts import Directory
from hublish.builders.baseimage.image import BaseImage, open_base_layer
from hublish.core.ports import ImageReader
from hublish.errors import BaseUnsupported, ImageInvalid, clip
from hublish.oci.layers import STREAM_ERRORS, WHITEOUT_PREFIX
from hublish.oci.tar_reader import TarEntries

ENTRY_LIMIT = 3_000_000
STREAM_LIMIT_BYTES = 64 << 30
KEPT_LIMIT_BYTES = 256 << 20
"""Of names and of files kept as they are; real bases have some ten MiB of both."""
WORK_LIMIT = 1_000_000_000
"""Paths that are looked at where folders are hidden or replaced; real bases hide some hundred folders."""
_READ_LIMIT_BYTES = 96 << 20
_OPAQUE = ".wh..wh..opq"
_KEPT = re.compile(
    r"(/pyvenv\.cfg|/bin/python3\.\d+|/libpython3\.\d+\.so[.\d]*|/libc\.so\.6|/libc-2\.\d+\.so|/ld-musl-[^/]+"
    r"|-packages/[^/]+\.dist-info/RECORD"
    r"|-packages/[^/]+\.egg-info/(installed-files|top_level|namespace_packages)\.txt|^/etc/passwd)$"
)
# Numbers of a few digits: longer ones are no versions, and Python refuses to read very long ones.
_PYTHON_NAME = re.compile(r"(?:lib)?python(3\.\d{1,3})(?:\D|$)")
_PATCH_TEXT = rb"\.\d{1,3}(?=(?:(?:a|b|c|rc)\d{1,3})?\+?\0)"
_INSIDE_NUMBER = frozenset(b"0123456789.")
_GLIBC_TEXT = re.compile(rb"GNU C Library [^\n]{0,80}version 2\.(\d{1,3})(?!\d)")
_MUSL_TEXT = re.compile(rb"\x001\.(\d{1,3})\.\d{1,3}\0")


@dataclass(slots=True, kw_only=True)
class Scan:
    """The merged view of a base's layers; paths are absolute.

    Attributes:
        directories: folders by path.
        links: symbolic links by path, target as written.
        files: paths of regular files and hard links.
        hard_links: path -> path of the file it is another name of.
        texts: bytes of small files that were asked for.
        python_versions: full version found in an interpreter or its library, by path.
        libc: found C library, by path.
        work: paths that were looked at to forget folders.
    """

    directories: dict[str, Directory] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    hard_links: dict[str, str] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    python_versions: dict[str, str] = field(default_factory=dict)
    libc: dict[str, tuple[str, int]] = field(default_factory=dict)
    work: int = 0

    @property
    def _tables(self) -> tuple[dict[str, Any], ...]:
        return (self.links, self.hard_links, self.texts, self.python_versions, self.libc)

    def drop(self, path: str, *, itself: bool, kept: AbstractSet[str] = frozenset()) -> None:
        """Forget everything under `path` but what is `kept`, and `path` too where `itself`.

        Raises:
            BaseUnsupported: folders are forgotten so often that it would take for ever.
        """
        below = path.rstrip("/") + "/"
        if itself and path not in self.directories:
            # Most whiteouts hide one file: no need to look for anything below it.
            self.drop_file(path)
            return
        self.work += len(self.files) + len(self.directories) + len(self.links)
        if self.work > WORK_LIMIT:
            raise BaseUnsupported("the base hides or replaces too many folders of its own")

        def is_gone(known: str) -> bool:
            return known not in kept if known.startswith(below) else itself and known == path

        for table in (self.directories, *self._tables):
            for known in [known for known in table if is_gone(known)]:
                del table[known]
        self.files = {known for known in self.files if not is_gone(known)}

    def drop_file(self, path: str) -> None:
        """Forget a path that is no folder."""
        self.files.discard(path)
        for table in self._tables:
            table.pop(path, None)


def scan_base(images: ImageReader, base: BaseImage) -> Scan:
    """Read all layers of a base, lowest first.

    Raises:
        BaseUnsupported: a base beyond the bounds of this module.
        ImageInvalid: a layer that is no tar stream.
    """
    scan = Scan()
    bounds = _Bounds(entries=ENTRY_LIMIT, stream_bytes=STREAM_LIMIT_BYTES, kept_bytes=KEPT_LIMIT_BYTES)
    for layer in base.manifest.layers:
        what = f"{base.reference}: layer {layer.digest}"
        try:
            with open_base_layer(images, base, layer) as stream:
                bounded = _Bounded(stream, bounds)
                _scan_layer(TarEntries(cast("BinaryIO", bounded), what=what), scan, bounds)
                bounded.drain()
        except STREAM_ERRORS as exc:
            raise ImageInvalid(f"{what} is no tar stream ({clip(str(exc))})") from exc
    return scan


@dataclass(slots=True, kw_only=True)
class _Bounds:
    """What is left of the bounds of this module."""

    entries: int
    stream_bytes: int
    kept_bytes: int

    def take(self, *, entries: int = 0, stream_bytes: int = 0, kept_bytes: int = 0) -> None:
        self.entries -= entries
        self.stream_bytes -= stream_bytes
        self.kept_bytes -= kept_bytes
        if self.entries < 0:
            raise BaseUnsupported(f"the base has more than {ENTRY_LIMIT} entries")
        if self.stream_bytes < 0:
            raise BaseUnsupported(f"the base unpacks to more than {STREAM_LIMIT_BYTES} bytes")
        if self.kept_bytes < 0:
            raise BaseUnsupported(f"the names and lists of files in the base have more than {KEPT_LIMIT_BYTES} bytes")


class _Bounded:
    """A stream that counts what is read."""

    def __init__(self, stream: BinaryIO, bounds: _Bounds) -> None:
        self._stream = stream
        self._bounds = bounds

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self._bounds.take(stream_bytes=len(data))
        return data

    def drain(self) -> None:
        """Read what follows the end of the archive: the blob's digest is verified at its very end."""
        while self.read(1 << 20):
            pass


def _scan_layer(entries: TarEntries, scan: Scan, bounds: _Bounds) -> None:
    added: set[str] = set()
    for member in entries:
        bounds.take(entries=1, kept_bytes=len(member.name) + len(member.linkname))
        path = normpath("/" + member.name.lstrip("/"))
        if _apply_whiteout(path, scan, added):
            continue
        _scan_member(member, path, scan)
        added.add(path)
        if member.isfile() and member.size <= _READ_LIMIT_BYTES and _KEPT.search(path) is not None:
            _keep(path, b"".join(entries.read(member)), scan, bounds)


def _apply_whiteout(path: str, scan: Scan, added: set[str]) -> bool:
    folder, _, name = path.rpartition("/")
    if not name.startswith(WHITEOUT_PREFIX):
        return False
    if name == _OPAQUE:
        # Only what lies below is hidden, wherever in its own layer the mark stands.
        scan.drop(folder or "/", itself=False, kept=added)
    elif (hidden := f"{folder}/{name.removeprefix(WHITEOUT_PREFIX)}") not in added:
        scan.drop(hidden, itself=True)
    return True


def _scan_member(member: tarfile.TarInfo, path: str, scan: Scan) -> None:
    # What a lower layer has at this path is gone, and what was found out about it.
    if not member.isdir():
        scan.drop(path, itself=True)
    else:
        scan.drop_file(path)
        scan.directories[path] = Directory(
            path=path, mode=member.mode & 0o7777, user_id=member.uid, group_id=member.gid
        )
    if member.issym():
        scan.links[path] = member.linkname
    elif member.islnk():
        scan.files.add(path)
        scan.hard_links[path] = normpath("/" + member.linkname.lstrip("/"))
    elif member.isfile():
        scan.files.add(path)


def _keep(path: str, body: bytes, scan: Scan, bounds: _Bounds) -> None:
    name = path.rpartition("/")[2]
    if (python := _PYTHON_NAME.match(name)) is not None:
        if (version := _find_version(body, minor=python[1])) is not None:
            scan.python_versions[path] = version
    elif name.startswith("libc"):
        if (match := _GLIBC_TEXT.search(body)) is not None:
            scan.libc[path] = ("glibc", int(match[1]))
    elif name.startswith("ld-musl"):
        if (match := _MUSL_TEXT.search(body)) is not None:
            scan.libc[path] = ("musl", int(match[1]))
    else:
        bounds.take(kept_bytes=len(body))
        scan.texts[path] = body


def _find_version(body: bytes, *, minor: str) -> str | None:
    """Find the full version in an interpreter or its library, which may hold those of other software too.

    A linker keeps a text that another one ends with as the end of that: "3.11.7" may only be there as the end of
    "/opt/python/3.11.7". One that stands alone goes first.
    """
    at_end: str | None = None
    for match in re.finditer(re.escape(minor.encode()) + _PATCH_TEXT, body):
        before = body[match.start() - 1 : match.start()]
        if before == b"\0":
            return match[0].decode()
        if at_end is None and not _INSIDE_NUMBER.issuperset(before):
            at_end = match[0].decode()
    return at_end
