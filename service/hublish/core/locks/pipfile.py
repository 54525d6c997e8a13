"""A Pipfile read for what the lock is held against: its content hash and the Python it requires.

The TOML is read by the standard library, the model and the hash are plette's. A Pipfile has two hashes that count:
pipenv hashed the names of packages as written until 2026 and hashes them normalised since, and both locks are current.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Any

import plette  # type: ignore[import-untyped]  # plette ships no types
from packaging.utils import canonicalize_name
from plette.models.base import DataValidationError  # type: ignore[import-untyped]  # plette ships no types
from plette.pipfiles import (  # type: ignore[import-untyped]  # plette ships no types
    DEFAULT_SOURCE_TOML,
    PIPFILE_SECTIONS,
)

from hublish.core.finding import Finding, Severity
from hublish.errors import clip

PIPFILE_LIMIT_BYTES = 256 * 1024

_TOML_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")
_PYTHON_VERSION = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){1,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipfile:
    """What a Pipfile says.

    Attributes:
        hashes: the lower-case hex sha256 that a lock made from it may carry.
        python_version: of [requires], the full version first; None when it names none.
    """

    hashes: frozenset[str]
    python_version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedPipfile:
    """What came of a Pipfile: `pipfile` is None if and only if one of the findings is an error."""

    pipfile: Pipfile | None
    findings: tuple[Finding, ...]


def parse_pipfile(body: bytes, *, path: str) -> ParsedPipfile:
    """Parse a Pipfile.

    Args:
        body: the file's bytes, TOML in UTF-8, at most 256 KiB.
        path: the file within the repository, for findings.

    Returns:
        Its facts, or None with the first fault: TOML and plette stop at one.
    """
    if len(body) > PIPFILE_LIMIT_BYTES:
        return _fail("FileTooLarge", f"the file has {len(body)} bytes; at most {PIPFILE_LIMIT_BYTES} are read", path)
    try:
        data = tomllib.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        return _fail("NotUTF8", f"the file is not UTF-8 at byte {error.start}", path)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        line, column = (int(place[1]), int(place[2])) if place is not None else (None, None)
        return _fail("PipfileInvalid", f"the file is not TOML: {clip(str(error))}", path, line, column)
    except (ValueError, RecursionError):
        return _fail("PipfileInvalid", "the file holds a number, a date or a nesting that is not read", path)
    try:
        hashes = frozenset(hash_pipfile(data))
        requires = data.get("requires", {})
        version = requires.get("python_full_version", requires.get("python_version"))
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        # plette validates by use: a section of the wrong shape surfaces as whatever its code trips over.
        reason = str(error) if isinstance(error, DataValidationError) else "a section has the wrong shape"
        return _fail("PipfileInvalid", f"the file is no Pipfile: {clip(reason)}", path)
    findings: tuple[Finding, ...] = ()
    if version is not None and _PYTHON_VERSION.fullmatch(version) is None:
        message = (
            f'[requires] names the Python "{clip(version, limit=40)}", which is no version such as 3.11; it is not read'
        )
        warning = Severity.WARNING
        findings = (Finding(severity=warning, code="RequiresUnread", message=message, path=path, key="requires"),)
        version = None
    return ParsedPipfile(pipfile=Pipfile(hashes=hashes, python_version=version), findings=findings)


def hash_pipfile(data: dict[str, Any]) -> tuple[str, str]:
    """Hash a Pipfile as pipenv does: names of packages as written, as until 2026, and normalised, as since.

    Raises:
        ValueError, TypeError, AttributeError, KeyError, RecursionError: a section has the wrong shape.
    """
    if "source" not in data:
        # pipenv hashes its default source in that case; the text of it is plette's.
        data = {**tomllib.loads(DEFAULT_SOURCE_TOML), **data}
    normalised = {
        name: {canonicalize_name(key): value for key, value in section.items()} if _is_category(name) else section
        for name, section in data.items()
    }
    return plette.Pipfile(data).get_hash().value, plette.Pipfile(normalised).get_hash().value


def _is_category(name: str) -> bool:
    return name in ("packages", "dev-packages") or name not in PIPFILE_SECTIONS


def _fail(code: str, message: str, path: str, line: int | None = None, column: int | None = None) -> ParsedPipfile:
    found = Finding(severity=Severity.ERROR, code=code, message=message, path=path, line=line, column=column)
    return ParsedPipfile(pipfile=None, findings=(found,))
