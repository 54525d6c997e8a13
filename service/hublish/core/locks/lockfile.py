"""Pipfile and Pipfile.lock read into a Lock, or into findings that say what keeps them from being one.

The pair is taken or refused as a whole: the lock must be made from this very Pipfile, and
every package pinned, hashed and from a named source. Nothing is resolved, expanded, repaired or fetched.

Source: pipenv's Pipfile.lock, "pipfile-spec" 6, as the plette library models it.
"""

from __future__ import annotations

from dataclasses import dataclass

from hublish.core.finding import Finding, Severity, has_error
from hublish.core.locks.entries import read_packages
from hublish.core.locks.lock import IndexSource, Lock, LockedPackage, PackageOrigin
from hublish.core.locks.pipfile import Pipfile, parse_pipfile
from hublish.core.locks.sources import read_sources
from hublish.core.trees.jsontree import JSONTree, parse_json

__all__ = ["IndexSource", "Lock", "LockedPackage", "PackageOrigin", "ParsedLock", "parse_lock"]

LOCK_LIMIT_BYTES = 20 * 1000 * 1000
_SPEC = 6
_RELOCK = "run `pipenv lock` and commit Pipfile.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedLock:
    """What came of a Pipfile and its lock: `lock` is None if and only if one of the findings is an error.

    `findings` are sorted by file and line.
    """

    lock: Lock | None
    findings: tuple[Finding, ...]


def parse_lock(
    *, pipfile: bytes | None, lock: bytes | None, pipfile_path: str, lock_path: str, dev: bool = False
) -> ParsedLock:
    """Parse a Pipfile and its lock together.

    Args:
        pipfile: the Pipfile's bytes; None when there is no such file.
        lock: the lock's bytes; None when there is no such file.
        pipfile_path: the Pipfile's path in the repository, for findings.
        lock_path: the lock's path in the repository.
        dev: whether the develop group is installed; if not, its faults are warnings and the faulty packages left out.

    Returns:
        The lock, or None with at least one error.
    """
    findings: list[Finding] = []
    facts: Pipfile | None = None
    if pipfile is None:
        message = f"`{pipfile_path}` is missing; without it nobody can tell whether the lock is current"
        findings.append(_miss("PipfileMissing", message, path=pipfile_path, hint="commit the Pipfile beside its lock"))
    else:
        parsed = parse_pipfile(pipfile, path=pipfile_path)
        facts = parsed.pipfile
        findings += parsed.findings
    if lock is None:
        message = f"`{lock_path}` is missing; an image is made from locked packages only"
        findings.append(_miss("LockMissing", message, path=lock_path, hint=_RELOCK))
        return ParsedLock(lock=None, findings=tuple(findings))
    read = parse_json(lock, path=lock_path, limit_bytes=LOCK_LIMIT_BYTES)
    findings += read.findings
    value = None
    if read.tree is not None:
        value, more = _read_lock(read.tree, facts, dev=dev)
        findings += more
    ordered = tuple(sorted(findings, key=lambda found: (found.path != pipfile_path, found.line or 0, found.code)))
    return ParsedLock(lock=None if has_error(ordered) else value, findings=ordered)


def _miss(code: str, message: str, *, path: str, hint: str) -> Finding:
    return Finding(severity=Severity.ERROR, code=code, message=message, hint=hint, path=path)


def _read_lock(tree: JSONTree, pipfile: Pipfile | None, *, dev: bool) -> tuple[Lock | None, list[Finding]]:
    if not isinstance(tree.value, dict) or not isinstance(tree.value.get("_meta"), dict):
        message = "expected an object with the key `_meta`, as pipenv writes it"
        return None, [tree.make_finding("LockInvalid", message, at=(), hint=_RELOCK)]
    findings = _check_meta(tree, pipfile)
    sources, more = read_sources(tree, ("_meta", "sources"))
    findings += more
    groups = {}
    for group in ("default", "develop"):
        severity = Severity.ERROR if dev or group == "default" else Severity.WARNING
        names = tuple(source.name for source in sources)
        groups[group], more = read_packages(tree, group, sources=names, severity=severity)
        findings += more
    for category in sorted(tree.value.keys() - {"_meta", "default", "develop"}):
        message = "packages of this category are not installed; only `default` and `develop` are"
        findings.append(tree.make_finding("CategoryUnread", message, at=(category,), severity=Severity.NOTE))
    lock = Lock(
        path=tree.path,
        python_version=None if pipfile is None else pipfile.python_version,
        sources=sources,
        default=groups["default"],
        develop=groups["develop"],
    )
    return lock, findings


def _check_meta(tree: JSONTree, pipfile: Pipfile | None) -> list[Finding]:
    findings = []
    meta = tree.value["_meta"]
    spec = meta.get("pipfile-spec")
    if spec != _SPEC:
        message = f"expected `pipfile-spec` {_SPEC}, the only format that is read"
        findings.append(tree.make_finding("LockInvalid", message, at=("_meta", "pipfile-spec"), hint=_RELOCK))
    stored = meta.get("hash")
    digest = stored.get("sha256") if isinstance(stored, dict) else None
    if not isinstance(digest, str):
        message = "the lock does not say which Pipfile it was made from (`_meta.hash.sha256`)"
        findings.append(tree.make_finding("LockStale", message, at=("_meta", "hash"), hint=_RELOCK))
    elif pipfile is not None and digest not in pipfile.hashes:
        message = "the lock was made from another Pipfile than the one beside it, so packages may be missing"
        findings.append(tree.make_finding("LockStale", message, at=("_meta", "hash", "sha256"), hint=_RELOCK))
    return findings
