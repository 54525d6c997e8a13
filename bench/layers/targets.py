"""The wheel tags of the base image that the bench builds on: CPython 3.11 on Debian 12."""

from __future__ import annotations

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

PYTHON = (3, 11)
MACHINES = ("x86_64", "aarch64")
_GLIBC_MINOR = 36
_LEGACY_PLATFORMS = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


def list_tags(machine: str) -> list[Tag]:
    """The tags that fit on a machine, best first."""
    platforms = []
    for minor in range(_GLIBC_MINOR, 4, -1):
        platforms.append(f"manylinux_2_{minor}_{machine}")
        if minor in _LEGACY_PLATFORMS:
            platforms.append(f"{_LEGACY_PLATFORMS[minor]}_{machine}")
    platforms.append(f"linux_{machine}")
    return [*cpython_tags(PYTHON, ["cp311"], platforms), *compatible_tags(PYTHON, "cp311", platforms)]


def read_tags(filename: str) -> frozenset[Tag]:
    """The tags of a wheel's name; none for any other file, and for old names that no rule allows any more."""
    try:
        return parse_wheel_filename(filename)[3]
    except InvalidWheelFilename:
        return frozenset()
