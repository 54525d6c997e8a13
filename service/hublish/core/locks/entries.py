"""The packages of one group of a Pipfile.lock: each must be pinned, hashed, and from a source the lock names.

A wheel that lies in the repository is taken as it is. A folder or archive of the repository, and a commit of a git
repository, need a wheel to be built first; that is told apart here, not done. Whatever else is no index's is refused.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import Any

from packaging.markers import InvalidMarker, Marker
from packaging.utils import canonicalize_name
from packaging.version import Version

from hublish.core.config.valuetext import parse_relative_path
from hublish.core.finding import Finding, Severity
from hublish.core.locks.lock import LockedPackage, PackageOrigin
from hublish.core.locks.sources import has_secret
from hublish.core.locks.vcs import parse_vcs_place, render_vcs_location
from hublish.core.locks.wheels import is_repository_wheel, parse_repository_wheel
from hublish.core.place import KeyPath
from hublish.core.trees.jsontree import JSONTree
from hublish.errors import ValueInvalid, clip

PACKAGES_LIMIT = 5000
_TEXT_LIMIT = 2048
_RELOCK = "run `pipenv lock` and commit Pipfile.lock"
_NAME = re.compile(r"[A-Z0-9](?:[A-Z0-9._-]{0,126}[A-Z0-9])?", re.IGNORECASE | re.ASCII)
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_ORIGINS = {
    "git": PackageOrigin.VCS,
    "hg": PackageOrigin.VCS,
    "svn": PackageOrigin.VCS,
    "bzr": PackageOrigin.VCS,
    "path": PackageOrigin.PATH,
    "file": PackageOrigin.FILE,
}
_ORIGIN_WORDS = {
    PackageOrigin.VCS: "a source repository that is not git's",
    PackageOrigin.PATH: "a file outside a package index",
    PackageOrigin.FILE: "a file outside a package index",
}
_PUBLISH = "publish its wheel to a package index, name it in the Pipfile with its version, and run `pipenv lock`"
# Old versions of pipenv wrote these beside `markers`, each as an operator and a value.
_MARKER_KEYS = (
    "os_name",
    "sys_platform",
    "platform_machine",
    "platform_python_implementation",
    "platform_release",
    "platform_system",
    "platform_version",
    "python_version",
    "python_full_version",
    "implementation_name",
    "implementation_version",
)


def read_packages(
    tree: JSONTree, group: str, *, sources: tuple[str, ...], severity: Severity
) -> tuple[tuple[LockedPackage, ...], list[Finding]]:
    """Read one group of a lock.

    Args:
        tree: the lock; its root is a mapping.
        group: "default" or "develop".
        sources: names of the lock's sources; the first is the default.
        severity: of a fault in an entry; an entry with a fault is left out.

    Returns:
        The packages sorted by name, and the findings in the order of the file.
    """
    entries = tree.value.get(group, {})
    if not isinstance(entries, dict) or len(entries) > PACKAGES_LIMIT:
        message = f"expected an object of at most {PACKAGES_LIMIT} packages"
        return (), [tree.make_finding("LockInvalid", message, at=(group,), hint=_RELOCK)]
    reader = _Reader(tree=tree, sources=sources, severity=severity)
    packages: dict[str, LockedPackage] = {}
    for key, entry in entries.items():
        at = (group, key)
        package = reader.read(key, entry, at)
        if package is None:
            continue
        if package.name in packages:
            reader.refuse("DuplicatePackage", f"`{clip(key, limit=80)}` is locked twice under one name", at=at)
            continue
        packages[package.name] = package
    return tuple(packages[name] for name in sorted(packages)), reader.findings


@dataclass(slots=True, kw_only=True)
class _Reader:
    tree: JSONTree
    sources: tuple[str, ...]
    severity: Severity
    findings: list[Finding] = field(default_factory=list)

    def refuse(self, code: str, message: str, *, at: KeyPath, hint: str = _RELOCK) -> None:
        self.findings.append(self.tree.make_finding(code, message, at=at, hint=hint, severity=self.severity))

    def read(self, key: str, entry: Any, at: KeyPath) -> LockedPackage | None:
        if _NAME.fullmatch(key) is None or not isinstance(entry, dict):
            self.refuse(
                "PackageInvalid", f"expected a package and what is locked of it, got `{clip(key, limit=80)}`", at=at
            )
            return None
        faults = len(self.findings)
        name = canonicalize_name(key)
        markers = self._read_markers(name, entry, at)
        foreign = next((origin for origin in _ORIGINS if origin in entry), None)
        if foreign is None:
            package = self._read_indexed(name, entry, at, markers)
        else:
            package = self._read_foreign(name, entry, (*at, foreign), markers)
        return None if len(self.findings) > faults else package

    def _read_indexed(self, name: str, entry: dict[str, Any], at: KeyPath, markers: str | None) -> LockedPackage:
        source = entry.get("index", self.sources[0] if self.sources else "")
        # With no source at all there is a finding about that already.
        if self.sources and source not in self.sources:
            known = ", ".join(clip(other, limit=40) for other in self.sources)
            message = f"`{name}` comes from a source that the lock does not name; it names {known}"
            self.refuse("UnknownSource", message, at=(*at, "index"))
        return LockedPackage(
            name=name,
            version=self._read_version(name, entry.get("version"), at),
            hashes=self._read_hashes(name, entry.get("hashes"), at),
            source=str(source),
            markers=markers,
            line=self.tree.lines[at],
        )

    def _read_version(self, name: str, value: Any, at: KeyPath) -> str:
        text = value.removeprefix("==").strip() if isinstance(value, str) and value.startswith("==") else ""
        try:
            Version(text)
        except ValueError:
            # InvalidVersion is one, and so is Python's own error for a number of thousands of digits.
            message = f"`{name}` is not pinned: expected `version` to be `==` and one version"
            self.refuse("NotPinned", message, at=(*at, "version"))
        return text

    def _read_hashes(self, name: str, value: Any, at: KeyPath) -> tuple[str, ...]:
        items = value if isinstance(value, list) else []
        hashes = {item for item in items if isinstance(item, str) and _SHA256.fullmatch(item) is not None}
        if not hashes:
            message = f"`{name}` has no hash: expected `hashes` to list `sha256:` and 64 lower-case hex digits"
            self.refuse("NoHashes", message, at=(*at, "hashes"))
        return tuple(sorted(hashes))

    def _read_markers(self, name: str, entry: dict[str, Any], at: KeyPath) -> str | None:
        markers = entry.get("markers")
        extra = [(key, entry[key]) for key in _MARKER_KEYS if key in entry]
        parts = [] if markers is None else [f"({markers})" if extra else markers]
        parts += [f"{key} {condition}" for key, condition in extra]
        if not parts:
            return None
        text = " and ".join(str(part) for part in parts)
        if len(text) <= _TEXT_LIMIT and text.isprintable():
            # Within the limit, nested parentheses can still be deeper than the interpreter's stack.
            with contextlib.suppress(InvalidMarker, RecursionError):
                Marker(text)
                return text
        message = f"the markers of `{name}` are not valid (PEP 508)"
        self.refuse("MarkerInvalid", message, at=(*at, "markers") if markers is not None else at)
        return None

    def _read_foreign(self, name: str, entry: dict[str, Any], at: KeyPath, markers: str | None) -> LockedPackage:
        key = str(at[-1])
        origin = _ORIGINS[key]
        location = entry[key]
        if origin is not PackageOrigin.VCS and isinstance(location, str) and is_repository_wheel(location):
            return self._read_wheel(name, location, entry, at, markers)
        if not isinstance(location, str) or not 1 <= len(location) <= _TEXT_LIMIT or not location.isprintable():
            message = f"expected the place of `{name}` to be a text of 1 to {_TEXT_LIMIT} printable characters"
            self.refuse("PackageInvalid", message, at=at)
            location = ""
        elif has_secret(location):
            message = f"the URL of `{name}` holds a password or token in plain text; anyone who can read the repository has it"
            self.refuse("SecretInURL", message, at=at, hint="remove it from the Pipfile, revoke it, and lock again")
        elif key == "git":
            location = self._read_commit(name, location, entry, at)
        elif origin is PackageOrigin.VCS or location.startswith(("https://", "http://")):
            message = f"`{name}` comes from {_ORIGIN_WORDS[origin]}, and no wheel of that is built"
            self.refuse("NeedsWheelBuild", message, at=at[:-1], hint=_PUBLISH)
        else:
            origin, location = PackageOrigin.PATH, self._read_path(name, location, at)
        return LockedPackage(
            name=name,
            version="",
            hashes=(),
            source="",
            markers=markers,
            origin=origin,
            location=location,
            line=self.tree.lines[at[:-1]],
        )

    def _read_commit(self, name: str, location: str, entry: dict[str, Any], at: KeyPath) -> str:
        try:
            place = parse_vcs_place(location, ref=entry.get("ref"), folder=entry.get("subdirectory"))
        except ValueInvalid as error:
            self.refuse("NeedsWheelBuild", f"`{name}` cannot be built: {error.message}", at=at[:-1], hint=_PUBLISH)
            return ""
        return render_vcs_location(place)

    def _read_path(self, name: str, location: str, at: KeyPath) -> str:
        try:
            path = parse_relative_path(location.removeprefix("file:"))
        except ValueInvalid as error:
            self.refuse("PathEscapes", f"`{name}`: {error.message}", at=at, hint="keep the package in this repository")
            return ""
        # pipenv counts from the Pipfile, which lies beside its lock.
        folder = self.tree.path.rpartition("/")[0]
        return f"{folder}/{path}".removesuffix("/.") if folder else path

    def _read_wheel(
        self, name: str, location: str, entry: dict[str, Any], at: KeyPath, markers: str | None
    ) -> LockedPackage:
        version, path = "", location
        try:
            wheel = parse_repository_wheel(location, folder=self.tree.path.rpartition("/")[0], name=name)
            version, path = wheel.version, wheel.path
        except ValueInvalid as error:
            self.refuse("PathEscapes", f"`{name}`: {error.message}", at=at, hint="keep the wheel in this repository")
        return LockedPackage(
            name=name,
            version=version,
            # pipenv writes no hash for some files; what is then installed is what the commit holds.
            hashes=self._read_hashes(name, entry["hashes"], at[:-1]) if "hashes" in entry else (),
            source="",
            markers=markers,
            origin=PackageOrigin.FILE,
            location=path,
            line=self.tree.lines[at[:-1]],
        )
