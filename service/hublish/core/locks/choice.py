"""Which lock of a repository counts, and that lock read by the reader of its format. All formats give one `Lock`.

The config names it, or the files present decide: Pipfile.lock, pylock.toml, requirements.txt with hashes. The locks of
uv and poetry are formats of these tools alone; both export one that is read here, and the finding names the command.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from hublish.core.config.valuetext import parse_lock_path
from hublish.core.finding import Finding, Severity
from hublish.core.locks.lock import Lock, LockKind
from hublish.core.locks.lockfile import ParsedLock, parse_lock
from hublish.errors import ValueInvalid, clip

PIPFILE_LOCK, PYLOCK, REQUIREMENTS = "Pipfile.lock", "pylock.toml", "requirements.txt"
LOCK_NAMES = (PIPFILE_LOCK, PYLOCK, REQUIREMENTS)
PYTHON_VERSION_FILE = ".python-version"
EXPORTS = {
    "uv.lock": "uv export --format pylock.toml --no-emit-project -o pylock.toml",
    "poetry.lock": "poetry export -f requirements.txt -o requirements.txt",
}
_HASH_OPTION = b"--hash"
_PYTHON_VERSION = re.compile(r"(?:cpython-)?(3(?:\.[0-9]{1,3}){1,2})")
_PYTHON_FILE_LIMIT_BYTES = 4096

ReadFile = Callable[[str], bytes | None]
"""Gives the bytes of a regular file of the repository by its path; None when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockChoice:
    """The lock that counts.

    Attributes:
        path: its path in the repository; it may be missing, which its reader then says.
        reason: why this one, in one sentence for people; "" for a Pipfile.lock with no lock beside it.
        ignored: the other locks that lie in its folder, sorted.
        finding: the error that stands in place of a lock; None when the path is to be read.
    """

    path: str
    reason: str = ""
    ignored: tuple[str, ...] = ()
    finding: Finding | None = None


def find_lock_kind(path: str) -> LockKind:
    """Tell the format of a lock by its file name: Pipfile.lock, pylock.toml or pylock.*.toml, else requirements."""
    name = path.rpartition("/")[2]
    if name == PIPFILE_LOCK:
        return LockKind.PIPFILE_LOCK
    return LockKind.PYLOCK if name.endswith(".toml") else LockKind.REQUIREMENTS


def is_lock_name(name: str) -> bool:
    """Tell whether a file name is that of a lock that can be read, or of a tool's lock that has to be exported."""
    if name in EXPORTS:
        return True
    try:
        parse_lock_path(name)
    except ValueInvalid:
        return False
    return True


def choose_lock(named: str | None, *, paths: frozenset[str], read: ReadFile) -> LockChoice:
    """Choose the lock of a repository.

    Args:
        named: path in the config; None lets the files in the top folder decide.
        paths: all paths of the tree.
        read: see `ReadFile`.
    """
    if named is not None and named in EXPORTS:
        return LockChoice(path=named, finding=_refuse_foreign(named))
    if named is not None:
        reason = "" if named == PIPFILE_LOCK else f"The config names {named} as the lock."
        folder = named.rpartition("/")[0]
        others = {f"{folder}/{name}" if folder else name for name in LOCK_NAMES} - {named}
        return LockChoice(path=named, reason=reason, ignored=tuple(sorted(others & paths)))
    present = [name for name in LOCK_NAMES if name in paths]
    usable = [name for name in present if name != REQUIREMENTS or _HASH_OPTION in (read(name) or b"")]
    foreign = next((name for name in EXPORTS if name in paths), None)
    if not usable and foreign is not None:
        return LockChoice(path=foreign, finding=_refuse_foreign(foreign), ignored=tuple(present))
    if not usable and "Pipfile" not in paths:
        # An unhashed requirements.txt is the lock somebody meant; its reader says what it lacks.
        return LockChoice(path=REQUIREMENTS) if present else LockChoice(path=PIPFILE_LOCK, finding=_miss())
    path = usable[0] if usable else PIPFILE_LOCK
    ignored = tuple(sorted({*present, *(name for name in EXPORTS if name in paths)} - {path}))
    reason = "" if path == PIPFILE_LOCK and not ignored else f"The packages are those of {path}."
    return LockChoice(path=path, reason=reason, ignored=ignored)


def read_lock(path: str, *, read: ReadFile, dev: bool, default_index: str) -> ParsedLock:
    """Read a lock by the format that its name tells.

    Args:
        path: of the lock, from `choose_lock`.
        read: see `ReadFile`.
        dev: whether the develop group is installed too.
        default_index: URL of the simple API where the lock names none; "" for none.

    Returns:
        The lock, or None with at least one error. Where the format names no Python, `.python-version` does.
    """
    kind = find_lock_kind(path)
    if kind is LockKind.PIPFILE_LOCK:
        pipfile = path.removesuffix(".lock")
        return parse_lock(pipfile=read(pipfile), lock=read(path), pipfile_path=pipfile, lock_path=path, dev=dev)
    # The readers of other formats are imported when such a lock is read: most repositories have a Pipfile.lock.
    if kind is LockKind.REQUIREMENTS:
        from hublish.core.locks.requirements import parse_requirements  # noqa: PLC0415  # start-up time

        parsed = parse_requirements(path, read=read, default_index=default_index)
    else:
        from hublish.core.locks.pylock import parse_pylock  # noqa: PLC0415  # start-up time

        body = read(path)
        if body is None:
            message = f"`{clip(path)}` is missing; an image is made from locked packages only"
            return ParsedLock(lock=None, findings=(_make_error("LockMissing", message, path, "commit the file"),))
        parsed = parse_pylock(body, path=path, dev=dev, default_index=default_index)
    return parsed if parsed.lock is None else _add_python_version(parsed.lock, parsed.findings, read)


def _add_python_version(lock: Lock, findings: tuple[Finding, ...], read: ReadFile) -> ParsedLock:
    folder = lock.path.rpartition("/")[0]
    for path in dict.fromkeys(
        (f"{folder}/{PYTHON_VERSION_FILE}" if folder else PYTHON_VERSION_FILE, PYTHON_VERSION_FILE)
    ):
        body = read(path)
        if body is None:
            continue
        lines = (
            line.partition("#")[0].strip()
            for line in body[:_PYTHON_FILE_LIMIT_BYTES].decode(errors="replace").split("\n")
        )
        text = next((line for line in lines if line), "")
        match = _PYTHON_VERSION.fullmatch(text)
        if match is not None:
            return ParsedLock(lock=replace(lock, python_version=match[1]), findings=findings)
        message = f'"{clip(text, limit=40)}" is no version of Python such as 3.11; it is not read'
        warning = Finding(severity=Severity.WARNING, code="PythonVersionUnread", message=message, path=path, line=1)
        return ParsedLock(lock=lock, findings=(*findings, warning))
    return ParsedLock(lock=lock, findings=findings)


def _refuse_foreign(path: str) -> Finding:
    message = f"the format of {path} is its tool's own and is not read; a lock that is read can be exported from it"
    return _make_error("LockNeedsExport", message, path, f"run `{EXPORTS[path]}` and commit the file it writes")


def _miss() -> Finding:
    message = f"no lock is there: none of {', '.join(LOCK_NAMES)}; an image is made from locked packages only"
    hint = "run `pipenv lock`, `uv export --format pylock.toml -o pylock.toml` or `pip-compile --generate-hashes`, and commit the file"
    return _make_error("LockMissing", message, PIPFILE_LOCK, hint)


def _make_error(code: str, message: str, path: str, hint: str) -> Finding:
    return Finding(severity=Severity.ERROR, code=code, message=message, hint=hint, path=path)
