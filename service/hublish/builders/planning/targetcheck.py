"""Whether a lock is made for the Python a base holds, and what of it is installed there, decided without the network.

Source: PEP 508 markers; PEP 751 on `requires-python`, `environments` and packages of one name.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from itertools import pairwise

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

from hublish.builders.baseimage.facts import BaseFacts
from hublish.core.finding import Finding, Severity
from hublish.core.locks.lock import DEFAULT_SOURCE, Lock, LockedPackage
from hublish.core.reference import Reference
from hublish.errors import clip

_NEWEST_PATCH = 99
"""Stands for any patch of a minor version: a specifier such as `>=3.11.4` has a fitting 3.11."""

MarkerEnvironment = Mapping[str, str | AbstractSet[str]]


def make_marker_environment(lock: Lock, facts: BaseFacts) -> MarkerEnvironment:
    """Make the variables of a lock's markers on a base: the target's Python, no extras, the lock's groups."""
    return {**facts.marker_environment, "extras": frozenset(), "dependency_groups": frozenset(lock.groups)}


def holds(markers: str, environment: MarkerEnvironment) -> bool:
    """Tell whether markers hold; True for those that cannot be read."""
    try:
        return Marker(markers).evaluate(environment)
    except (ValueError, KeyError, RecursionError):
        # All that packaging raises. The lock's own findings name broken markers; leaving the package out here would hide that it was wanted.
        return True


def find_fitting_base(lock: Lock, bases: Mapping[str, Reference]) -> str | None:
    """Find the oldest Python among the operator's bases that a lock's `requires-python` allows.

    The oldest, so that a base the operator adds for a newer Python changes no image.

    Returns:
        The key of the base, or None when the lock says nothing or none fits.
    """
    if lock.requires_python is None:
        return None
    specifiers = SpecifierSet(lock.requires_python)
    minors = sorted((tuple(map(int, key.split("."))), key) for key in bases if key.replace(".", "").isdigit())
    fitting = (
        key for _, key in minors if specifiers.contains(f"{key}.{_NEWEST_PATCH}") or specifiers.contains(f"{key}.0")
    )
    return next(fitting, None)


def check_target(lock: Lock, facts: BaseFacts) -> tuple[Finding, ...]:
    """Check the lock's own conditions on where it is installed, and that it names an index."""
    findings = []
    python = facts.python_full_version
    if lock.requires_python is not None and not SpecifierSet(lock.requires_python).contains(python, prereleases=True):
        message = f"the lock requires Python {clip(lock.requires_python)}, the base holds {python}"
        hint = "Name a base with such a Python, or lock again for the base's."
        findings.append(_make_error(lock, "PythonMismatch", message, hint))
    environment = make_marker_environment(lock, facts)
    if lock.environments and not any(holds(markers, environment) for markers in lock.environments):
        message = f"the lock is made for other environments than the base's Python {python} on {facts.architecture}"
        findings.append(
            _make_error(lock, "EnvironmentMismatch", message, "Lock again for Linux and the base's Python.")
        )
    if any(source.name == DEFAULT_SOURCE and not source.url for source in lock.sources):
        message = "the lock names no package index, and there is no default index here"
        hint = "Add a line `--index-url URL` to a requirements file; the operator sets `default_index` in the settings."
        findings.append(_make_error(lock, "IndexMissing", message, hint))
    return tuple(findings)


def check_selection(packages: tuple[LockedPackage, ...], lock: Lock) -> tuple[Finding, ...]:
    """Check that what is installed holds no package twice; `packages` are sorted by name."""
    return tuple(
        _make_error(
            lock,
            "DuplicatePackage",
            f"`{clip(first.name, limit=80)}` is locked as {clip(first.version)} and as {clip(second.version)}, and the markers "
            "of both hold for the base's Python",
            "Lock again, so that the markers exclude each other.",
        )
        for first, second in pairwise(packages)
        if first.name == second.name
    )


def _make_error(lock: Lock, code: str, message: str, hint: str) -> Finding:
    return Finding(severity=Severity.ERROR, code=code, message=message, hint=hint, path=lock.path)
