"""What `pip check` would say of the image, said before a layer is made; and files that two wheels both bring."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from posixpath import dirname

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from hublish.builders.basefacts import BaseFacts
from hublish.builders.wheelfile import read_requirements
from hublish.builders.wheelinstall import make_conflict
from hublish.builders.wheellayer import WheelContents
from hublish.builders.wheels import FetchedWheel, map_in_threads
from hublish.errors import BuildFailed, clip

_SHOWN = 20


def verify_requirements(wheels: Sequence[FetchedWheel], *, facts: BaseFacts, present: Mapping[str, str]) -> None:
    """Verify that every wheel's requirements are met for the target Python.

    Args:
        wheels: what is installed.
        facts: of the base; markers are evaluated for its Python.
        present: name -> version of everything the environment will hold.

    Raises:
        BuildFailed: at least one is not; all of them are listed.
        WheelInvalid: a wheel without METADATA.
    """
    environment = facts.marker_environment
    lists = map_in_threads(lambda wheel: read_requirements(wheel.path), wheels)
    faults = [
        f"{wheel.chosen.title} requires {clip(text)}, but {fault}"
        for wheel, texts in zip(wheels, lists, strict=True)
        for text in texts
        if (fault := _find_fault(text, environment=environment, present=present)) is not None
    ]
    if faults:
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise BuildFailed(
            "the locked packages do not fit together: " + "; ".join(faults[:_SHOWN]) + more,
            hint=f"Run `pipenv lock` with Python {facts.python_full_version}, which the base holds: a lock made with "
            "another one can leave packages out by their markers.",
        )


def _find_fault(text: str, *, environment: dict[str, str], present: Mapping[str, str]) -> str | None:
    try:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate(environment):
            return None
        version = present.get(canonicalize_name(requirement.name))
        if version is None:
            return f"{clip(requirement.name)} is not among them for Python {environment['python_full_version']}"
        return None if requirement.specifier.contains(version, prereleases=True) else f"{version} is locked"
    except (InvalidRequirement, InvalidVersion):
        # pip skips metadata it cannot read; the package is no worse off here.
        return None


def verify_no_conflicts(contents: Iterable[WheelContents]) -> None:
    """Verify that no path comes from two wheels with different bytes, and none is a file here and a folder there.

    Raises:
        BuildFailed: the message names both wheels.
    """
    owners: dict[str, tuple[str, str]] = {}
    folders: dict[str, str] = {}
    for entry in contents:
        for path, short in entry.files:
            first, known = owners.setdefault(path, (entry.wheel, short))
            if known != short:
                raise make_conflict(path, first, entry.wheel)
            folder = dirname(path)
            while folder not in folders and folder not in {"", "/"}:
                folders[folder] = entry.wheel
                folder = dirname(folder)
    for path in sorted(owners.keys() & folders.keys()):
        raise make_conflict(path, owners[path][0], folders[path])
