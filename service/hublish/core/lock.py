"""A lock as a value: which packages at which versions with which bytes, and the indexes they come from.

Nothing here knows a file format; `hublish.core.lockfile` reads Pipfile.lock into these values.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class PackageOrigin(Enum):
    """Where a locked package comes from; only INDEX can be layered without a container engine."""

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
        source: name of the IndexSource it comes from.
        markers: PEP 508 marker text as written, or None.
        origin: INDEX, or one that needs a wheel to be built first.
        location: the VCS URL, path or file URL as written; None for INDEX.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What a lock pins.

    Attributes:
        path: the lock's path in the repository.
        python_version: what Pipfile's [requires] names, e.g. "3.11" or "3.11.7"; None when it names none.
        sources: in the order of the file; the first is the default.
        default: packages of the default group, sorted by name.
        develop: packages of the develop group, sorted by name.
    """

    path: str
    python_version: str | None
    sources: tuple[IndexSource, ...]
    default: tuple[LockedPackage, ...]
    develop: tuple[LockedPackage, ...] = ()

    def packages(self, *, dev: bool) -> tuple[LockedPackage, ...]:
        """The packages to install: the default group, and the develop group where `dev`; by name, default wins."""
        names = {package.name for package in self.default}
        extra = tuple(package for package in self.develop if package.name not in names) if dev else ()
        return tuple(sorted(self.default + extra, key=lambda package: package.name))
