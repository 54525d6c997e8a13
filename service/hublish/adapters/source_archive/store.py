"""Unpacked commits on disk: a folder per repository id and commit, contents by hash, and a listing that is verified.

A folder appears by one rename, so that it is whole or not there. What was damaged since is found when it is loaded.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from hublish.builders.disk import hash_file
from hublish.core.finding import Finding, Severity
from hublish.core.source import FileMode, SourceFile, SourceTree
from hublish.core.source_rules import find_file, make_tree
from hublish.errors import SourceInvalid

_LISTING = "listing.json"
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSource:
    """A commit's tree, its contents in `folder`; implements the Source port."""

    folder: Path
    tree: SourceTree

    def open(self, path: str) -> BinaryIO:
        """Open a file of the tree. Raises SourceInvalid when it is none."""
        return (self.folder / find_file(self.tree, path).sha256).open("rb")


def save_listing(folder: Path, tree: SourceTree) -> None:
    """Write the tree into the folder that holds its contents."""
    committed_at = 0 if tree.committed_at is None else int(tree.committed_at.timestamp())
    document = {
        "version": _VERSION,
        "commit": tree.commit,
        "committed_at": committed_at,
        "digest": tree.digest,
        "files": [[file.path, file.mode.value, file.size_bytes, file.sha256, file.link] for file in tree.files],
        "findings": [
            [item.severity.value, item.code, item.message, item.path, item.hint, item.line] for item in tree.findings
        ],
    }
    (folder / _LISTING).write_text(json.dumps(document), encoding="utf-8")


def load_source(folder: Path, *, name: str, commit: str) -> StoredSource | None:
    """Load a stored commit and verify every content.

    Args:
        folder: where `save_listing` wrote.
        name: the repository's name today.
        commit: what must be stored there.

    Returns:
        None when there is none, or when anything about it is not as it was written.
    """
    try:
        document = json.loads((folder / _LISTING).read_text(encoding="utf-8"))
        tree = _parse_tree(document, name)
        intact = document["version"] == _VERSION and document["digest"] == tree.digest and tree.commit == commit
        if intact and all(_is_intact(folder, file) for file in tree.files):
            return StoredSource(folder=folder, tree=tree)
    except (OSError, ValueError, KeyError, TypeError, SourceInvalid):
        return None
    return None


def _parse_tree(document: dict[str, Any], name: str) -> SourceTree:
    files = [
        SourceFile(path=path, mode=FileMode(mode), size_bytes=size_bytes, sha256=sha256, link=link)
        for path, mode, size_bytes, sha256, link in document["files"]
    ]
    findings = tuple(
        Finding(severity=Severity(severity), code=code, message=message, path=path, hint=hint, line=line)
        for severity, code, message, path, hint, line in document["findings"]
    )
    return make_tree(
        name=name,
        commit=document["commit"],
        committed_at=datetime.fromtimestamp(document["committed_at"], UTC),
        files=files,
        findings=findings,
    )


def _is_intact(folder: Path, file: SourceFile) -> bool:
    if file.link is not None:
        return hashlib.sha256(file.link.encode()).hexdigest() == file.sha256
    return hash_file(folder / file.sha256) == file.sha256
