"""One line of a requirements file that names a package: pinned to one version, or a wheel of the repository.

Source: PEP 508 as packaging reads it; the options behind it are pip's, of which `--hash` is the one that is known here.
"""

from __future__ import annotations

import re
import shlex

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from hublish.core.finding import Finding, Severity
from hublish.core.locks.entries import PACKAGES_LIMIT
from hublish.core.locks.lock import ANY_SOURCE, LockedPackage, PackageOrigin
from hublish.core.locks.requirement_lines import LogicalLine
from hublish.core.locks.wheels import is_repository_wheel, parse_repository_wheel
from hublish.errors import ValueInvalid, clip

__all__ = ["PACKAGES_LIMIT", "PIN_HINT", "EntryRefused", "parse_entry"]

PIN_HINT = "make the file with `uv pip compile --generate-hashes` or `pip-compile --generate-hashes`"
_TEXT_LIMIT = 4096
_NAME_LIMIT = 128
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
# What pip takes for a place instead of a name: a URL with any scheme, `file:`, a path, a wheel beside the file.
_PLACE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|file:|\.{0,2}/|[^;@]*\.whl(?:\s|;|$)")


class EntryRefused(Exception):
    """A line that names no package to install; `findings` say why. It stays within the reader of the file."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__()
        self.findings = findings


def parse_entry(line: LogicalLine) -> LockedPackage:
    """Parse a requirement with its options.

    Args:
        line: does not start with a dash.

    Returns:
        The package, without hashes if the line has none of SHA-256, and of ANY_SOURCE.

    Raises:
        EntryRefused: not a requirement, not pinned, or something that needs a wheel to be built.
    """
    text, options = line.split_options()
    if len(text) > _TEXT_LIMIT or not text.replace("\t", " ").isprintable():
        message = f"expected a requirement of at most {_TEXT_LIMIT} printable characters"
        raise _refuse(line, "RequirementInvalid", message)
    hashes = _read_hashes(line, options)
    if _PLACE.match(text) is not None:
        place, _, marker = text.partition(";")
        return _read_place(line, place.strip(), name=None, markers=_read_marker(line, marker), hashes=hashes)
    try:
        requirement = Requirement(text)
    except (InvalidRequirement, RecursionError) as error:
        message = f'expected `name==version`, got "{clip(text, limit=120)}"'
        raise _refuse(line, "RequirementInvalid", message, PIN_HINT) from error
    if len(requirement.name) > _NAME_LIMIT:
        message = f"expected the name of a package of at most {_NAME_LIMIT} characters"
        raise _refuse(line, "RequirementInvalid", message)
    name = canonicalize_name(requirement.name)
    markers = None if requirement.marker is None else str(requirement.marker)
    if requirement.url is not None:
        return _read_place(line, requirement.url, name=name, markers=markers, hashes=hashes)
    specifiers = list(requirement.specifier)
    if len(specifiers) != 1 or specifiers[0].operator != "==" or specifiers[0].version.endswith(".*"):
        message = f"`{clip(name, limit=80)}` is not pinned: expected `==` and one version"
        raise _refuse(line, "NotPinned", message, PIN_HINT)
    return LockedPackage(
        name=name,
        version=specifiers[0].version,
        hashes=hashes,
        source=ANY_SOURCE,
        markers=markers,
        line=line.number,
    )


def _read_place(
    line: LogicalLine, place: str, *, name: str | None, markers: str | None, hashes: tuple[str, ...]
) -> LockedPackage:
    if not is_repository_wheel(place):
        shown = "the line" if name is None else f"`{clip(name, limit=80)}`"
        message = f"{shown} names a place instead of a version; its wheel must be built first, and no engine here does that yet"
        hint = "publish its wheel to a package index, or commit the wheel and name it by its path and hash"
        raise _refuse(line, "NeedsWheelBuild", message, hint)
    try:
        # pip counts such a path from the folder it is started in, which is the top folder wherever the file lies.
        wheel = parse_repository_wheel(place, folder="", name=name)
    except ValueInvalid as error:
        raise _refuse(line, "PathEscapes", error.message, "name a wheel that lies in this repository") from error
    return LockedPackage(
        name=wheel.name,
        version=wheel.version,
        hashes=hashes,
        source=ANY_SOURCE,
        markers=markers,
        origin=PackageOrigin.FILE,
        location=wheel.path,
        line=line.number,
    )


def _read_marker(line: LogicalLine, text: str) -> str | None:
    if not text.strip():
        return None
    try:
        return str(Marker(text.strip()))
    except (InvalidMarker, RecursionError) as error:
        raise _refuse(line, "MarkerInvalid", "the markers are not valid (PEP 508)") from error


def _read_hashes(line: LogicalLine, options: str) -> tuple[str, ...]:
    try:
        words = shlex.split(options)
    except ValueError as error:
        raise _refuse(line, "OptionUnknown", "the quotes of the line do not match") from error
    hashes: set[str] = set()
    while words:
        name, equals, value = words.pop(0).partition("=")
        if name != "--hash":
            message = f"the option `{clip(name, limit=40)}` behind a requirement is not read here"
            raise _refuse(line, "OptionUnknown", message, "remove it from the file")
        if not equals:
            value = words.pop(0) if words else ""
        if _SHA256.fullmatch(value) is not None:
            hashes.add(value)
    return tuple(sorted(hashes))


def _refuse(line: LogicalLine, code: str, message: str, hint: str = "") -> EntryRefused:
    return EntryRefused(
        Finding(severity=Severity.ERROR, code=code, message=message, hint=hint, path=line.path, line=line.number)
    )
