"""What `pip check` would say of the image, said before a layer is made; and files that two wheels both bring."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from posixpath import dirname

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hublish.builders.baseimage.facts import BaseFacts
from hublish.builders.layerindex.contents import WheelContents
from hublish.builders.wheels.claims import make_conflict, make_folder_conflict
from hublish.core.locks.lock import LockedPackage
from hublish.core.plan import Environment
from hublish.errors import BuildFailed, clip

_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmetRequirement:
    """A requirement that is not met: of which package, the requirement as written, what is there instead."""

    package: LockedPackage
    text: str
    fault: str

    def __str__(self) -> str:
        return f"{clip(self.package.name)} {clip(self.package.version)} requires {clip(self.text)}, but {self.fault}"


def list_present(packages: Sequence[LockedPackage], *, facts: BaseFacts, environment: Environment) -> Mapping[str, str]:
    """Name -> version of everything the environment of the image will hold."""
    present = {package.name: package.version for package in packages}
    if environment is Environment.BASE:
        present = {**{known.name: known.version for known in facts.installed}, **present}
    return present


def find_unmet(
    wheels: Sequence[tuple[LockedPackage, Sequence[str]]], *, facts: BaseFacts, present: Mapping[str, str]
) -> tuple[UnmetRequirement, ...]:
    """Find the requirements that are not met for the target Python.

    Args:
        wheels: what is installed, each with its `Requires-Dist` as written.
        facts: of the base; markers are evaluated for its Python.
        present: name -> version of everything the environment will hold.
    """
    environment = facts.marker_environment
    return tuple(
        UnmetRequirement(package=package, text=text, fault=fault)
        for package, texts in wheels
        for text in texts
        if (fault := _find_fault(text, environment=environment, present=present)) is not None
    )


def verify_requirements(unmet: Sequence[UnmetRequirement], *, facts: BaseFacts) -> None:
    """Verify that there is no unmet requirement.

    Raises:
        BuildFailed: at least one is not met; all of them are listed.
    """
    if unmet:
        more = f"; and {len(unmet) - _SHOWN} more" if len(unmet) > _SHOWN else ""
        raise BuildFailed(
            "the locked packages do not fit together: " + "; ".join(map(str, unmet[:_SHOWN])) + more,
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
        if not version:
            # Of a wheel that is still to be built; the build looks again.
            return None
        return None if requirement.specifier.contains(version, prereleases=True) else f"{clip(version)} is locked"
    except (ValueError, KeyError, RecursionError):
        # pip skips metadata it cannot read; the package is no worse off here. ValueError is what packaging raises, and
        # Python itself for a number of thousands of digits; KeyError is an unknown variable; the third, deep parentheses.
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
        raise make_folder_conflict(path, owners[path][0], folders[path])
