"""A lock as a value: which packages at which versions with which bytes, and the indexes they come from.

Nothing here knows a file format; `hublish.core.locks.choice` finds the lock of a tree and has it read into these values.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

ANY_SOURCE = ""
"""Name of no source in particular: a package that may come from each of the lock's sources, asked in their order."""

DEFAULT_SOURCE = "default"
"""Name of the operator's default index, which counts where a lock names none."""


class LockKind(Enum):
    """Which tool's format a lock is in, by the usual name of its file."""

    PIPFILE_LOCK = "Pipfile.lock"
    PYLOCK = "pylock.toml"
    REQUIREMENTS = "requirements.txt"


class PackageOrigin(Enum):
    """Where a locked package comes from; see `LockedPackage.is_source`."""

    INDEX = "index"
    VCS = "vcs"
    PATH = "path"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSource:
    """One package index of a lock.

    Attributes:
        name: the name packages refer to.
        url: base URL of the simple API as written, `${VAR}` unexpanded, no trailing slash.
        verify_ssl: False is refused unless the operator lists the host.
    """

    name: str
    url: str
    verify_ssl: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """One pinned package of a lock.

    Attributes:
        name: normalised name (PEP 503).
        version: exact version without `==`; "" when the origin has none (VCS, path).
        hashes: sorted `sha256:<hex>`; empty when the lock has none.
        source: name of the IndexSource it comes from; ANY_SOURCE for each of them in turn.
        markers: PEP 508 marker text as written, or None.
        origin: INDEX, FILE for a wheel that lies in the repository, or one of those that need a wheel to be built.
        location: path of the wheel, of the folder or of the archive in the repository, from its top; for VCS as
            `hublish.core.locks.vcs` writes it; None for INDEX.
        line: 1-based line in the lock; None when unknown.
    """

    name: str
    version: str
    hashes: tuple[str, ...]
    source: str
    markers: str | None = None
    origin: PackageOrigin = PackageOrigin.INDEX
    location: str | None = None
    line: int | None = None

    @property
    def title(self) -> str:
        """`name version`, for people."""
        return f"{self.name} {self.version}".rstrip()

    @property
    def is_source(self) -> bool:
        """True when only its source is named, so that a wheel of it has to be built; its version is not known before."""
        return self.origin in {PackageOrigin.VCS, PackageOrigin.PATH}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What a lock pins.

    Attributes:
        path: the lock's path in the repository.
        python_version: what Pipfile's [requires], or `.python-version` beside another lock, names, e.g. "3.11" or
            "3.11.7"; None when it names none.
        sources: in the order of the file; the first is the default.
        default: packages of the default group, sorted by name; several of one name only with different markers.
        develop: packages of the develop group, sorted by name.
        kind: the format it was read from.
        requires_python: PEP 440 specifier that the target's Python must fit; None where the format has none.
        environments: PEP 508 markers, one of which must hold for the target; empty when any target will do.
        groups: dependency groups that markers may ask for; empty where the format has none.
    """

    path: str
    python_version: str | None
    sources: tuple[IndexSource, ...]
    default: tuple[LockedPackage, ...]
    develop: tuple[LockedPackage, ...] = ()
    kind: LockKind = LockKind.PIPFILE_LOCK
    requires_python: str | None = None
    environments: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def packages(self, *, dev: bool) -> tuple[LockedPackage, ...]:
        """The packages to install: the default group, and the develop group where `dev`; by name, default wins."""
        names = {package.name for package in self.default}
        extra = tuple(package for package in self.develop if package.name not in names) if dev else ()
        return tuple(sorted(self.default + extra, key=lambda package: package.name))
