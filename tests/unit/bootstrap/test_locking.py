"""Locking on this machine: which indexes pipenv is sent to, and that the lock does not show it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from hublish.bootstrap.locking import Locker
from tests.sandbox.wheels import make_lock

# Writes a lock of the Pipfile it finds, with the sources it finds, as pipenv does.
PIPENV = f"""#!/bin/sh
exec {sys.executable} - <<'END'
import json, tomllib, plette
data = tomllib.load(open("Pipfile", "rb"))
digest = plette.Pipfile(data).get_hash().value
meta = {{"hash": {{"sha256": digest}}, "pipfile-spec": 6, "requires": {{}}, "sources": data["source"]}}
print("asked", *(source["url"] for source in data["source"]))
json.dump({{"_meta": meta, "default": {{}}, "develop": {{}}}}, open("Pipfile.lock", "w"))
END
"""
PLACEHOLDER = "https://index.example.invalid/simple"
OTHER = "https://other.example.com/simple"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A machine with a pipenv, whose pip has an index of its own."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pipenv").write_text(PIPENV)
    (tmp_path / "bin" / "pipenv").chmod(0o755)
    return {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "PIP_INDEX_URL": "https://pip.example.com/simple"}


@pytest.mark.parametrize(
    ("source", "index_map", "asked"),
    [
        (PLACEHOLDER, {}, "https://pip.example.com/simple"),
        (PLACEHOLDER, {PLACEHOLDER: "https://own.example.com/simple"}, "https://own.example.com/simple"),
        (OTHER, {OTHER: "https://own.example.com/simple"}, "https://own.example.com/simple"),
        (OTHER, {}, OTHER),
    ],
)
def test_mirror_is_asked_and_leaves_no_trace(
    environ: dict[str, str], tmp_path: Path, source: str, index_map: dict[str, str], asked: str
) -> None:
    """--index-map counts, pip's own index stands in for the placeholder, and the lock names the Pipfile's source."""
    pipfile, expected = make_lock({}, hashes={}, source=source)
    (tmp_path / "ts").mkdir()
    lines: list[str] = []
    locker = Locker(environ=environ, index_map=index_map)
    lock = locker.lock_here(tmp_path / "ts", pipfile.encode(), log=lines.append, cancelled=lambda: False)

    assert lines == [f"asked {asked}"]
    assert json.loads(lock)["_meta"]["hash"] == json.loads(expected)["_meta"]["hash"]
    assert json.loads(lock)["_meta"]["sources"] == json.loads(expected)["_meta"]["sources"]
