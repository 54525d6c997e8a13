"""The walk over a base's layers: one merged view of the paths that matter, whiteouts applied.

Only names, modes, owners, links and the bytes of a few small or telling files are kept; the walk is bounded in entries,
bytes and kept bytes, because a base can be anybody's image.

Source: OCI image-spec v1.1, layer.md (whiteouts, opaque folders).
"""

from __future__ import annotations

import re
import tarfile
from dataclasses import dataclass, field
from posixpath import normpath
from typing import Any, BinaryIO, cast

from hublish.builders.base.facts import Directory
from hublish.builders.base.image import BaseImage, open_base_layer
from hublish.core.ports import ImageReader
from hublish.errors import BaseUnsupported, ImageInvalid, clip
from hublish.oci.layers import STREAM_ERRORS, WHITEOUT_PREFIX

ENTRY_LIMIT = 3_000_000
STREAM_LIMIT_BYTES = 64 << 30
_KEPT_FILE_LIMIT_BYTES = 96 << 20
_BROKEN: tuple[type[Exception], ...] = (tarfile.TarError, *STREAM_ERRORS)
_OPAQUE = ".wh..wh..opq"
_KEPT = re.compile(
    r"(/pyvenv\.cfg|/bin/python3\.\d+|/libpython3\.\d+\.so[.\d]*|/libc\.so\.6|/libc-2\.\d+\.so|/ld-musl-[^/]+"
    r"|-packages/[^/]+\.dist-info/RECORD|^/etc/passwd)$"
)
_VERSION_TEXT = re.compile(rb"\0(3\.\d+\.\d+)(?:(?:a|b|c|rc)\d+)?\+?\0")
_GLIBC_TEXT = re.compile(rb"GNU C Library [^\n]{0,80}version 2\.(\d+)")
_MUSL_TEXT = re.compile(rb"\x001\.(\d+)\.\d+\0")


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
    """

    directories: dict[str, Directory] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    hard_links: dict[str, str] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    python_versions: dict[str, str] = field(default_factory=dict)
    libc: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def _tables(self) -> tuple[dict[str, Any], ...]:
        return (self.links, self.hard_links, self.texts, self.python_versions, self.libc)

    def drop(self, path: str, *, itself: bool) -> None:
        """Forget everything under `path`, and `path` too where `itself`."""
        below = path.rstrip("/") + "/"
        if itself and path not in self.directories:
            # Most whiteouts hide one file: no need to look for anything below it.
            self.files.discard(path)
            for table in self._tables:
                table.pop(path, None)
            return
        for table in (self.directories, *self._tables):
            for known in [known for known in table if known.startswith(below) or (itself and known == path)]:
                del table[known]
        self.files = {known for known in self.files if not (known.startswith(below) or (itself and known == path))}


def scan_base(images: ImageReader, base: BaseImage) -> Scan:
    """Read all layers of a base, lowest first.

    Raises:
        BaseUnsupported: a layer beyond the bounds of this module.
        ImageInvalid: a layer that is no tar stream.
    """
    scan = Scan()
    seen = 0
    for layer in base.manifest.layers:
        with open_base_layer(images, base, layer) as stream:
            try:
                bounded = _Bounded(stream)
                seen += _scan_layer(bounded, scan, allowed=ENTRY_LIMIT - seen)
                bounded.drain()
            except _BROKEN as exc:
                message = f"{base.reference}: layer {layer.digest} is no tar stream ({clip(str(exc))})"
                raise ImageInvalid(message) from exc
    return scan


class _Bounded:
    """A stream that ends the walk when it holds more than a base ever should."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left_bytes = STREAM_LIMIT_BYTES

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            raise BaseUnsupported(f"a layer of the base unpacks to more than {STREAM_LIMIT_BYTES} bytes")
        return data

    def drain(self) -> None:
        """Read what follows the end of the archive: the blob's digest is verified at its very end."""
        while self.read(1 << 20):
            pass


def _scan_layer(stream: _Bounded, scan: Scan, *, allowed: int) -> int:
    count = 0
    added: set[str] = set()
    with tarfile.open(fileobj=cast("BinaryIO", stream), mode="r|", bufsize=1 << 20) as archive:
        for member in archive:
            count += 1
            if count > allowed:
                raise BaseUnsupported(f"the base has more than {ENTRY_LIMIT} entries")
            path = normpath("/" + member.name.lstrip("/"))
            if not _apply_whiteout(path, scan, added):
                _scan_member(archive, member, path, scan)
                added.add(path)
            # A streamed archive keeps every header it has seen unless told otherwise.
            archive.members = []  # type: ignore[attr-defined] # typeshed leaves the attribute out
    return count


def _apply_whiteout(path: str, scan: Scan, added: set[str]) -> bool:
    folder, _, name = path.rpartition("/")
    if not name.startswith(WHITEOUT_PREFIX):
        return False
    if name == _OPAQUE:
        scan.drop(folder or "/", itself=False)
    elif (hidden := f"{folder}/{name.removeprefix(WHITEOUT_PREFIX)}") not in added:
        scan.drop(hidden, itself=True)
    return True


def _scan_member(archive: tarfile.TarFile, member: tarfile.TarInfo, path: str, scan: Scan) -> None:
    if member.isdir():
        scan.links.pop(path, None)
        scan.files.discard(path)
        scan.directories[path] = Directory(
            path=path, mode=member.mode & 0o7777, user_id=member.uid, group_id=member.gid
        )
        return
    if path in scan.directories:
        scan.drop(path, itself=True)
    scan.links.pop(path, None)
    if member.issym():
        scan.files.discard(path)
        scan.links[path] = member.linkname
    elif member.islnk():
        scan.files.add(path)
        scan.hard_links[path] = normpath("/" + member.linkname.lstrip("/"))
    elif member.isfile():
        scan.files.add(path)
        if _KEPT.search(path) is not None and member.size <= _KEPT_FILE_LIMIT_BYTES:
            body = archive.extractfile(member)
            _keep(path, b"" if body is None else body.read(), scan)


def _keep(path: str, body: bytes, scan: Scan) -> None:
    name = path.rpartition("/")[2]
    if name.startswith(("python3.", "libpython3.")):
        if (match := _VERSION_TEXT.search(body)) is not None:
            scan.python_versions[path] = match[1].decode()
    elif name.startswith("libc"):
        if (match := _GLIBC_TEXT.search(body)) is not None:
            scan.libc[path] = ("glibc", int(match[1]))
    elif name.startswith("ld-musl"):
        if (match := _MUSL_TEXT.search(body)) is not None:
            scan.libc[path] = ("musl", int(match[1]))
    else:
        scan.texts[path] = body
