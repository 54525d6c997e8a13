"""The tree of a repository at one commit, as a value: what is in it, not where it lies."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from hublish.core.finding import Finding


class FileMode(Enum):
    """The three kinds of entries git keeps in a tree that hublish puts into an image."""

    REGULAR = "644"
    EXECUTABLE = "755"
    SYMLINK = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One entry of a source tree.

    Attributes:
        path: relative POSIX path without `.`, `..`, leading `/` or NUL.
        mode: kind of the entry.
        size_bytes: length of the content; 0 for a symlink.
        sha256: lower-case hex of the content, or of the link's target text for a symlink.
        link: target of a symlink as written, never resolved; None for files.
    """

    path: str
    mode: FileMode
    size_bytes: int
    sha256: str
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTree:
    """What a commit (or a working tree) holds.

    Attributes:
        name: the repository's name without owner, e.g. "ts"; the folder a user finds in $HOME.
        commit: 40 hex digits; None for a folder that is no clean git checkout.
        committed_at: aware UTC time of the commit; None with `commit`.
        files: sorted by path, no two alike.
        findings: remarks on the tree (LFS pointers, submodules, export-ignore, ...).
    """

    name: str
    commit: str | None
    committed_at: datetime | None
    files: tuple[SourceFile, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def paths(self) -> frozenset[str]:
        """All paths of the tree."""
        return frozenset(file.path for file in self.files)

    @property
    def digest(self) -> str:
        """`sha256:` over the canonical listing (path, mode, content hash): equal trees have equal digests."""
        listing = [[file.path, file.mode.value, file.sha256] for file in self.files]
        return "sha256:" + hashlib.sha256(json.dumps(listing, separators=(",", ":")).encode()).hexdigest()
