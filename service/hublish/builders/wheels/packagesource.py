"""Packages that a lock names by a place in a repository: the folder whose bytes count, and the archive that is built.

A folder of the repository itself counts by its tree, so that its wheel is built again when a file of it changes and not
when anything else does; a commit of another repository counts by its id. What a package takes from outside its folder is
not there when it is built, and neither is git's own folder.
"""

from __future__ import annotations

import gzip
import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hublish.builders.disk import name_disk_errors
from hublish.builders.wheels.sdist import find_suffix
from hublish.core.finding import Finding, Severity
from hublish.core.locks.lock import LockedPackage, PackageOrigin
from hublish.core.locks.vcs import parse_vcs_location
from hublish.core.ports import CommitFetcher, Source
from hublish.core.source import FileMode, SourceFile, SourceTree
from hublish.errors import SourceInvalid, StrategyUnavailable, clip

ARCHIVE = "source.tar.gz"
_TOP = "package"
_PROJECT_FILES = frozenset({"pyproject.toml", "setup.py"})
_MODES = {FileMode.REGULAR: 0o644, FileMode.EXECUTABLE: 0o755, FileMode.SYMLINK: 0o777}


def locate_folders(
    packages: Sequence[LockedPackage], tree: SourceTree, *, lock_path: str
) -> tuple[tuple[LockedPackage, ...], tuple[Finding, ...]]:
    """Give each package that is a folder or an archive of the repository the hash of that.

    Args:
        packages: what is to be installed; those from elsewhere are left as they are.
        tree: of the commit.
        lock_path: where findings point to.

    Returns:
        `(packages, errors)`: a place that the repository lacks, or that is no package.
    """
    located: list[LockedPackage] = []
    findings: list[Finding] = []
    for package in packages:
        if package.origin is PackageOrigin.PATH:
            place = package.location or "."
            archive = _find_archive(tree, place)
            files = list_folder(tree, place)
            if archive is not None:
                package = replace(package, hashes=(f"sha256:{archive.sha256}",))  # noqa: PLW2901 -- its hash is known
            elif _PROJECT_FILES.isdisjoint(file.path for file in files):
                findings.append(_make_error(package, lock_path))
            else:
                folder = SourceTree(name="", commit=None, committed_at=None, files=files)
                package = replace(package, hashes=(folder.digest,))  # noqa: PLW2901 -- the same
        located.append(package)
    return tuple(located), tuple(findings)


def list_folder(tree: SourceTree, folder: str) -> tuple[SourceFile, ...]:
    """List what a tree holds in a folder, by paths from there; "." is the whole tree."""
    if folder == ".":
        return tree.files
    prefix = f"{folder}/"
    return tuple(
        replace(file, path=file.path.removeprefix(prefix)) for file in tree.files if file.path.startswith(prefix)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSources:
    """Where the packages of a build lie.

    Attributes:
        source: the tree of the repository that is built.
        commits: brings commits of others; None where nothing may.
    """

    source: Source
    commits: CommitFetcher | None = None

    def write_archive(self, package: LockedPackage, folder: Path) -> Path:
        """Write what is built of a package into an empty folder; returns the archive.

        Raises:
            SourceInvalid: the commit holds no such folder.
            StrategyUnavailable: nothing here may bring a commit of another repository.
            HublishError: what the fetcher of commits raises.
        """
        source, place = self.source, package.location or "."
        if package.origin is PackageOrigin.VCS:
            if self.commits is None:
                raise StrategyUnavailable(
                    f"{package.name} comes from another repository, and nothing here may fetch from there",
                    hint="Publish its wheel to a package index, or commit the wheel.",
                )
            commit = parse_vcs_location(place)
            source, place = self.commits.fetch_commit(commit.url, commit.commit), commit.folder
        with name_disk_errors(f"the source of {package.name}"):
            folder.mkdir(parents=True)
            archive = _find_archive(source.tree, place)
            if archive is not None:
                return _copy(source, archive, folder)
            files = list_folder(source.tree, place)
            if not files:
                raise SourceInvalid(f"{package.name}: there is no folder {clip(place)} in what it comes from")
            return _write(source, files, place=place, path=folder / ARCHIVE)


def _find_archive(tree: SourceTree, place: str) -> SourceFile | None:
    return next(
        (file for file in tree.files if file.path == place and file.link is None and find_suffix(place)),
        None,
    )


def _copy(source: Source, file: SourceFile, folder: Path) -> Path:
    path = folder / f"source{find_suffix(file.path)}"
    with source.open(file.path) as body, path.open("wb") as copy:
        shutil.copyfileobj(body, copy)
    return path


def _write(source: Source, files: Sequence[SourceFile], *, place: str, path: Path) -> Path:
    """Write a folder as an archive; equal trees give equal bytes."""
    prefix = "" if place == "." else f"{place}/"
    with (
        path.open("wb") as stream,
        gzip.GzipFile(fileobj=stream, mode="wb", filename="", mtime=0, compresslevel=1) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for file in files:
            member = tarfile.TarInfo(f"{_TOP}/{file.path}")
            member.mode = _MODES[file.mode]
            if file.link is not None:
                member.type, member.linkname = tarfile.SYMTYPE, file.link
                archive.addfile(member)
                continue
            member.size = file.size_bytes
            with source.open(prefix + file.path) as body:
                archive.addfile(member, body)
    return path


def _make_error(package: LockedPackage, path: str) -> Finding:
    place = clip(package.location or ".")
    return Finding(
        severity=Severity.ERROR,
        code="PackageMissing",
        message=f"`{package.name}`: the repository holds no package at `{place}`: neither pyproject.toml nor setup.py is there",
        hint="correct its path in the Pipfile, and lock again",
        path=path,
        line=package.line,
    )
