"""Faults of a plan that only the base, the lock and the config together show; each is a finding with what to do."""

from __future__ import annotations

from collections.abc import Mapping

from hublish.builders.baseimage.facts import BaseFacts
from hublish.builders.planning.targetcheck import find_fitting_base
from hublish.core.config.file import Config
from hublish.core.finding import Finding, Severity
from hublish.core.locks.lock import Lock, LockedPackage, LockKind
from hublish.core.ports import SystemBases
from hublish.core.reference import Reference
from hublish.errors import clip

HUB_PACKAGES = ("jupyterhub", "jupyterlab")


def find_base(
    lock: Lock | None, *, base: Reference | None, bases: Mapping[str, Reference]
) -> tuple[Reference | None, tuple[Finding, ...]]:
    """Find the base to build on.

    Args:
        lock: None when it could not be read; without it only a base of the config's own is found.
        base: the config's own; wins.
        bases: the operator's defaults by Python version.

    Returns:
        `(reference or None, findings that say why None)`.
    """
    if base is not None:
        return base, ()
    if lock is None:
        return None, ()
    if lock.python_version is None:
        fitting = find_fitting_base(lock, bases)
        return (None, (_miss_python(lock),)) if fitting is None else (bases[fitting], ())
    minor = ".".join(lock.python_version.split(".")[:2])
    if minor in bases:
        return bases[minor], ()
    known = ", ".join(sorted(bases)) or "none"
    finding = Finding(
        severity=Severity.ERROR,
        code="BaseMissing",
        message=f"there is no default base for Python {clip(minor)}; the operator's `bases` hold: {known}",
        hint=(
            "Add `base` to the config file, or `--base` to the command line, or ask the operator to add "
            f'"{clip(minor)}" to `bases`.'
        ),
        path=lock.path,
    )
    return None, (finding,)


def _miss_python(lock: Lock) -> Finding:
    if lock.kind is LockKind.PIPFILE_LOCK:
        message = "the Pipfile names no python_version, and the config file names no base"
        hint = 'Add `[requires]` with `python_version = "3.11"` to the Pipfile and run `pipenv lock`, or add `base`.'
    else:
        message = (
            "neither the lock nor .python-version names a Python there is a base for, and the config file names no base"
        )
        hint = "Add `base` to the config file, or commit a .python-version that holds 3.11."
    return Finding(severity=Severity.ERROR, code="PythonVersionMissing", message=message, hint=hint, path=lock.path)


def check_python(lock: Lock, facts: BaseFacts) -> tuple[Finding, ...]:
    """Compare the Python that the Pipfile or .python-version asks for with the one the base holds."""
    wanted = lock.python_version
    if wanted is None or facts.python_full_version == wanted:
        return ()
    found = "{}.{}".format(*facts.python_version)
    pipfile = lock.kind is LockKind.PIPFILE_LOCK
    asking = "the Pipfile" if pipfile else ".python-version"
    change = (
        "change [requires] in the Pipfile and run `pipenv lock`" if pipfile else "change .python-version and lock again"
    )
    if ".".join(wanted.split(".")[:2]) != found:
        return (
            Finding(
                severity=Severity.ERROR,
                code="PythonMismatch",
                message=f"{asking} requires Python {clip(wanted)}, the base holds {facts.python_full_version}",
                hint=f"Name a base with that Python, or {change}.",
                path=lock.path,
            ),
        )
    if wanted == found:
        return ()
    return (
        Finding(
            severity=Severity.WARNING,
            code="PythonPatchDiffers",
            message=f"{asking} requires Python {clip(wanted)} exactly, the base holds {facts.python_full_version}",
            hint="Use python_version instead of python_full_version, or a base with that very version."
            if pipfile
            else "Write the version without its last part, or use a base with that very version.",
            path=lock.path,
        ),
    )


def check_system(config: Config, systems: SystemBases | None) -> tuple[Finding, ...]:
    """Refuse OS packages where no container engine can install them: an image without them would break when it runs."""
    if not config.system_apt or (systems is not None and systems.can_build()):
        return ()
    finding = Finding(
        severity=Severity.ERROR,
        code="SystemPackagesUnavailable",
        message="`system.apt` names OS packages, which a container engine would have to install, and there is none here",
        hint="Name a `base` that holds them, or remove `system.apt`; or have an engine switched on: buildah or Docker on this "
        "machine, in a service `docker`, `tekton` with a `build_image`, or `buildah` with this owner, in `engines.use`. "
        "`hublish doctor` says what is missing.",
        path=config.path,
        key="system.apt",
    )
    return (finding,)


def check_system_python(before: BaseFacts, after: BaseFacts, config: Config) -> tuple[Finding, ...]:
    """Refuse OS packages that change the base's Python: the packages were chosen for the one it had."""
    if (before.python_full_version, before.executable) == (after.python_full_version, after.executable):
        return ()
    finding = Finding(
        severity=Severity.ERROR,
        code="SystemPackagesChangePython",
        message=f"`system.apt` changes the base's Python from {before.python_full_version} to {after.python_full_version}",
        hint="Name a newer `base`, whose Python is current, or remove what brings another Python.",
        path=config.path,
        key="system.apt",
    )
    return (finding,)


def check_hub_packages(packages: tuple[LockedPackage, ...], config: Config, lock: Lock) -> tuple[Finding, ...]:
    """Look for what a hub starts; missing it is an error where the config names a hub, else a warning."""
    names = {package.name for package in packages}
    severity = Severity.ERROR if config.hubs else Severity.WARNING
    return tuple(
        Finding(
            severity=severity,
            code="HubPackageMissing",
            message=f"the lock holds no {name} for the base's Python; a hub cannot start this image without it",
            hint=_advise(lock, name),
            path=lock.path,
        )
        for name in HUB_PACKAGES
        if name not in names
    )


def check_hub_majors(
    packages: tuple[LockedPackage, ...], config: Config, majors: Mapping[str, int], *, lock: Lock
) -> tuple[Finding, ...]:
    """Compare the locked jupyterhub with the hubs that the config names.

    Args:
        packages: what would be installed.
        config: names the hubs.
        majors: hub -> major version of JupyterHub it runs; hubs that are missing here are not compared.
        lock: where the package is locked.

    Returns:
        An error for every hub of another major: its server and the image's would not understand each other.
    """
    locked = next((package.version for package in packages if package.name == "jupyterhub"), None)
    if not locked:
        # It is missing, or its version is only known once its wheel is built.
        return ()
    found = locked.split(".", 1)[0]
    return tuple(
        Finding(
            severity=Severity.ERROR,
            code="HubVersionMismatch",
            message=f"the lock holds jupyterhub {clip(locked)}, the hub {clip(hub)} runs version {majors[hub]}",
            hint=_advise(lock, f"jupyterhub=={majors[hub]}.*"),
            path=lock.path,
        )
        for hub in config.hubs
        if hub in majors and found != str(majors[hub])
    )


def _advise(lock: Lock, requirement: str) -> str:
    if lock.kind is not LockKind.PIPFILE_LOCK:
        return f"Add `{requirement}` to what {clip(lock.path)} is locked from, lock again and commit the file."
    quoted = f'"{requirement}"' if "*" in requirement else requirement
    return f"Run `pipenv install {quoted}`, then commit Pipfile and Pipfile.lock."
