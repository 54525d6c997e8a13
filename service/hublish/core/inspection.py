"""Config and lock of a commit or folder checked without building anything: which files count, and every fault in them.

Reads only what it is given a reader for; nothing is fetched, resolved or run, so that the files of strangers may be
checked as well. What the base image or the package index would say is found by the planner, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from hublish.core.config.file import (
    CONFIG_PATHS,
    NEAR_NAMES,
    check_config_names,
    parse_config,
)
from hublish.core.config.values import Config
from hublish.core.finding import Finding
from hublish.core.locks.choice import (
    EXPORTS,
    LOCK_NAMES,
    PIPFILE_LOCK,
    PYLOCK,
    PYTHON_VERSION_FILE,
    ReadFile,
    choose_lock,
    is_lock_name,
    read_lock,
)
from hublish.core.plan import Strategy
from hublish.core.strategy import choose_strategy, list_dockerfile_paths

PIPFILE = "Pipfile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found in a repository's files.

    Attributes:
        config_path: the config file; None when there is none.
        config_body: its bytes; None likewise.
        config: what it says; None when there is none or it has an error.
        files: paths that were read, the config first.
        missing: path of the lock that is wanted and not there, or nothing.
        findings: every fault and remark, in the order of the files.
    """

    config_path: str | None
    config_body: bytes | None
    config: Config | None
    files: tuple[str, ...]
    missing: tuple[str, ...]
    findings: tuple[Finding, ...]


def may_concern(path: str) -> bool:
    """Tell whether a changed file may be a config or a lock, by its name alone: what decides whether to look closer."""
    name = path.rpartition("/")[2]
    return path in CONFIG_PATHS or path in NEAR_NAMES or name in (PIPFILE, PYTHON_VERSION_FILE) or is_lock_name(name)


def concerns(path: str, *, config_path: str | None, config: Config | None) -> bool:
    """Tell whether a changed file is one that counts: a config, also one under a wrong name, or a part of the lock.

    Args:
        path: of the changed file.
        config_path: the config of the commit; None when there is none.
        config: what it says; None when it cannot be used.
    """
    if path in CONFIG_PATHS or path in NEAR_NAMES:
        return True
    if config_path is None:
        # Without a config a lock is no business of ours: the App may be installed on every repository of an owner.
        return False
    named = {None if one is None else one.python.lock for one in _list_configs(config)}
    usual = (PIPFILE, *LOCK_NAMES, *EXPORTS) if None in named else ()
    locks = {lock for name in named if name is not None for lock in (name, name.removesuffix(".lock"))}
    return path in (PYTHON_VERSION_FILE, *usual, *locks)


def inspect_files(
    *,
    has: Callable[[str], bool],
    read: ReadFile,
    repository_name: str | None,
    default_index: str = "",
) -> Inspection:
    """Check the config, and the lock where the strategy needs one or there is one.

    Args:
        has: tells whether a regular file is there, by its path in the repository.
        read: see `ReadFile`.
        repository_name: without owner; the old format's default for the image. None when unknown.
        default_index: URL of the simple API where the lock names none; "" for none.
    """
    names = check_config_names(_find(has, (*CONFIG_PATHS, *NEAR_NAMES)))
    config_path = next((path for path in CONFIG_PATHS if has(path)), None)
    body = None if config_path is None else read(config_path)
    found = inspect_config(config_path, body, repository_name=repository_name)
    files, findings = found.files, (*names, *found.findings)
    for config in _list_configs(found.config):
        if _wants_lock(has, config_path, config):
            locked_files, locked = _inspect_lock(has, read, config, default_index)
            files, findings = (*files, *locked_files), (*findings, *locked)
    files = tuple(dict.fromkeys(files))
    return replace(
        found,
        files=tuple(path for path in files if has(path)),
        missing=tuple(path for path in files if not has(path)),
        findings=tuple(dict.fromkeys(findings)),
    )


def inspect_config(path: str | None, body: bytes | None, *, repository_name: str | None) -> Inspection:
    """Check a config by itself; both None when there is none."""
    if path is None or body is None:
        return Inspection(config_path=None, config_body=None, config=None, files=(), missing=(), findings=())
    parsed = parse_config(body, path=path, repository_name=repository_name)
    return Inspection(
        config_path=path,
        config_body=body,
        config=parsed.config,
        files=(path,),
        missing=(),
        findings=parsed.findings,
    )


def _list_configs(config: Config | None) -> tuple[Config | None, ...]:
    """The config as it counts for each image; itself when it cannot be used."""
    return (None,) if config is None else tuple(config.for_image(image) for image in config.images)


def _wants_lock(has: Callable[[str], bool], config_path: str | None, config: Config | None) -> bool:
    if config is None:
        # A config that cannot be read names no lock; one that lies where it usually does is checked all the same.
        usual = (PIPFILE_LOCK, PYLOCK) if config_path is not None else (PIPFILE, *LOCK_NAMES, *EXPORTS)
        return any(has(path) for path in usual)
    named = config.python.lock
    if any(has(path) for path in ((PIPFILE_LOCK, PYLOCK) if named is None else (named,))):
        return True
    paths = _find(has, list_dockerfile_paths(config))
    return choose_strategy(config, paths).strategy is Strategy.LAYERED


def _inspect_lock(
    has: Callable[[str], bool], read: ReadFile, config: Config | None, default_index: str
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    files: dict[str, None] = {}

    def note(path: str) -> bytes | None:
        files[path] = None
        return read(path)

    named = None if config is None else config.python.lock
    dev = config is not None and config.python.dev
    choice = choose_lock(named, paths=_find(has, (PIPFILE, *LOCK_NAMES, *EXPORTS)), read=read)
    if choice.finding is not None:
        return (choice.path,), (choice.finding,)
    parsed = read_lock(choice.path, read=note, dev=dev, default_index=default_index)
    return tuple(path for path in files if has(path) or path == choice.path), parsed.findings


def _find(has: Callable[[str], bool], paths: Iterable[str]) -> frozenset[str]:
    return frozenset(path for path in paths if has(path))
