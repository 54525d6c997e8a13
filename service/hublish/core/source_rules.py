"""What a source tree may hold and what is said about it: guards, and remarks on content that a tarball lacks. Pure.

The same rules hold for a folder on disk and for a tarball, so that both give equal trees for equal commits.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import BinaryIO

from hublish.core.finding import Finding, Severity
from hublish.core.source import SourceFile, SourceTree
from hublish.errors import SourceInvalid, clip

LFS_POINTER_BYTES = 1024
_LFS_POINTER = re.compile(rb"version https?://[^\n]{1,100}/spec/v1\n(?:[a-z0-9.-]+ [^\n]*\n)*oid sha256:[0-9a-f]{64}\n")
_ATTRIBUTES_BYTES = 1 << 20
_NAMES_SHOWN = 5
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLimits:
    """How much a source tree may hold.

    Attributes:
        total_bytes: all contents together. 2 GiB: a larger tree belongs into a volume, not into an image.
        file_bytes: one file. 1 GiB: GitHub itself refuses files above 100 MB outside LFS.
        files: number of entries. 100,000: the largest ordinary repositories have about 80,000.
        path_bytes: one path in UTF-8. 1024: what archive formats and file systems carry safely.
        ratio: unpacked over packed bytes of a tarball, once it unpacks to more than 64 MiB. 200: text packs to a tenth or
            so, a bomb to a thousandth.
    """

    total_bytes: int = 2 * 2**30
    file_bytes: int = 2**30
    files: int = 100_000
    path_bytes: int = 1024
    ratio: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remark:
    severity: Severity
    code: str
    message: str
    hint: str


_LFS = _Remark(
    severity=Severity.WARNING,
    code="GitLFSPointer",
    message="in Git LFS, so the image holds a pointer instead of the content",
    hint="Commit the content itself, or fetch it when the notebook starts.",
)
_SUBMODULE = _Remark(
    severity=Severity.WARNING,
    code="Submodule",
    message="a submodule, so the image does not hold its files",
    hint="Copy the files into the repository, or add them as a locked package.",
)
_IGNORED = _Remark(
    severity=Severity.NOTE,
    code="ExportIgnored",
    message="marked export-ignore, so the image does not hold it",
    hint="Remove the attribute from .gitattributes to keep it.",
)


def verify_path(path: str, *, limits: SourceLimits) -> None:
    """Refuse a path that could mean anything but a place inside the tree.

    Args:
        path: relative POSIX path.
        limits: `path_bytes` counts.

    Raises:
        SourceInvalid: empty, absolute, with `.`, `..` or empty parts, NUL, not UTF-8, or too long.
    """
    parts = path.split("/")
    if path.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise SourceInvalid(f"expected a path inside the repository, found {clip(path) or 'an empty one'}")
    if "\0" in path:
        raise SourceInvalid(f"a path holds a NUL character: {clip(path)}")
    try:
        raw = path.encode()
    except UnicodeEncodeError:
        shown = clip(path.encode("utf-8", "replace").decode())
        raise SourceInvalid(f"a path is not UTF-8: {shown}", hint="Rename the file.") from None
    if len(raw) > limits.path_bytes or any(len(part.encode()) > 255 for part in parts):  # noqa: PLR2004 - NAME_MAX
        raise SourceInvalid(
            f"a path is longer than {limits.path_bytes} bytes, or a part of it than 255: {clip(path)}",
            hint="Shorten it.",
        )


def verify_link(path: str, target: str) -> None:
    """Refuse a symlink whose target is empty, holds NUL, is too long or not UTF-8; where it leads is not looked at.

    Raises:
        SourceInvalid: as said.
    """
    try:
        raw = target.encode()
    except UnicodeEncodeError:
        raise SourceInvalid(f"the target of the symlink {clip(path)} is not UTF-8") from None
    if not raw or b"\0" in raw or len(raw) > 4095:  # noqa: PLR2004 - PATH_MAX without its NUL
        raise SourceInvalid(f"the symlink {clip(path)} has an empty, overlong or broken target")


class SourceTally:
    """Counts what a tree has taken so far and refuses the entry that is too much."""

    def __init__(self, limits: SourceLimits) -> None:
        self._limits = limits
        self._entries = 0
        self._bytes = 0

    def add(self, path: str, size_bytes: int) -> None:
        """Count an entry before its content is read. Raises SourceInvalid."""
        self._entries += 1
        self._bytes += size_bytes
        if self._entries > self._limits.files:
            raise SourceInvalid(f"the repository has more than {self._limits.files} files and folders")
        if size_bytes > self._limits.file_bytes:
            raise SourceInvalid(f"{clip(path)} has {size_bytes} bytes, more than the {self._limits.file_bytes} allowed")
        if self._bytes > self._limits.total_bytes:
            raise SourceInvalid(f"the repository has more than {self._limits.total_bytes} bytes")


def make_tree(
    *,
    name: str,
    commit: str | None,
    committed_at: datetime | None,
    files: Iterable[SourceFile],
    findings: tuple[Finding, ...] = (),
) -> SourceTree:
    """Make the tree of files in any order.

    Raises:
        SourceInvalid: two entries have one path, or a path leads through a file or a symlink.
    """
    ordered = tuple(sorted(files, key=lambda file: file.path))
    paths = {file.path for file in ordered}
    if len(paths) != len(ordered):
        twice = next(one.path for one, other in pairwise(ordered) if one.path == other.path)
        raise SourceInvalid(f"two entries have the path {clip(twice)}")
    for path in paths:
        parents = path.split("/")[:-1]
        for depth in range(1, len(parents) + 1):
            if "/".join(parents[:depth]) in paths:
                raise SourceInvalid(f"the path {clip(path)} leads through a file or a symlink")
    return SourceTree(name=name, commit=commit, committed_at=committed_at, files=ordered, findings=findings)


def find_file(tree: SourceTree, path: str) -> SourceFile:
    """The file of a tree that has a content of its own.

    Raises:
        SourceInvalid: there is none of that path, or it is a symlink.
    """
    at = bisect_left(tree.files, path, key=lambda file: file.path)
    if at == len(tree.files) or tree.files[at].path != path or tree.files[at].link is not None:
        raise SourceInvalid(f"{clip(path)} is no file of the source tree")
    return tree.files[at]


def verify_content(stream: BinaryIO, file: SourceFile) -> None:
    """Read a seekable stream to its end, compare its hash with the tree's, and go back to its start.

    Raises:
        SourceInvalid: the content is not what the tree says.
    """
    found = hashlib.sha256()
    while chunk := stream.read(_CHUNK_BYTES):
        found.update(chunk)
    if found.hexdigest() != file.sha256:
        raise SourceInvalid(f"{clip(file.path)} changed since it was listed", hint="Start again.")
    stream.seek(0)


def is_lfs_pointer(head: bytes) -> bool:
    """Tell whether a file is a Git LFS pointer by its content (all of it, when it is small).

    Source:
        Git LFS specification, "The Pointer".
    """
    return len(head) <= LFS_POINTER_BYTES and _LFS_POINTER.match(head) is not None


def check_content(
    *,
    lfs_pointers: Iterable[str] = (),
    submodules: Iterable[str] = (),
    export_ignored: Iterable[str] = (),
    attributes: Mapping[str, bytes] | None = None,
) -> tuple[Finding, ...]:
    """Say what the image will lack although the repository seems to hold it.

    Args:
        lfs_pointers: paths of files that are Git LFS pointers.
        submodules: paths of submodules.
        export_ignored: paths left out by `export-ignore`.
        attributes: path of each `.gitattributes` -> content.

    Returns:
        At most one finding for each kind, and one for each line with `export-subst`.
    """
    findings = [
        *_check_paths(_LFS, lfs_pointers),
        *_check_paths(_SUBMODULE, submodules),
        *_check_paths(_IGNORED, export_ignored),
    ]
    for path, body in sorted((attributes or {}).items()):
        findings += _check_attributes(path, body)
    return tuple(findings)


def _check_paths(remark: _Remark, paths: Iterable[str]) -> tuple[Finding, ...]:
    ordered = sorted(paths)
    if not ordered:
        return ()
    names = ", ".join(clip(path) for path in ordered[:_NAMES_SHOWN])
    more = f" and {len(ordered) - _NAMES_SHOWN} more" if len(ordered) > _NAMES_SHOWN else ""
    return (
        Finding(
            severity=remark.severity,
            code=remark.code,
            message=f"{remark.message}: {names}{more}",
            path=ordered[0],
            hint=remark.hint,
        ),
    )


def _check_attributes(path: str, body: bytes) -> list[Finding]:
    findings = []
    for number, line in enumerate(body[:_ATTRIBUTES_BYTES].decode("utf-8", "replace").splitlines(), start=1):
        words = line.split()
        if words and not words[0].startswith("#") and "export-subst" in words[1:]:
            findings.append(
                Finding(
                    severity=Severity.WARNING,
                    code="ExportSubst",
                    message=f"git rewrites the files that fit {clip(words[0])} in a tarball (export-subst)",
                    path=path,
                    line=number,
                    hint="Their content may differ between a checkout and the image; remove the attribute.",
                )
            )
    return findings
