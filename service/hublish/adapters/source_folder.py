"""A folder on this machine as a source tree: what git tracks or would track, else everything but caches.

A clean checkout gives the tree, and so the digest, of the tarball of its commit. Nothing is written, no hook or helper of
the repository is run, no symlink is followed.
"""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from hublish.core.source import FileMode, SourceFile, SourceTree
from hublish.core.source_rules import (
    LFS_POINTER_BYTES,
    SourceLimits,
    SourceTally,
    check_content,
    find_file,
    is_lfs_pointer,
    make_tree,
    verify_content,
    verify_link,
    verify_path,
)
from hublish.errors import SourceInvalid, SourceMissing, clip

# Left out where no git says what belongs to the repository.
CACHE_FOLDERS = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".ipynb_checkpoints", ".venv", "node_modules", ".pytest_cache", ".mypy_cache",
     ".ruff_cache", ".tox", ".nox", ".hublish"}
)  # fmt: skip
_GIT_SECONDS = 60
_CHUNK_BYTES = 1 << 20
# A repository's own configuration may name programs (fsmonitor, hooks); a folder from elsewhere must not run them.
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false")
_SUBMODULE_MODE = "160000"
_EXECUTABLE_MODE = "100755"
_OID = "# branch.oid "


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSource:
    """A folder and its tree; implements the Source port."""

    folder: Path
    tree: SourceTree

    @classmethod
    def load(cls, folder: Path, *, environ: Mapping[str, str], limits: SourceLimits | None = None) -> FolderSource:
        """Read a folder into a source.

        In a git checkout the tracked files count, and those that are untracked but not ignored; paths that are marked
        export-ignore do not, as in a tarball. The commit is known only when the folder is the whole of a checkout with
        nothing changed.

        Args:
            folder: where to look.
            environ: environment for git; PATH and HOME count.
            limits: guards; None takes the defaults.

        Raises:
            SourceMissing: there is no such folder.
            SourceInvalid: a guard is broken, git fails, or the folder holds a device or a socket.
        """
        if not folder.is_dir():
            raise SourceMissing(f"expected a folder, found none at {folder}")
        folder = folder.resolve()
        limits = SourceLimits() if limits is None else limits
        listing = _list_by_git(folder, environ)
        listing = _Listing(paths=tuple(_walk(folder, folder))) if listing is None else listing
        scan = _Scan(folder=folder, limits=limits, modes=listing.modes)
        files = [file for path in listing.paths for file in scan.read(path)]
        findings = check_content(
            lfs_pointers=scan.lfs_pointers,
            submodules=listing.submodules,
            export_ignored=listing.export_ignored,
            attributes=scan.attributes,
        )
        tree = make_tree(
            name=folder.name,
            commit=listing.commit,
            committed_at=listing.committed_at,
            files=files,
            findings=findings,
        )
        return cls(folder=folder, tree=tree)

    def open(self, path: str) -> BinaryIO:
        """Open a file of the tree.

        Raises:
            SourceInvalid: it is no file of the tree, or its content changed since the tree was read.
        """
        file = find_file(self.tree, path)
        stream = _open_inside(self.folder, path)
        try:
            verify_content(stream, file)
        except SourceInvalid:
            stream.close()
            raise
        return stream


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """Which paths count, and what git says of them."""

    paths: tuple[str, ...]
    commit: str | None = None
    committed_at: datetime | None = None
    modes: Mapping[str, str] | None = None
    submodules: tuple[str, ...] = ()
    export_ignored: tuple[str, ...] = ()


class _Scan:
    """Reads entries one by one and keeps what the findings need."""

    def __init__(self, *, folder: Path, limits: SourceLimits, modes: Mapping[str, str] | None) -> None:
        self._folder = folder
        self._limits = limits
        self._modes = modes
        self._tally = SourceTally(limits)
        self.lfs_pointers: list[str] = []
        self.attributes: dict[str, bytes] = {}

    def read(self, path: str) -> Iterator[SourceFile]:
        """Read one entry; nothing for one that git lists but that was deleted."""
        verify_path(path, limits=self._limits)
        try:
            status = (self._folder / path).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return
        if stat.S_ISLNK(status.st_mode):
            yield self._read_link(path)
        elif stat.S_ISREG(status.st_mode):
            yield self._read_file(path, status)
        else:
            raise SourceInvalid(f"{clip(path)} is a device, a socket or a pipe; only files and symlinks are allowed")

    def _read_link(self, path: str) -> SourceFile:
        target = os.readlink(self._folder / path)  # noqa: PTH115 - Path.readlink tidies the text; it counts as written
        verify_link(path, target)
        self._tally.add(path, 0)
        sha256 = hashlib.sha256(target.encode()).hexdigest()
        return SourceFile(path=path, mode=FileMode.SYMLINK, size_bytes=0, sha256=sha256, link=target)

    def _read_file(self, path: str, status: os.stat_result) -> SourceFile:
        self._tally.add(path, status.st_size)
        digest = hashlib.sha256()
        size_bytes = 0
        head = b""
        with _open_inside(self._folder, path) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                head = head or chunk
                digest.update(chunk)
                size_bytes += len(chunk)
                if size_bytes > self._limits.file_bytes:
                    raise SourceInvalid(f"{clip(path)} grows while it is read")
        if size_bytes <= LFS_POINTER_BYTES and is_lfs_pointer(head):
            self.lfs_pointers.append(path)
        if path.rpartition("/")[2] == ".gitattributes":
            self.attributes[path] = head
        # git's own mode counts where it is known: file systems without an executable bit would lose it.
        mode = None if self._modes is None else self._modes.get(path)
        executable = bool(status.st_mode & stat.S_IXUSR) if mode is None else mode == _EXECUTABLE_MODE
        kind = FileMode.EXECUTABLE if executable else FileMode.REGULAR
        return SourceFile(path=path, mode=kind, size_bytes=size_bytes, sha256=digest.hexdigest())


def _open_inside(folder: Path, path: str) -> BinaryIO:
    """Open a file without following a symlink, neither at its end nor on the way."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    *parents, name = path.split("/")
    try:
        for parent in parents:
            deeper = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        return os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=descriptor), "rb")
    except OSError as exc:
        raise SourceInvalid(f"{clip(path)} cannot be read: {exc.strerror}") from exc
    finally:
        os.close(descriptor)


def _walk(root: Path, folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda item: item.name):
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in CACHE_FOLDERS:
                    yield from _walk(root, Path(entry.path))
            else:
                yield Path(entry.path).relative_to(root).as_posix()


# -- git --------------------------------------------------------------------------------------------------------------


def _list_by_git(folder: Path, environ: Mapping[str, str]) -> _Listing | None:
    """List the folder by git; None when it is in no checkout, or git knows nothing of it."""
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return None
    top = _git(folder, environ, "rev-parse", "--show-toplevel").decode(errors="surrogateescape").rstrip("\n")
    modes = dict(_parse_stages(_git(folder, environ, "ls-files", "-z", "--stage")))
    untracked = _split(_git(folder, environ, "ls-files", "-z", "--others", "--exclude-standard"))
    if not modes and not untracked and Path(top) != folder:
        return None
    submodules = tuple(sorted(path for path, mode in modes.items() if mode == _SUBMODULE_MODE))
    # A nested checkout that is no submodule is listed with a slash at its end; it is not part of this repository.
    paths = {path for path in (*modes, *untracked) if not path.endswith("/")} - set(submodules)
    # A tracked folder that was replaced by a file or a symlink is still listed with what it held.
    paths -= {path for path in modes for above in _folders_above(path) if above[:-1] in paths}
    ignored = _find_export_ignored(folder, environ, paths)
    listing = _Listing(
        paths=tuple(sorted(paths - ignored)), submodules=submodules, export_ignored=tuple(sorted(ignored & set(modes)))
    )
    commit = _find_clean_commit(folder, environ) if Path(top) == folder and not untracked else None
    if commit is None:
        return listing
    seconds = _git(folder, environ, "show", "-s", "--no-show-signature", "--format=%ct", commit)
    return _Listing(
        paths=listing.paths,
        commit=commit,
        committed_at=datetime.fromtimestamp(int(seconds), UTC),
        modes=modes,
        submodules=listing.submodules,
        export_ignored=listing.export_ignored,
    )


def _parse_stages(output: bytes) -> Iterator[tuple[str, str]]:
    for record in _split(output):
        fields, _, path = record.partition("\t")
        yield path, fields.split(" ", 1)[0]


def _find_export_ignored(folder: Path, environ: Mapping[str, str], paths: set[str]) -> set[str]:
    """The paths that git archive leaves out, by their own attribute or by that of a folder above them."""
    folders = {folder for path in paths for folder in _folders_above(path)}
    asked = "\0".join([*sorted(paths), *sorted(folders)]).encode(errors="surrogateescape")
    if not asked:
        return set()
    fields = _split(_git(folder, environ, "check-attr", "-z", "--stdin", "export-ignore", body=asked))
    marked = {path for path, value in zip(fields[::3], fields[2::3], strict=True) if value == "set"}
    return {path for path in paths if path in marked or not marked.isdisjoint(_folders_above(path))}


def _folders_above(path: str) -> list[str]:
    """`a/b/c` -> `a/`, `a/b/`: with the slash by which git knows a folder."""
    parts = path.split("/")
    return ["/".join(parts[:depth]) + "/" for depth in range(1, len(parts))]


def _find_clean_commit(folder: Path, environ: Mapping[str, str]) -> str | None:
    """The commit that is checked out; None before the first one, or when a tracked file differs from it."""
    options = ("--porcelain=v2", "--branch", "-z", "--untracked-files=no", "--ignore-submodules=none")
    records = _split(_git(folder, environ, "status", *options))
    commit = next((record[len(_OID) :] for record in records if record.startswith(_OID)), "(initial)")
    is_clean = all(record.startswith("# ") for record in records)
    return commit if is_clean and commit != "(initial)" else None


def _split(output: bytes) -> list[str]:
    return [item.decode(errors="surrogateescape") for item in output.split(b"\0") if item]


def _git(folder: Path, environ: Mapping[str, str], *arguments: str, body: bytes = b"") -> bytes:
    variables = {key: value for key, value in environ.items() if not key.startswith("GIT_")}
    variables |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 - fixed words; the folder is the working directory, never an argument
            [*_GIT, *arguments],
            cwd=folder,
            env=variables,
            input=body,
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as exc:
        raise SourceInvalid(
            f"git {arguments[0]} failed in {folder}: {clip(exc.stderr.decode(errors='replace'))}",
            hint="Check the checkout with `git status`.",
        ) from exc
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise SourceInvalid(
            f"git could not list {folder}: {type(exc).__name__}",
            hint="The folder is a git checkout; install git, or remove its .git folder.",
        ) from exc
    return done.stdout
