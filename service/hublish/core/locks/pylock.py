"""A pylock.toml read into a Lock, or into findings that say what keeps it from being one.

packaging reads and checks the format; it stops at the first fault and knows no lines, so the line of a package is that
of its `[[packages]]`. A file's URL in the lock is not asked: its hash is looked up at the package's index, so that the
operator's mirrors and rules hold for every lock alike. A package's own `requires-python` is not read: the index says
the same of each file.

Source: PEP 751, the specification of pylock.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from packaging.pylock import Package, Pylock, PylockValidationError
from packaging.utils import parse_wheel_filename

from hublish.core.finding import Finding, Severity, has_error
from hublish.core.locks.entries import PACKAGES_LIMIT
from hublish.core.locks.lock import DEFAULT_SOURCE, IndexSource, Lock, LockedPackage, LockKind, PackageOrigin
from hublish.core.locks.lockfile import LOCK_LIMIT_BYTES, ParsedLock
from hublish.core.locks.sources import SOURCES_LIMIT, find_source_fault
from hublish.core.locks.wheels import is_repository_wheel, parse_repository_wheel
from hublish.errors import ValueInvalid, clip

DEVELOP_GROUP = "dev"
CONDITION_LIMIT = 2048
_TOML_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")
_PACKAGE_CONTEXT = re.compile(r"packages\[(\d+)\]")
_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*packages[ \t]*\]\]", re.MULTILINE)
_HEX = re.compile(r"[0-9a-f]{64}")
_RELOCK = "lock again with the tool that wrote the file"


def parse_pylock(body: bytes, *, path: str, dev: bool, default_index: str) -> ParsedLock:
    """Parse a pylock.toml.

    Args:
        body: the file's bytes, TOML in UTF-8.
        path: the file's path in the repository; its wheels of the repository count from its folder.
        dev: whether the dependency group `dev` is installed beside the lock's default groups.
        default_index: URL of the simple API for packages that name no index; "" for none.

    Returns:
        The lock, or None with at least one error.
    """
    loaded = _load(body, path=path)
    if isinstance(loaded, ParsedLock):
        return loaded
    text, data = loaded
    lines = _find_lines(text, data)
    try:
        pylock = Pylock.from_dict(data)
    except (PylockValidationError, ValueError, RecursionError) as error:
        context = error.context if isinstance(error, PylockValidationError) else None
        at = _PACKAGE_CONTEXT.match(context or "")
        line = None if at is None else lines.get(int(at[1]))
        return _fail(path, "LockInvalid", f"the file is no pylock.toml: {clip(str(error))}", line=line)
    return _make_lock(pylock, path=path, dev=dev, default_index=default_index, lines=lines)


def _load(body: bytes, *, path: str) -> tuple[str, dict[str, Any]] | ParsedLock:
    if len(body) > LOCK_LIMIT_BYTES:
        return _fail(path, "FileTooLarge", f"the file has {len(body)} bytes; at most {LOCK_LIMIT_BYTES} are read")
    try:
        text = body.decode("utf-8")
        return text, tomllib.loads(text)
    except UnicodeDecodeError as error:
        return _fail(path, "NotUTF8", f"the file is not UTF-8 at byte {error.start}")
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        line = None if place is None else int(place[1])
        return _fail(path, "LockInvalid", f"the file is not TOML: {clip(str(error))}", line=line)
    except (ValueError, RecursionError):
        return _fail(path, "LockInvalid", "the file holds a number, a date or a nesting that is not read")


def _make_lock(pylock: Pylock, *, path: str, dev: bool, default_index: str, lines: Mapping[int, int]) -> ParsedLock:
    reader = _Reader(path=path, default_index=default_index, lines=lines)
    packages = tuple(reader.read(pylock.packages))
    findings = (*reader.findings, *_check_lengths(pylock, path=path))
    groups = dict.fromkeys(pylock.default_groups or ())
    if dev and DEVELOP_GROUP in (pylock.dependency_groups or ()):
        groups[DEVELOP_GROUP] = None
    lock = Lock(
        path=path,
        python_version=None,
        sources=tuple(reader.sources.values()) or (reader.make_default(),),
        default=tuple(sorted(packages, key=lambda package: (package.name, package.markers or ""))),
        kind=LockKind.PYLOCK,
        requires_python=None if pylock.requires_python is None else str(pylock.requires_python),
        environments=tuple(str(marker) for marker in pylock.environments or ()),
        groups=tuple(groups),
    )
    return ParsedLock(lock=None if has_error(findings) else lock, findings=findings)


def _check_lengths(pylock: Pylock, *, path: str) -> tuple[Finding, ...]:
    """Refuse conditions of any length: evaluating them later would fail on numbers of thousands of digits."""
    conditions = (
        pylock.requires_python,
        *(pylock.environments or ()),
        *(package.marker for package in pylock.packages),
    )
    if all(len(str(condition)) <= CONDITION_LIMIT for condition in conditions):
        return ()
    message = f"expected markers and `requires-python` of at most {CONDITION_LIMIT} characters"
    return _fail(path, "LockInvalid", message).findings


def _find_lines(text: str, data: Mapping[str, Any]) -> Mapping[int, int]:
    """The line of each package by its number; empty where a text within the file looks like a package's head."""
    found = [text.count("\n", 0, match.start()) + 1 for match in _HEADER.finditer(text)]
    packages = data.get("packages")
    return dict(enumerate(found)) if isinstance(packages, list) and len(found) == len(packages) else {}


def _fail(path: str, code: str, message: str, *, line: int | None = 1) -> ParsedLock:
    found = Finding(severity=Severity.ERROR, code=code, message=message, hint=_RELOCK, path=path, line=line)
    return ParsedLock(lock=None, findings=(found,))


@dataclass(slots=True, kw_only=True)
class _Reader:
    path: str
    default_index: str
    lines: Mapping[int, int]
    sources: dict[str | None, IndexSource] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    number: int = 0

    def make_default(self) -> IndexSource:
        return IndexSource(name=DEFAULT_SOURCE, url=self.default_index, verify_ssl=True)

    def refuse(self, code: str, message: str, *, hint: str = _RELOCK) -> None:
        line = self.lines.get(self.number)
        self.findings.append(
            Finding(severity=Severity.ERROR, code=code, message=message, hint=hint, path=self.path, line=line)
        )

    def read(self, packages: Sequence[Package]) -> Iterator[LockedPackage]:
        if len(packages) > PACKAGES_LIMIT:
            self.refuse("LockInvalid", f"expected at most {PACKAGES_LIMIT} packages")
            return
        seen: set[tuple[str, str | None]] = set()
        for self.number, package in enumerate(packages):
            read = self._read_direct(package) if package.is_direct else self._read_indexed(package)
            if read is None:
                continue
            if (read.name, read.markers) in seen:
                self.refuse("DuplicatePackage", f"`{clip(read.name, limit=80)}` is locked twice under the same markers")
            seen.add((read.name, read.markers))
            yield read

    def _read_indexed(self, package: Package) -> LockedPackage | None:
        wheels = tuple(package.wheels or ())
        places = [wheel.path for wheel in wheels if wheel.path is not None and wheel.url is None]
        if places and len(wheels) == 1:
            return self._read_wheel(package, places[0], wheels[0].hashes)
        files = (*wheels, *(() if package.sdist is None else (package.sdist,)))
        hashes = {hash_ for file in files if (hash_ := _read_hash(file.hashes)) is not None}
        if not hashes:
            self.refuse("NoHashes", f"`{clip(package.name, limit=80)}` has no file with a hash of SHA-256")
            return None
        version = package.version
        if version is None and wheels:
            version = parse_wheel_filename(wheels[0].filename)[1]
        if version is None:
            self.refuse("NotPinned", f"`{clip(package.name, limit=80)}` is not pinned: expected `version`")
            return None
        source = self._find_source(package.index)
        return LockedPackage(
            name=package.name,
            version=str(version),
            hashes=tuple(sorted(hashes)),
            source="" if source is None else source.name,
            markers=None if package.marker is None else str(package.marker),
            line=self.lines.get(self.number),
        )

    def _read_direct(self, package: Package) -> LockedPackage | None:
        archive = package.archive
        if archive is not None and archive.path is not None and is_repository_wheel(archive.path):
            return self._read_wheel(package, archive.path, archive.hashes)
        message = (
            f"`{clip(package.name, limit=80)}` comes from a folder, a repository or an archive, so its wheel must be "
        )
        message += "built first; no engine here does that yet"
        hint = "publish its wheel to a package index, or leave it out of the lock (`uv export --no-emit-project ...`)"
        self.refuse("NeedsWheelBuild", message, hint=hint)
        return None

    def _read_wheel(self, package: Package, place: str, hashes: Mapping[str, str]) -> LockedPackage | None:
        try:
            wheel = parse_repository_wheel(place, folder=self.path.rpartition("/")[0], name=package.name)
        except ValueInvalid as error:
            message = f"`{clip(package.name, limit=80)}`: {error.message}"
            self.refuse("PathEscapes", message, hint="keep the wheel in this repository")
            return None
        found = _read_hash(hashes)
        return LockedPackage(
            name=package.name,
            version=wheel.version,
            hashes=() if found is None else (found,),
            source="",
            markers=None if package.marker is None else str(package.marker),
            origin=PackageOrigin.FILE,
            location=wheel.path,
            line=self.lines.get(self.number),
        )

    def _find_source(self, url: str | None) -> IndexSource | None:
        key = None if url is None else url.rstrip("/")
        if key in self.sources:
            return self.sources[key]
        if key is None:
            source = self.make_default()
        else:
            source = IndexSource(name=f"index-{len(self.sources) + 1}", url=key, verify_ssl=True)
            fault = find_source_fault(source.name, key)
            if fault is None and len(self.sources) == SOURCES_LIMIT:
                fault = "SourcesMissing", f"expected at most {SOURCES_LIMIT} package sources"
            if fault is not None:
                self.refuse(fault[0], fault[1].replace("`url`", "`index`"))
                return None
        self.sources[key] = source
        return source


def _read_hash(hashes: Mapping[str, str]) -> str | None:
    value = hashes.get("sha256", "").lower()
    return f"sha256:{value}" if _HEX.fullmatch(value) is not None else None
