"""Wheels that lie in the repository: found in the tree when planning, handed out like an index's when building.

The plan holds the hash of the very bytes the commit has, which must be one of the lock's where the lock has any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path

from hublish.builders.disk import hash_file, name_disk_errors, replace_file
from hublish.builders.sweep import note_use
from hublish.core.finding import Finding, Severity
from hublish.core.locks.lock import IndexSource, LockedPackage, PackageOrigin
from hublish.core.ports import IndexFile, PackageIndex, Source
from hublish.core.source import SourceTree
from hublish.errors import WheelInvalid, clip

_CHUNK_BYTES = 1 << 20
_SCHEME = "repository:"


def locate_wheels(
    packages: Sequence[LockedPackage], tree: SourceTree, *, lock_path: str
) -> tuple[tuple[LockedPackage, ...], tuple[Finding, ...]]:
    """Give each package whose wheel lies in the repository the hash of that file.

    Args:
        packages: what is to be installed; those of an index are left as they are.
        tree: of the commit.
        lock_path: where findings point to.

    Returns:
        `(packages, errors)`: a wheel that is missing, is no regular file, or has another hash than the lock says.
    """
    files = {file.path: file for file in tree.files if file.link is None}
    located: list[LockedPackage] = []
    findings: list[Finding] = []
    for package in packages:
        if package.origin is PackageOrigin.FILE:
            path = package.location or ""
            file = files.get(path)
            found = None if file is None else f"sha256:{file.sha256}"
            if found is None:
                message = f"`{package.name}`: the repository holds no file `{clip(path)}`"
                findings.append(_make_error(package, lock_path, "WheelMissing", message, "commit the wheel"))
            elif package.hashes and found not in package.hashes:
                message = f"`{package.name}`: `{clip(path)}` has another hash than the lock says"
                findings.append(_make_error(package, lock_path, "WheelInvalid", message, "lock again"))
            else:
                package = replace(package, hashes=(found,))  # noqa: PLW2901 -- the same package, its hash known
        located.append(package)
    return tuple(located), tuple(findings)


def _make_error(package: LockedPackage, path: str, code: str, message: str, hint: str) -> Finding:
    return Finding(severity=Severity.ERROR, code=code, message=message, hint=hint, path=path, line=package.line)


def add_repository_wheels(
    index: PackageIndex, packages: Sequence[LockedPackage], *, source: Source, folder: Path
) -> PackageIndex:
    """Make an index that has the repository's wheels under their names and everything else from `index`.

    Args:
        index: asked for every other package.
        packages: of the plan.
        source: the tree the plan was made from.
        folder: where wheels are copied to, by their hash.
    """
    paths = {package.name: package.location or "" for package in packages if package.origin is PackageOrigin.FILE}
    return _RepositoryWheels(index, paths, source=source, folder=folder) if paths else index


class _RepositoryWheels:
    """A package index in front of another."""

    def __init__(self, index: PackageIndex, paths: Mapping[str, str], *, source: Source, folder: Path) -> None:
        self._index = index
        self._paths = paths
        self._source = source
        self._folder = folder

    def list_files(
        self, source: IndexSource, name: str, *, hashes: AbstractSet[str] | None = None
    ) -> tuple[IndexFile, ...]:
        path = self._paths.get(name)
        if path is None:
            return self._index.list_files(source, name, hashes=hashes)
        return tuple(
            IndexFile(
                filename=path.rpartition("/")[2], url=_SCHEME + path, sha256=file.sha256, size_bytes=file.size_bytes
            )
            for file in self._source.tree.files
            if file.path == path and file.link is None and (hashes is None or file.sha256 in hashes)
        )

    def fetch_file(self, source: IndexSource, file: IndexFile, progress: Callable[[int], None] | None = None) -> Path:
        if not file.url.startswith(_SCHEME):
            return self._index.fetch_file(source, file, progress)
        path = self._folder / (file.sha256 or "") / file.filename
        note_use(path)
        if not _has_hash(path, file.sha256):
            with name_disk_errors("the wheels of the repository"):
                self._copy(file, path)
        return path

    def find_file(self, file: IndexFile) -> Path | None:
        return self._index.find_file(file)

    def fetch_metadata(self, source: IndexSource, file: IndexFile) -> bytes | None:
        # A wheel of the repository is here already, so that its METADATA costs nothing more.
        return None if file.url.startswith(_SCHEME) else self._index.fetch_metadata(source, file)

    def _copy(self, file: IndexFile, path: Path) -> None:
        digest = hashlib.sha256()
        with self._source.open(file.url.removeprefix(_SCHEME)) as body, replace_file(path) as copy:
            while chunk := body.read(_CHUNK_BYTES):
                digest.update(chunk)
                copy.write(chunk)
            if digest.hexdigest() != file.sha256:
                raise WheelInvalid(
                    f"{file.filename} is not what it was when the build was planned", hint="Build again."
                )


def _has_hash(path: Path, sha256: str | None) -> bool:
    try:
        return hash_file(path) == sha256
    except OSError:
        # What is wrong with the place shows when the file is written.
        return False
