"""Locks as tests write them."""

import json
from typing import Any

from hublish.core.locks.lockfile import ParsedLock, parse_lock
from hublish.core.locks.pipfile import parse_pipfile

URL = "https://index.example.invalid/simple"
PIPFILE = f"""\
[[source]]
name = "example"
url = "{URL}"
verify_ssl = true

[packages]
six = "*"

[requires]
python_version = "3.11"
""".encode()


HASH = "sha256:" + "a" * 64
OTHER_HASH = "sha256:" + "0" * 64


def make_lock(default: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    """A lock that fits PIPFILE, with one package or those given."""
    pipfile = parse_pipfile(PIPFILE, path="Pipfile").pipfile
    assert pipfile is not None
    (digest,) = pipfile.hashes
    six = {"six": {"hashes": [HASH], "version": "==1.16.0"}}
    return {
        "_meta": {
            "hash": {"sha256": digest},
            "pipfile-spec": 6,
            "requires": {"python_version": "3.11"},
            "sources": [{"name": "example", "url": URL, "verify_ssl": True}],
        },
        "default": six if default is None else default,
        "develop": {},
        **parts,
    }


def parse(lock: Any, *, dev: bool = False, pipfile: bytes | None = PIPFILE) -> ParsedLock:
    """Parse a lock given as data, laid out as pipenv does."""
    body = lock if isinstance(lock, bytes) else json.dumps(lock, indent=4).encode()
    return parse_lock(pipfile=pipfile, lock=body, pipfile_path="Pipfile", lock_path="Pipfile.lock", dev=dev)


def lines(parsed: ParsedLock) -> list[str]:
    """Each finding as one line."""
    return [
        f"{found.place} {found.severity.value} {found.code} {found.key}: {found.message} | {found.hint}"
        for found in parsed.findings
    ]


RELOCK = "run `pipenv lock` and commit Pipfile.lock"
