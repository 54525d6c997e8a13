"""Wheels that lie in the repository itself: how a lock names one, whatever its format.

Such a wheel is installed as it is. Its path must stay in the repository; that it is there, and that it has the hash of
the lock, is for whoever holds the tree.

Source: the binary distribution format, file name convention.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from hublish.core.config.valuetext import parse_relative_path
from hublish.errors import ValueInvalid, clip


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryWheel:
    """A wheel by its file name: normalised name, version, and path from the top folder of the repository."""

    name: str
    version: str
    path: str


def is_repository_wheel(location: str) -> bool:
    """Tell whether a location names a wheel by a path rather than by a URL of a host; the path may still be refused."""
    return location.endswith(".whl") and ("://" not in location or location.startswith("file://"))


def parse_repository_wheel(location: str, *, folder: str, name: str | None = None) -> RepositoryWheel:
    """Parse the location of a wheel in the repository.

    Args:
        location: a relative path that ends in `.whl`, with `file:` before it or not.
        folder: the folder it counts from, from the top folder; "" for that itself.
        name: the package the lock means, in any spelling; None where only the file name tells.

    Raises:
        ValueInvalid: the path leaves the repository, or the file name is no wheel's or another package's.
    """
    path = parse_relative_path(unquote(location.removeprefix("file:")))
    filename = path.rpartition("/")[2]
    try:
        found, version, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise ValueInvalid(f'expected the file name of a wheel, got "{clip(filename, limit=120)}"') from error
    if name is not None and found != canonicalize_name(name):
        raise ValueInvalid(f'the wheel "{clip(filename, limit=120)}" is not of the package {clip(name, limit=80)}')
    return RepositoryWheel(name=found, version=str(version), path=f"{folder}/{path}" if folder else path)
