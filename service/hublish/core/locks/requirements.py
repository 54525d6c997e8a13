"""A requirements file with hashes read into a Lock, or into findings that say what keeps it from being one.

Everything must be pinned and hashed. What would need a resolver, a build or the network to understand (constraints,
editable and VCS requirements, links) is refused with its line. `${VAR}` is never expanded.

Two kept parsers were looked at. requirements-parser 0.13 opens files itself, drops the index options and the hashes of
continuation lines, and knows no line numbers. pip-requirements-parser 32 is pip's own code of 2022, fetches what `-r`
names, over the network too, and wants pyparsing. So only the requirement itself is read by a library: packaging.

Source: pip's documentation, "Requirements File Format" and "Secure installs"; PEP 508.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hublish.core.config.valuetext import parse_file_path
from hublish.core.finding import Finding, Severity, has_error
from hublish.core.locks.lock import ANY_SOURCE, DEFAULT_SOURCE, IndexSource, Lock, LockedPackage, LockKind
from hublish.core.locks.lockfile import LOCK_LIMIT_BYTES, ParsedLock
from hublish.core.locks.requirement_entries import PACKAGES_LIMIT, PIN_HINT, EntryRefused, parse_entry
from hublish.core.locks.requirement_lines import LogicalLine, split_lines
from hublish.core.locks.sources import SOURCES_LIMIT, find_source_fault
from hublish.errors import ValueInvalid, clip

INCLUDE_DEPTH_LIMIT = 5
FILES_LIMIT = 50
LINE_LIMIT_CHARACTERS = 500_000
_SHORT = {"-i": "--index-url", "-r": "--requirement", "-c": "--constraint", "-e": "--editable", "-f": "--find-links"}
# What changes nothing here: hashes are always required, and only wheels of the very versions locked are installed.
_NEUTRAL_FLAGS = frozenset({"--require-hashes", "--prefer-binary", "--pre"})
_VALUED = frozenset({
    "--index-url", "--extra-index-url", "--requirement", "--constraint", "--editable", "--find-links",
    "--trusted-host", "--only-binary", "--no-binary",
})  # fmt: skip
_REFUSED = {
    "--constraint": (
        "ConstraintsUnread",
        "a constraints file guides a resolver, and nothing is resolved here",
        "lock the constrained versions into this file and remove the line",
    ),
    "--editable": (
        "NeedsWheelBuild",
        "an editable requirement has to be built first; no engine here does that yet",
        "publish its wheel to a package index, or commit the wheel and name it by its path and hash",
    ),
    "--find-links": (
        "FindLinksRefused",
        "packages come from package indexes only, not from a page or folder of links",
        "name an index with --index-url, or the wheels of the repository by their paths",
    ),
    "--trusted-host": (
        "TLSUnverified",
        "certificates are always verified",
        "remove the line; the operator lists the hosts that speak plain http",
    ),
    "--no-index": ("NoIndexRefused", "without an index there is nothing to install from", "remove the line"),
    "--no-binary": (
        "NeedsWheelBuild",
        "a source distribution would have to be built; only wheels are installed",
        "remove the line",
    ),
}


def parse_requirements(path: str, *, read: Callable[[str], bytes | None], default_index: str) -> ParsedLock:
    """Parse a requirements file and the files it includes with `-r`.

    Args:
        path: the file's path in the repository.
        read: gives the bytes of a file of the repository by its path, or None when there is none.
        default_index: URL of the simple API that counts where no line names an index; "" for none.

    Returns:
        The lock, with one source for each index in the order of the files, or None with at least one error.
    """
    reader = _Reader(read=read)
    reader.read_file(path, depth=0, asked=None)
    reader.check_hashes()
    index = reader.index or IndexSource(name=DEFAULT_SOURCE, url=default_index, verify_ssl=True)
    sources = (index, *reader.extra)
    source = index.name if len(sources) == 1 else ANY_SOURCE
    packages = (replace(package, source=source) for package in reader.packages)
    findings = tuple(sorted(reader.findings, key=lambda found: (found.path != path, found.path, found.line or 0)))
    lock = Lock(
        path=path,
        python_version=None,
        sources=sources,
        default=tuple(sorted(packages, key=lambda package: (package.name, package.markers or ""))),
        kind=LockKind.REQUIREMENTS,
    )
    return ParsedLock(lock=None if has_error(findings) else lock, findings=findings)


@dataclass(slots=True, kw_only=True)
class _Reader:
    read: Callable[[str], bytes | None]
    index: IndexSource | None = None
    extra: list[IndexSource] = field(default_factory=list)
    packages: list[LockedPackage] = field(default_factory=list)
    numbers: dict[str, list[int]] = field(default_factory=dict)
    unhashed: list[Finding] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    full: bool = False

    def refuse(self, line: LogicalLine, code: str, message: str, hint: str) -> None:
        self.findings.append(_make_error(line, code, message, hint))

    def read_file(self, path: str, *, depth: int, asked: LogicalLine | None) -> None:
        place = asked or LogicalLine(path=path, number=1, text="")
        if path in self.seen:
            return
        self.seen.add(path)
        if depth > INCLUDE_DEPTH_LIMIT or len(self.seen) > FILES_LIMIT:
            message = f"at most {FILES_LIMIT} files, {INCLUDE_DEPTH_LIMIT} deep, are followed"
            self.refuse(place, "IncludeTooDeep", message, "put the requirements into fewer files")
            return
        body = self.read(path)
        if body is None:
            message = f"`{clip(path)}` is missing; an image is made from locked packages only"
            self.refuse(place, "LockMissing", message, "commit the file")
            return
        if len(body) > LOCK_LIMIT_BYTES:
            message = f"`{clip(path)}` has {len(body)} bytes; at most {LOCK_LIMIT_BYTES} are read"
            self.refuse(place, "FileTooLarge", message, "")
            return
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            number = body.count(b"\n", 0, error.start) + 1
            line = LogicalLine(path=path, number=number, text="")
            self.refuse(line, "NotUTF8", f"the file is not UTF-8 at byte {error.start}", "")
            return
        for line in split_lines(text, path=path):
            self.read_line(line, depth=depth)

    def read_line(self, line: LogicalLine, *, depth: int) -> None:
        if len(line.text) > LINE_LIMIT_CHARACTERS:
            message = f"expected at most {LINE_LIMIT_CHARACTERS} characters"
            self.refuse(line, "RequirementInvalid", message, "")
        elif line.text.startswith("-"):
            self.read_options(line, depth=depth)
        else:
            self.read_requirement(line)

    def read_requirement(self, line: LogicalLine) -> None:
        try:
            package = parse_entry(line)
        except EntryRefused as refused:
            self.findings += refused.findings
            return
        if len(self.packages) == PACKAGES_LIMIT:
            if not self.full:
                self.refuse(line, "LockInvalid", f"expected at most {PACKAGES_LIMIT} packages", "")
            self.full = True
            return
        if not package.hashes:
            message = (
                f"`{clip(package.name, limit=80)}` has no hash: expected `--hash=sha256:` and 64 lower-case hex digits"
            )
            self.unhashed.append(_make_error(line, "NoHashes", message, PIN_HINT))
        self._add(package, line)

    def _add(self, package: LockedPackage, line: LogicalLine) -> None:
        numbers = self.numbers.setdefault(package.name, [])
        for number in numbers:
            other = self.packages[number]
            if (other.version, other.markers) == (package.version, package.markers):
                # An included file may list the package again: each hash that either names is good.
                hashes = tuple(sorted({*other.hashes, *package.hashes}))
                self.packages[number] = replace(other, hashes=hashes)
                return
            if other.markers == package.markers:
                message = f"`{clip(package.name, limit=80)}` is locked twice, in the versions {clip(other.version)} and {clip(package.version)}"
                self.refuse(line, "DuplicatePackage", message, "keep one of the two")
                return
        numbers.append(len(self.packages))
        self.packages.append(package)

    def check_hashes(self) -> None:
        """Report what has no hash: line by line, or once for a file that was made without hashes."""
        if self.unhashed and len(self.unhashed) == len(self.packages) > 1:
            message = f"none of the {len(self.packages)} packages has a hash; without hashes nobody can tell what is installed"
            self.findings.append(replace(self.unhashed[0], message=message))
        else:
            self.findings += self.unhashed

    # -- options --------------------------------------------------------------------------------------------------------

    def read_options(self, line: LogicalLine, *, depth: int) -> None:
        try:
            words = shlex.split(line.text)
        except ValueError:
            self.refuse(line, "OptionUnknown", "the quotes of the line do not match", "")
            return
        while words:
            word = words.pop(0)
            name, equals, value = word.partition("=")
            if not word.startswith("--") and word[:2] in _SHORT:
                name, value = _SHORT[word[:2]], word[2:].removeprefix("=")
                equals = value
            if name in _VALUED and not equals:
                value = words.pop(0) if words else ""
            self.read_option(line, name, value, depth=depth)

    def read_option(self, line: LogicalLine, name: str, value: str, *, depth: int) -> None:
        if name in _REFUSED:
            self.refuse(line, *_REFUSED[name])
        elif name == "--requirement":
            self._include(line, value, depth=depth)
        elif name in ("--index-url", "--extra-index-url"):
            self._add_source(line, name, value)
        elif name not in _NEUTRAL_FLAGS and name != "--only-binary":
            shown = clip(name, limit=40)
            self.refuse(line, "OptionUnknown", f"the option `{shown}` is not read here", "remove it from the file")

    def _include(self, line: LogicalLine, value: str, *, depth: int) -> None:
        try:
            if "://" in value:
                raise ValueInvalid(f'expected a file of the repository, got the URL "{clip(value, limit=80)}"')
            joined = posixpath.normpath(posixpath.join(posixpath.dirname(line.path), value)) if value else ""
            path = parse_file_path(value if value.startswith("/") else joined)
        except ValueInvalid as error:
            self.refuse(line, "PathEscapes", f"`-r`: {error.message}", "keep the file in this repository")
            return
        self.read_file(path, depth=depth + 1, asked=line)

    def _add_source(self, line: LogicalLine, option: str, url: str) -> None:
        main = option == "--index-url"
        name = "index" if main else f"extra-{len(self.extra) + 1}"
        fault = find_source_fault(name, url)
        if fault is not None:
            self.refuse(line, fault[0], f"`{option}`: {fault[1].replace('`url`', 'the value')}", "correct the line")
            return
        source = IndexSource(name=name, url=url.rstrip("/"), verify_ssl=True)
        if main:
            # The last one counts, as it does for pip.
            self.index = source
        elif source.url not in {other.url for other in self.extra}:
            self.extra.append(source)
        if len(self.extra) > SOURCES_LIMIT:
            self.extra.pop()
            self.refuse(line, "SourcesMissing", f"expected at most {SOURCES_LIMIT} package sources", "")


def _make_error(line: LogicalLine, code: str, message: str, hint: str) -> Finding:
    return Finding(severity=Severity.ERROR, code=code, message=message, hint=hint, path=line.path, line=line.number)
