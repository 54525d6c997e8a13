"""The variables a builder gets beside those of `.s2i/environment`, and whether with them the lock is what is installed.

Builders of the sclorg and Thoth families install by pipenv or micropipenv when `ENABLE_PIPENV` or `ENABLE_MICROPIPENV`
has any value, both with `--deploy`, which fails on a stale lock. What would get around that is refused here, before
anything is built; Thoth's resolver, which would replace the lock, is switched off.

Source:
    sclorg/s2i-python-container, `assemble`; thoth-station/s2i-thoth, `assemble`; AICoE-CI's tag-release task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hublish.builders.s2i.environment import Variables
from hublish.core.finding import Finding, Severity
from hublish.core.locks.choice import PIPFILE_LOCK, REQUIREMENTS, read_lock
from hublish.errors import clip

PIPENV = "ENABLE_PIPENV"
MICROPIPENV = "ENABLE_MICROPIPENV"
# The old service set these on every build: the lock of the repository stays, and a resolver that is gone stops nothing.
# THOTH_CONFIG_CHECK is new: without it a builder wants a .thoth.yaml even with Thoth off.
THOTH = (
    ("THAMOS_RUNTIME_ENVIRONMENT", ""),
    ("THOTH_ADVISE", "0"),
    ("THOTH_CONFIG_CHECK", "0"),
    ("THOTH_DRY_RUN", "1"),
    ("THOTH_ERROR_FALLBACK", "1"),
    ("THOTH_PROVENANCE_CHECK", "0"),
    ("THAMOS_VERBOSE", "1"),
)
_PIPFILE = PIPFILE_LOCK.removesuffix(".lock")
_THOTH_PREFIXES = ("THOTH_", "THAMOS_")
_EVADING = {
    "PIPENV_SKIP_LOCK": "pipenv would ignore the lock",
    "PIPENV_PIPFILE": "pipenv would install from another Pipfile",
}
# micropipenv's `latest` ignores every lock; the others install what is locked, or fail.
_METHODS = ("pipenv", "poetry", "requirements", "pip-tools")
# What says that the lock is not what would be installed; other faults matter only where hublish itself installs.
_LOCK_FAULTS = frozenset(
    {
        *("LockInvalid", "LockMissing", "LockStale", "NoHashes", "NotPinned", "PipfileInvalid", "PipfileMissing"),
        *("FileTooLarge", "JSONInvalid", "NotUTF8", "TooManyItems"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableInputs:
    """What the variables are made from.

    Attributes:
        builder: the builder image's own variables.
        file: those of `.s2i/environment`.
        config: those of the config file; they come after the file's.
        image_name: registry and repository.
        repository_name: the source repository without its owner.
        legacy: whether the config is the old service's.
        place: path of `.s2i/environment`, for findings.
    """

    builder: Variables
    file: Variables
    config: Variables
    image_name: str
    repository_name: str
    legacy: bool
    place: str


def make_variables(inputs: VariableInputs) -> tuple[Variables, tuple[Finding, ...]]:
    """Make the variables of the Dockerfile, those of the repository first; the last one of a name counts.

    Thoth's are set when the config is the old service's, or when builder or repository name one of them.
    """
    own = (*inputs.file, *inputs.config)
    added: Variables = (("IMAGE_NAME", inputs.image_name), ("GIT_REPO_NAME", inputs.repository_name))
    if inputs.legacy or any(name.startswith(_THOTH_PREFIXES) for name, _ in (*inputs.builder, *own)):
        added += THOTH
    fixed = dict(THOTH)
    findings = tuple(
        Finding(
            severity=Severity.WARNING,
            code="ThothOff",
            message=f"{name}={clip(value, limit=40)} has no effect: the lock is installed as it is, so {name}={fixed[name]}",
            hint="remove the variable; write the lock with `pipenv lock` before you publish",
            path=inputs.place,
        )
        for name, value in dict(own).items()
        if name in fixed and value != fixed[name]
    )
    return (*own, *added), findings


@dataclass(frozen=True, slots=True, kw_only=True)
class LockInputs:
    """What decides which lock is installed.

    Attributes:
        variables: all that the builder sees, its own included.
        paths: files of the context, relative to its folder.
        prefix: that folder with a slash at its end; "" for the top folder.
        read: gives the bytes of a file of the repository, or None.
        own_assemble: whether the repository brings its own `assemble`.
        place: path that findings name: `.s2i/environment`.
    """

    variables: Mapping[str, str]
    paths: frozenset[str]
    prefix: str
    read: Callable[[str], bytes | None]
    own_assemble: bool
    place: str


def check_lock(inputs: LockInputs) -> tuple[Finding, ...]:
    """Check that the builder installs the repository's lock as it is, or fails."""
    variables = inputs.variables
    pipenv, micropipenv = bool(variables.get(PIPENV)), bool(variables.get(MICROPIPENV))
    if pipenv and micropipenv:
        message = f"{PIPENV} and {MICROPIPENV} are both set; the builder takes one of them"
        return (_refuse("LockToolsClash", message, "remove one; any value counts, 0 too", inputs.place),)
    if pipenv:
        return _check_pipenv(inputs)
    if micropipenv:
        return _check_micropipenv(inputs)
    if PIPFILE_LOCK in inputs.paths and not inputs.own_assemble:
        finding = Finding(
            severity=Severity.WARNING,
            code="LockUnread",
            message=f"{PIPFILE_LOCK} is there, but neither {PIPENV} nor {MICROPIPENV} is set; the builder may not read it",
            hint=f"add {MICROPIPENV}=1 to .s2i/environment",
            path=inputs.place,
        )
        return (finding,)
    return ()


def _check_pipenv(inputs: LockInputs) -> tuple[Finding, ...]:
    findings = [
        _refuse("LockEvaded", f"{name} is set: {reason}", "remove it", inputs.place)
        for name, reason in _EVADING.items()
        if inputs.variables.get(name)
    ]
    if _PIPFILE not in inputs.paths:
        message = f"{PIPENV} is set, but there is no {_PIPFILE}; pipenv would install what is newest"
        hint = f"commit {_PIPFILE} and {PIPFILE_LOCK}, or remove {PIPENV}"
        return (*findings, _refuse("LockMissing", message, hint, inputs.place))
    return (*findings, *_read_lock(inputs, PIPFILE_LOCK))


def _check_micropipenv(inputs: LockInputs) -> tuple[Finding, ...]:
    method = inputs.variables.get("MICROPIPENV_METHOD") or ""
    if method and method not in _METHODS:
        message = f"MICROPIPENV_METHOD={clip(method, limit=40)} installs without a lock"
        return (_refuse("LockEvaded", message, f"take one of {', '.join(_METHODS)}", inputs.place),)
    by_pipfile = method == "pipenv" or (not method and PIPFILE_LOCK in inputs.paths)
    if by_pipfile:
        return _read_lock(inputs, PIPFILE_LOCK)
    if method == "poetry" or (not method and "poetry.lock" in inputs.paths):
        # Its hash is compared by micropipenv itself; hublish does not read that format.
        return ()
    return _read_lock(inputs, REQUIREMENTS)


def _read_lock(inputs: LockInputs, path: str) -> tuple[Finding, ...]:
    if path not in inputs.paths:
        message = f"there is no {path} for the builder to install"
        return (_refuse("LockMissing", message, "lock the packages and commit the file", inputs.place),)
    parsed = read_lock(inputs.prefix + path, read=inputs.read, dev=False, default_index="")
    return tuple(finding for finding in parsed.findings if finding.code in _LOCK_FAULTS)


def _refuse(code: str, message: str, hint: str, place: str) -> Finding:
    return Finding(severity=Severity.ERROR, code=code, message=message, hint=hint, path=place)
