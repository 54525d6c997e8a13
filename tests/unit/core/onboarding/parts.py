"""Repositories as the tests of onboarding see them: paths with their bytes."""

from __future__ import annotations

from collections.abc import Mapping

from hublish.core.onboarding.draft import Holdings
from hublish.core.reference import Reference, parse_reference
from tests.sandbox.wheels import make_lock

HASH = "sha256:" + "0" * 64
TARGET = Reference(registry="registry.example.org", repository="team/ts")
BASE = parse_reference("registry.example.org/base/python:3.11")
HEAD = "# Written by hublish from what this repository holds. Every key: docs/reference/config.md of hublish.\n"


def make_pair(*packages: str, folder: str = "") -> dict[str, bytes]:
    """A Pipfile for Python 3.11 and its lock."""
    pipfile, lock = make_lock(dict.fromkeys(packages, "1.0"), hashes={name: [HASH] for name in packages})
    return {f"{folder}Pipfile": pipfile.encode(), f"{folder}Pipfile.lock": lock.encode()}


def hold(
    files: Mapping[str, bytes], *, hubs: tuple[str, ...] = (), bases: Mapping[str, Reference] | None = None
) -> Holdings:
    """A repository named `ts` with these files."""
    return Holdings(
        name="ts",
        paths=frozenset(files),
        read=files.get,
        target=TARGET,
        bases={"3.11": BASE} if bases is None else bases,
        hubs=hubs,
    )
