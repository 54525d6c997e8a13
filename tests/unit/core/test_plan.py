"""The plan and its digest."""

from __future__ import annotations

import dataclasses
import json

import pytest

from hublish.core.locks.lock import IndexSource, LockedPackage
from hublish.core.plan import Environment, Plan, Strategy, Trust, make_build_key, render_plan
from hublish.core.reference import parse_reference

SIX = LockedPackage(name="six", version="1.17.0", hashes=("sha256:" + "a" * 64,), source="index", line=7)
PLAN = Plan(
    strategy=Strategy.LAYERED,
    reason=".hublish.yaml says so.",
    ignored=("Dockerfile",),
    builder="layered-1",
    base=parse_reference("registry.example.org/base/python:3.11@sha256:" + "b" * 64),
    platform="linux/amd64",
    python_full_version="3.11.2",
    environment=Environment.VENV,
    packages=(SIX,),
    indexes=(IndexSource(name="index", url="https://index.example.invalid/simple", verify_ssl=True),),
    bytecode=True,
    source_name="ts",
    source_path="/srv/repo",
    source_digest="sha256:" + "c" * 64,
    commit="d" * 40,
    created_at="2026-11-21T10:00:00Z",
    time_seconds=1800,
    size_bytes=1 << 32,
    source_repo_id=7,
    target_repository="registry.example.org/team/ts",
    trust=Trust.OWNER,
)


def test_plan_is_canonical_json() -> None:
    """Sorted keys, enums and references as text, tuples as lists: the text that the key is made of."""
    expected = {
        "format": 1,
        "plan": {
            "strategy": "layered",
            "reason": ".hublish.yaml says so.",
            "ignored": ["Dockerfile"],
            "builder": "layered-1",
            "base": "registry.example.org/base/python:3.11@sha256:" + "b" * 64,
            "platform": "linux/amd64",
            "python_full_version": "3.11.2",
            "environment": "venv",
            "packages": [
                {
                    "name": "six",
                    "version": "1.17.0",
                    "hashes": ["sha256:" + "a" * 64],
                    "source": "index",
                    "markers": None,
                    "origin": "index",
                    "location": None,
                    "line": 7,
                }
            ],
            "indexes": [{"name": "index", "url": "https://index.example.invalid/simple", "verify_ssl": True}],
            "bytecode": True,
            "source_name": "ts",
            "source_path": "/srv/repo",
            "source_digest": "sha256:" + "c" * 64,
            "commit": "d" * 40,
            "created_at": "2026-11-21T10:00:00Z",
            "dockerfile": None,
            "time_seconds": 1800,
            "size_bytes": 1 << 32,
            "source_repo_id": 7,
            "target_repository": "registry.example.org/team/ts",
            "trust": "owner",
        },
    }

    assert render_plan(PLAN) == json.dumps(expected, sort_keys=True, separators=(",", ":"))


def test_build_key_is_stable_over_versions_of_this_code() -> None:
    """The key of a given plan never changes: running builds and tags in registries are named after it."""

    assert make_build_key(PLAN) == "43f556e8e1bee076aa46e866"


@pytest.mark.parametrize(
    "changes",
    [
        {"reason": "another"},
        {"ignored": ()},
        {"packages": (dataclasses.replace(SIX, line=99),)},
    ],
)
def test_words_for_people_do_not_change_the_key(changes: dict[str, object]) -> None:
    """The reason, what was ignored, and where a package stands in the lock have no part in the image."""

    assert make_build_key(dataclasses.replace(PLAN, **changes)) == make_build_key(PLAN)


@pytest.mark.parametrize(
    "changes",
    [
        {"base": parse_reference("registry.example.org/base/python@sha256:" + "e" * 64)},
        {"packages": (dataclasses.replace(SIX, version="1.16.0"),)},
        {"environment": Environment.BASE},
        {"commit": None},
        {"source_repo_id": 8},
        {"target_repository": "registry.example.org/team/other"},
        {"trust": Trust.PULL_REQUEST},
        {"builds_wheels": True},
    ],
)
def test_whatever_the_outcome_depends_on_changes_the_key(changes: dict[str, object]) -> None:
    """Bytes, and also who may share the build: source repository, target and trust."""

    assert make_build_key(dataclasses.replace(PLAN, **changes)) != make_build_key(PLAN)
