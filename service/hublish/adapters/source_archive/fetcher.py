"""The source port over tarballs: fetch once per commit, keep, hand out."""

from __future__ import annotations

import errno
import re
import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from hublish.adapters.source_archive.store import StoredSource, load_source, save_listing
from hublish.adapters.source_archive.unpack import Unpacked, unpack_tarball
from hublish.core.repository import Repository, ResolvedRef
from hublish.core.source_rules import SourceLimits, check_content, make_tree
from hublish.errors import DiskFull, GitHubFailed, SourceInvalid, clip

FetchTarball = Callable[[Repository, str], AbstractContextManager[BinaryIO]]
"""Open the gzipped tarball of (repository, commit) for reading."""
ListTree = Callable[[Repository, str], tuple[tuple[str, str, str], ...] | None]
"""List (path, mode, type) of every entry of (repository, commit), folders included; None or () when it is too long."""

_SHA = re.compile(r"[0-9a-f]{40}")
_MODULE_PATH = re.compile(rb"^\s*path\s*=\s*(.+?)\s*$", re.MULTILINE)
_SUBMODULE_MODE = "160000"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSourceFetcher:
    """Brings trees of commits into a folder; safe to share between threads and processes.

    Attributes:
        fetch_tarball: opens the tarball of a commit.
        list_tree: lists the commit by another way, to find what the tarball lacks; None leaves that out.
        cache: folder for the trees; created when needed.
        limits: guards.
        attempts: tries for a tarball that breaks off.
        backoff_seconds: wait before the second try; doubled for each further one.
        sleep: waits.
    """

    fetch_tarball: FetchTarball
    cache: Path
    list_tree: ListTree | None = None
    limits: SourceLimits = field(default_factory=SourceLimits)
    attempts: int = 3
    backoff_seconds: float = 1.0
    sleep: Callable[[float], None] = time.sleep

    def fetch_source(self, repository: Repository, ref: ResolvedRef) -> StoredSource:
        """Bring the tree at `ref.sha` here, or find it in the cache.

        Raises:
            SourceInvalid: a guard is broken, or the tarball is of another commit.
            SourceMissing, GitHubFailed: as the functions given raise them; GitHubFailed also for a tarball that broke
                off at each try.
            DiskFull: the cache has no space.
        """
        if _SHA.fullmatch(ref.sha) is None:
            raise SourceInvalid(f"expected a commit of 40 hex digits, found {clip(ref.sha)}")
        folder = self.cache / str(repository.id) / ref.sha
        kept = load_source(folder, name=repository.name, commit=ref.sha)
        if kept is not None:
            return kept
        attempt = 1
        while True:
            try:
                return self._fetch(repository, ref.sha, folder)
            except GitHubFailed as exc:
                if not exc.transient or attempt >= self.attempts:
                    raise
            self.sleep(self.backoff_seconds * float(2 ** (attempt - 1)))
            attempt += 1

    def _fetch(self, repository: Repository, sha: str, folder: Path) -> StoredSource:
        staging = folder.parent / f".{uuid.uuid4().hex}"
        try:
            staging.mkdir(parents=True)
            with self.fetch_tarball(repository, sha) as stream:
                unpacked = unpack_tarball(stream, commit=sha, folder=staging, limits=self.limits)
            self._save(staging, unpacked, repository, sha)
            return _publish(staging, folder, name=repository.name, commit=sha)
        except OSError as exc:
            if exc.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(f"no space is left under {self.cache}", hint="Free some space there.") from exc
            raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _save(self, staging: Path, unpacked: Unpacked, repository: Repository, sha: str) -> None:
        listed = () if self.list_tree is None else self.list_tree(repository, sha)
        paths = {file.path for file in unpacked.files}
        if not listed:
            submodules = [path.decode("utf-8", "replace") for path in _MODULE_PATH.findall(unpacked.modules or b"")]
            ignored = []
        else:
            submodules = [path for path, mode, _ in listed if mode == _SUBMODULE_MODE]
            ignored = [path for path, _, kind in listed if kind == "blob" and path not in paths]
        findings = check_content(
            lfs_pointers=unpacked.lfs_pointers,
            submodules=submodules,
            export_ignored=ignored,
            attributes=unpacked.attributes,
        )
        tree = make_tree(
            name=repository.name,
            commit=sha,
            committed_at=unpacked.committed_at,
            files=unpacked.files,
            findings=findings,
        )
        save_listing(staging, tree)


def _publish(staging: Path, folder: Path, *, name: str, commit: str) -> StoredSource:
    """Move a finished folder to its place; one that another process put there first is taken, a damaged one replaced."""
    for _ in range(2):
        try:
            staging.rename(folder)
        except OSError as exc:
            if exc.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        stored = load_source(folder, name=name, commit=commit)
        if stored is not None:
            return stored
        shutil.rmtree(folder, ignore_errors=True)
    raise GitHubFailed(f"the source cache {folder.parent} is damaged again and again", transient=True)
