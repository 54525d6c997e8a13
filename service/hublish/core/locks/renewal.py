"""A Pipfile.lock made anew: what changed, and the sources that pipenv was sent to in place of the Pipfile's own.

A mirror must leave no trace: pipenv reads a Pipfile whose sources are the mirrors, and its lock gets the sources and the
hash of the real one back. Nothing is resolved or run here, and no URL is expanded.

Source: pipenv's Pipfile.lock, "pipfile-spec" 6, as the plette library models it.
"""

from __future__ import annotations

import io
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import plette  # type: ignore[import-untyped]  # plette ships no types
from plette.pipfiles import DEFAULT_SOURCE_TOML  # type: ignore[import-untyped]  # plette ships no types

from hublish.core.locks.lockfile import LOCK_LIMIT_BYTES
from hublish.core.locks.pipfile import hash_pipfile
from hublish.core.redact import redact
from hublish.core.trees.jsontree import parse_json
from hublish.errors import LockFailed, clip

FAILURE_LINES = 12
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_TELLING = re.compile(
    r"incompatible versions|resolutionimpossible|could not find a version|no matching distribution|conflict"
    r"|depends on|requires |error|no such option|not found|timed out|refused|does not match",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageChange:
    """One package that a new lock holds otherwise than the old one.

    Attributes:
        group: "default", "develop" or another category of the Pipfile.
        name: as locked.
        old: what was locked; None for a new package.
        new: what is locked now; None for one that is gone.
    """

    group: str
    name: str
    old: str | None
    new: str | None


def list_locked(body: bytes | None) -> dict[tuple[str, str], str]:
    """List what a lock holds, also one that is stale or has faults: `(group, name)` -> version or place, clipped.

    Args:
        body: of the lock; None and what is no lock hold nothing.
    """
    tree = None if body is None else parse_json(body, path="", limit_bytes=LOCK_LIMIT_BYTES).tree
    value = None if tree is None else tree.value
    groups = value.items() if isinstance(value, dict) else ()
    return {
        (clip(group, limit=80), clip(name, limit=80)): _show(entry)
        for group, entries in groups
        if group != "_meta" and isinstance(entries, dict)
        for name, entry in entries.items()
    }


def _show(entry: Any) -> str:
    if not isinstance(entry, dict):
        return "?"
    version = entry.get("version")
    if isinstance(version, str):
        return clip(version.removeprefix("=="), limit=80)
    place = next((str(entry[key]) for key in ("git", "hg", "svn", "bzr", "path", "file") if key in entry), "?")
    ref = entry.get("ref")
    return clip(redact(f"{place}@{ref}" if isinstance(ref, str) else place), limit=120)


def compare_locks(old: bytes | None, new: bytes) -> tuple[PackageChange, ...]:
    """Compare two locks; packages by group and name, those that stayed are left out."""
    before, after = list_locked(old), list_locked(new)
    return tuple(
        PackageChange(group=group, name=name, old=before.get((group, name)), new=after.get((group, name)))
        for group, name in sorted(before.keys() | after.keys())
        if before.get((group, name)) != after.get((group, name))
    )


def redirect_sources(pipfile: bytes, mirrors: Mapping[str, str]) -> bytes:
    """Render a Pipfile whose sources are asked elsewhere.

    Args:
        pipfile: a Pipfile that was parsed before.
        mirrors: URL of a source, without trailing slash -> URL that is asked instead. One over plain HTTP, which whoever
            maps it has allowed, has no certificate to verify; pip would pass over it without a word.
    """
    data = _load(pipfile)
    data["source"] = [_redirect(source, mirrors) for source in data["source"]]
    stream = io.StringIO()
    plette.Pipfile(data).dump(stream)
    return stream.getvalue().encode()


def _redirect(source: dict[str, Any], mirrors: Mapping[str, str]) -> dict[str, Any]:
    mirror = mirrors.get(str(source.get("url", "")).rstrip("/"))
    if mirror is None:
        return source
    return {**source, "url": mirror, **({"verify_ssl": False} if mirror.startswith("http:") else {})}


def restore_lock(lock: bytes, *, pipfile: bytes, asked: bytes) -> bytes:
    """Give a lock the sources and the hash of the Pipfile it was meant for.

    Args:
        lock: what pipenv made of `asked`.
        pipfile: the real Pipfile.
        asked: the Pipfile that pipenv read.

    Returns:
        The lock as pipenv writes it. The hash is of the kind that this pipenv wrote: versions differ in it.

    Raises:
        LockFailed: pipenv wrote no lock, or one of another Pipfile.
    """
    try:
        data = json.loads(lock)
        meta = data["_meta"]
        kind = hash_pipfile(_load(asked)).index(meta["hash"]["sha256"])
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise LockFailed(
            "pipenv wrote no lock of this Pipfile", hint="Try again with another version of pipenv."
        ) from exc
    real = _load(pipfile)
    meta["hash"]["sha256"] = hash_pipfile(real)[kind]
    meta["sources"] = real["source"]
    return (json.dumps(data, indent=4, separators=(",", ": "), sort_keys=True) + "\n").encode()


def explain_failure(output: str) -> str:
    """Say why pipenv failed: the telling lines of its output, colours and secrets taken out; "" when it said nothing."""
    lines = [clip(redact(_ESCAPES.sub("", line))) for line in output.splitlines()]
    lines = list(dict.fromkeys(line for line in lines if line))
    telling = [line for line in lines if _TELLING.search(line) is not None]
    return "\n".join((telling or lines)[-FAILURE_LINES:])


def _load(pipfile: bytes) -> dict[str, Any]:
    return {**tomllib.loads(DEFAULT_SOURCE_TOML), **tomllib.loads(pipfile.decode())}
