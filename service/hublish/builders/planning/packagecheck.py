"""What `pip check` would say of an image, said when it is planned: each finding with the package's line in the lock.

It asks as little as it can: what earlier builds found out, else the METADATA that the index gives by itself, else the wheel,
which the build needs anyway. Choices and facts are kept, so that the build does not ask again; what only the index says is
not, because the lock does not vouch for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from hublish.builders.baseimage.facts import BaseFacts
from hublish.builders.layerindex.entries import WheelFacts
from hublish.builders.layerindex.index import LayerIndex
from hublish.builders.planning.consistency import find_unmet, list_present
from hublish.builders.planning.packagechoice import find_known_choices, store_choices
from hublish.builders.wheels.choice import (
    MISSING_HINT,
    ChosenWheel,
    explain_yanked,
    find_sources,
    list_choices,
    map_in_threads,
)
from hublish.builders.wheels.repowheels import add_repository_wheels
from hublish.builders.wheels.sdist import find_sdist
from hublish.builders.wheels.wheelhouse import Wheelhouse
from hublish.core.finding import Finding, Severity, has_error
from hublish.core.locks.lock import LockedPackage, PackageOrigin
from hublish.core.plan import Plan
from hublish.core.ports import PackageIndex, Source
from hublish.errors import DiskFull, IndexFailed, NotAllowed, WheelInvalid, WheelMissing, clip

WHEEL_BUILT = "WheelBuilt"
"""Code of the note on a package whose wheel is built."""
BUILD_HINT = (
    "Commit its wheel or publish it to a package index and lock again; or have a container engine switched on: buildah or "
    "Docker on this machine, in the service `engines.use`."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelSupply:
    """Where the wheels of a plan come from.

    Attributes:
        index: lists and has them.
        folder: those of a repository are copied to it.
        can_build: tells whether packages without a wheel can be built; asked only if there is one.
        retries: whoever plans tries again, so that an index that is away is raised: a plan made meanwhile would be another.
    """

    index: PackageIndex
    folder: Path
    can_build: Callable[[], bool] = lambda: False
    retries: bool = False


def check_packages(
    plan: Plan, *, source: Source, facts: BaseFacts, supply: WheelSupply, layers: LayerIndex, lock_path: str
) -> tuple[Finding, ...]:
    """Check that each package has a wheel that fits, and that their requirements are met for the target Python.

    Args:
        plan: names the packages and their indexes.
        source: holds the wheels of the repository.
        facts: of the base.
        supply: where wheels come from.
        layers: what earlier builds found out.
        lock_path: where findings point to.

    Returns:
        All errors at once; one warning where an index could not be asked or a wheel not be kept, as the build tries again,
        beside what is known without it.

    Raises:
        IndexFailed: a transient one, where the supply says that it is tried again.
    """
    missing: tuple[Finding, ...] | None = None
    index = add_repository_wheels(supply.index, plan.packages, source=source, folder=supply.folder)
    try:
        chosen, without = _choose(plan, facts=facts, index=index, layers=layers)
        missing = _judge(without, plan, index=index, can_build=supply.can_build, lock_path=lock_path)
        if has_error(missing):
            return tuple(finding for finding in missing if finding.severity is Severity.ERROR)
        lists = _list_requirements(chosen, plan, index=index, layers=layers)
    except (IndexFailed, NotAllowed, DiskFull) as error:
        # A full disk is left to the build: what that says of it is the answer, and it is not waited for twice.
        if isinstance(error, IndexFailed) and error.transient and supply.retries:
            raise
        if missing is None:
            sources = (package for package in plan.packages if package.is_source)
            missing = tuple(_judge_source(item, can_build=supply.can_build, lock_path=lock_path) for item in sources)
        message = f"the packages were not checked: {error.message}"
        return (*missing, _make_finding("PackagesUnchecked", message, error.hint, lock_path, severity=Severity.WARNING))
    except (WheelMissing, WheelInvalid) as error:
        return (_make_finding(error.code, error.message, error.hint, lock_path),)
    present = list_present(plan.packages, facts=facts, environment=plan.environment)
    hint = (
        f"Lock again with Python {facts.python_full_version}, which the base holds: a lock made with another one can "
        "leave packages out by their markers."
    )
    packages = [(choice.package, texts) for choice, texts in zip(chosen, lists, strict=True)]
    unmet = (
        _make_finding("UnmetRequirement", str(found), hint, lock_path, line=found.package.line)
        for found in find_unmet(packages, facts=facts, present=present)
    )
    return (*missing, *_find_yanked(chosen, lock_path), *unmet)


def _choose(
    plan: Plan, *, facts: BaseFacts, index: PackageIndex, layers: LayerIndex
) -> tuple[list[ChosenWheel], list[tuple[LockedPackage, str]]]:
    """Choose wheels; returns `(chosen, packages that have none with the reason)`."""
    known = find_known_choices(plan.packages, sources=plan.indexes, facts=facts, layers=layers)
    unknown = [package for package in plan.packages if package not in known]
    listed = list_choices(unknown, sources=plan.indexes, facts=facts, index=index)
    chosen = [choice for _, choice in listed if isinstance(choice, ChosenWheel)]
    store_choices(chosen, sources=plan.indexes, facts=facts, layers=layers)
    without = [(package, choice) for package, choice in listed if isinstance(choice, str)]
    # In the order of the plan, so that findings do not change with what happens to be known.
    found = known | {choice.package: choice for choice in chosen}
    return [found[package] for package in plan.packages if package in found], without


def _find_yanked(chosen: Sequence[ChosenWheel], lock_path: str) -> tuple[Finding, ...]:
    """Say which files their index took back; a choice of an earlier build does not know."""
    return tuple(
        _make_finding(
            "PackageYanked",
            explain_yanked(choice),
            "Lock again, so that a version which is not yanked is chosen.",
            lock_path,
            line=choice.package.line,
            severity=Severity.WARNING,
        )
        for choice in chosen
        if choice.file.yanked is not None
    )


def _judge(
    without: Sequence[tuple[LockedPackage, str]],
    plan: Plan,
    *,
    index: PackageIndex,
    can_build: Callable[[], bool],
    lock_path: str,
) -> tuple[Finding, ...]:
    """Say of each package without a wheel that it is missing, or that it is going to be built."""
    findings = []
    for package, reason in without:
        if package.is_source:
            findings.append(_judge_source(package, can_build=can_build, lock_path=lock_path))
            continue
        sdists = (
            find_sdist(package, index.list_files(source, package.name))
            for source in find_sources(package, plan.indexes)
        )
        sdist = next((file for file in sdists if file is not None), None)
        title = f"{package.name} {package.version}"
        if sdist is not None and can_build():
            message = f"{title} has no wheel that fits: it is built in the base from {clip(sdist.filename)}"
            finding = _make_finding(WHEEL_BUILT, message, "", lock_path, line=package.line, severity=Severity.NOTE)
        else:
            finding = _make_finding("WheelMissing", f"{title}: {reason}", MISSING_HINT, lock_path, line=package.line)
        findings.append(finding)
    return tuple(findings)


def _judge_source(package: LockedPackage, *, can_build: Callable[[], bool], lock_path: str) -> Finding:
    """Say of a package that is named by its source that it is going to be built, or that nothing here can."""
    origin = "another repository" if package.origin is PackageOrigin.VCS else "a folder or archive of this repository"
    if can_build():
        message = f"{package.name} comes from {origin}: its wheel is built in the base"
        return _make_finding(WHEEL_BUILT, message, "", lock_path, line=package.line, severity=Severity.NOTE)
    message = (
        f"`{package.name}` comes from {origin}, so its wheel must be built first; no container engine here does that"
    )
    return _make_finding("NeedsWheelBuild", message, BUILD_HINT, lock_path, line=package.line)


def _list_requirements(
    chosen: Sequence[ChosenWheel], plan: Plan, *, index: PackageIndex, layers: LayerIndex
) -> list[tuple[str, ...]]:
    wheels = Wheelhouse(index, sources=plan.indexes, layers=layers, verify_running=lambda: None)

    def find(choice: ChosenWheel) -> tuple[str, ...] | None:
        facts = layers.find_wheel(choice.sha256)
        if facts is not None:
            return facts.requirements
        body = None if choice.source is None else index.fetch_metadata(choice.source, choice.file)
        return None if body is None else _parse_requirements(body)

    found = dict(zip(chosen, map_in_threads(find, chosen), strict=True))

    def note(choice: ChosenWheel, facts: WheelFacts) -> None:
        found[choice] = facts.requirements

    wheels.fetch([choice for choice, texts in found.items() if texts is None], done=note)
    return [texts or () for texts in found.values()]


def _parse_requirements(metadata: bytes) -> tuple[str, ...]:
    headers = HeaderParser().parsestr(metadata.decode(errors="replace"))
    return tuple(str(value) for value in headers.get_all("Requires-Dist", []))


def _make_finding(
    code: str, message: str, hint: str, path: str, *, line: int | None = None, severity: Severity = Severity.ERROR
) -> Finding:
    return Finding(severity=severity, code=code, message=message, hint=hint, path=path, line=line)
