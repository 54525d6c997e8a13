"""Source distributions: which of a lock's files is one, and what it says it needs to be built.

An archive is only looked into here, bounded; it is unpacked where its code runs.

Source: PyPA "Source distribution format" and "Declaring build system dependencies" (PEP 518, PEP 517).
"""

from __future__ import annotations

import gzip
import lzma
import tomllib
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from packaging.utils import parse_sdist_filename
from packaging.version import Version

from hublish.core.locks.lock import LockedPackage
from hublish.core.ports import IndexFile
from hublish.errors import ImageInvalid, WheelInvalid, clip
from hublish.oci.tar_reader import TarEntries

SUFFIXES = (".tar.gz", ".zip")
_PYPROJECT = "pyproject.toml"
_PYPROJECT_LIMIT_BYTES = 1 << 20
_UNPACKED_LIMIT_BYTES = 4 << 30
_MEMBERS_LIMIT = 100_000
_REQUIREMENTS_LIMIT = 100
# What the standard says of a project that does not say it; versions of setuptools differ in whether they bring wheel.
_USUAL = ("setuptools>=40.8.0",)
_BROKEN = (ImageInvalid, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError)


def find_sdist(package: LockedPackage, files: Sequence[IndexFile]) -> IndexFile | None:
    """Find the source distribution that a lock pins, among the files that an index lists; None when there is none."""
    fitting = [file for file in files if file.sha256 is not None and f"sha256:{file.sha256}" in package.hashes]
    return min(
        (file for file in fitting if _is_sdist(file.filename, package)),
        key=lambda file: (SUFFIXES.index(find_suffix(file.filename)), file.filename),
        default=None,
    )


def find_suffix(filename: str) -> str:
    """The ending of a source distribution's name; "" of another file's."""
    return next((suffix for suffix in SUFFIXES if filename.endswith(suffix)), "")


def _is_sdist(filename: str, package: LockedPackage) -> bool:
    try:
        name, version = parse_sdist_filename(filename)
        return name == package.name and version == Version(package.version)
    except ValueError:
        return False


def read_build_requirements(path: Path) -> tuple[str, ...]:
    """Read what a source distribution needs to be built, as it is written.

    Raises:
        WheelInvalid: the archive or its pyproject.toml cannot be read, or it is larger than any package.
    """
    try:
        body = _read_zip(path) if path.name.endswith(".zip") else _read_tar(path)
        tables: Any = {} if body is None else tomllib.loads(body.decode())
        listed = tables.get("build-system", {}).get("requires", list(_USUAL))
    except (*_BROKEN, AttributeError) as exc:
        raise WheelInvalid(f"{clip(path.name)}: the source distribution cannot be read: {clip(str(exc))}") from exc
    if not isinstance(listed, list) or len(listed) > _REQUIREMENTS_LIMIT:
        raise WheelInvalid(f"{clip(path.name)}: expected `build-system.requires` to be a list of requirements")
    return tuple(str(text) for text in listed)


def _read_tar(path: Path) -> bytes | None:
    unpacked_bytes = 0
    with gzip.open(path) as stream:
        archive = TarEntries(cast("BinaryIO", stream), what="the archive")
        for count, member in enumerate(archive):
            unpacked_bytes += member.size
            _verify_size(unpacked_bytes, count)
            if _is_pyproject(member.name) and member.isreg():
                _verify_pyproject(member.size)
                return b"".join(archive.read(member))
    return None


def _read_zip(path: Path) -> bytes | None:
    with zipfile.ZipFile(path) as archive:
        for count, member in enumerate(archive.infolist()):
            _verify_size(0, count)
            if _is_pyproject(member.filename):
                _verify_pyproject(member.file_size)
                return archive.read(member)
    return None


def _is_pyproject(name: str) -> bool:
    parts = name.removeprefix("./").split("/")
    return len(parts) == 2 and parts[1] == _PYPROJECT  # noqa: PLR2004 -- the one folder of an archive, and the file


def _verify_size(unpacked_bytes: int, count: int) -> None:
    if unpacked_bytes > _UNPACKED_LIMIT_BYTES or count >= _MEMBERS_LIMIT:
        raise ValueError(f"more than {_UNPACKED_LIMIT_BYTES} bytes or {_MEMBERS_LIMIT} files")


def _verify_pyproject(size_bytes: int) -> None:
    if size_bytes > _PYPROJECT_LIMIT_BYTES:
        raise ValueError(f"{_PYPROJECT} is larger than {_PYPROJECT_LIMIT_BYTES} bytes")
