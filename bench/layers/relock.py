"""Makes the locks anew: pipenv locks each Pipfile, and only the hashes that Linux and CPython 3.11 can use stay.

`python -m bench.layers.relock [NAME ...]`. With every hash a lock of 145 packages has 300 kB, with these a tenth. The
versions before the bumps are written into previous.json in the same way: of each, the last stable one before the locked.
"""

from __future__ import annotations

import functools
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import plette  # type: ignore[import-untyped]  # plette ships no types
from packaging.tags import Tag
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from bench.layers.notebook import BUMPED, LOCKS, NOTEBOOK, PLACEHOLDER, PREVIOUS
from bench.layers.stage import find_index
from bench.layers.targets import MACHINES, list_tags, read_tags
from bench.layers.tools import ensure_pipenv
from hublish.adapters.index import HTTPPackageIndex
from hublish.core.locks.lockfile import IndexSource

LOCK_SECONDS = 1800


def main() -> None:
    """Lock the named Pipfiles, all by default."""
    access = find_index()
    names = sys.argv[1:] or sorted(folder.name for folder in LOCKS.iterdir() if folder.is_dir())
    with tempfile.TemporaryDirectory(prefix="hublish-bench-") as scratch:
        index, source = access.open_client(Path(scratch) / "index")
        for name in names:
            lock = trim(index, source, make_lock(LOCKS / name, Path(scratch) / name, access.url))
            _write(LOCKS / name / "Pipfile.lock", lock)
            print(f"{name}: {len(lock['default'])} packages")
            if name == NOTEBOOK:
                _write(PREVIOUS, {package: find_previous(index, source, lock, package) for package in BUMPED})


def make_lock(repository: Path, scratch: Path, index_url: str) -> dict[str, Any]:
    """Let pipenv lock a Pipfile against a real index; returns the lock, with the placeholder as its source again."""
    scratch.mkdir()
    pipfile = (repository / "Pipfile").read_text()
    (scratch / "Pipfile").write_text(pipfile.replace(PLACEHOLDER, index_url))
    environment = {**os.environ, "PIPENV_PIPFILE": str(scratch / "Pipfile"), "PIPENV_VENV_IN_PROJECT": "1"}
    command = [str(ensure_pipenv()), "lock", "--python", sys.executable]
    subprocess.run(
        command, cwd=scratch, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=LOCK_SECONDS,
        check=True,
    )  # fmt: skip
    lock: dict[str, Any] = json.loads((scratch / "Pipfile.lock").read_bytes())
    lock["_meta"]["sources"][0]["url"] = PLACEHOLDER
    lock["_meta"]["hash"]["sha256"] = plette.Pipfile.load(io.StringIO(pipfile)).get_hash().value
    return lock


def trim(index: HTTPPackageIndex, source: IndexSource, lock: dict[str, Any]) -> dict[str, Any]:
    """Keep the hashes of the files that Linux and CPython 3.11 can use."""
    for name, entry in lock["default"].items():
        files = index.list_files(source, name)
        usable = {f"sha256:{file.sha256}" for file in files if fits(file.filename)}
        entry["hashes"] = sorted(usable.intersection(entry["hashes"]))
        if not entry["hashes"]:
            sys.exit(f"{name} {entry['version']} has no wheel that fits")
    return lock


def find_previous(index: HTTPPackageIndex, source: IndexSource, lock: dict[str, Any], name: str) -> dict[str, Any]:
    """Find the last stable version before the locked one; returns `{"version": "==...", "hashes": [...]}`."""
    locked = Version(lock["default"][name]["version"].removeprefix("=="))
    hashes: dict[Version, list[str]] = {}
    for file in index.list_files(source, name):
        if fits(file.filename) and file.yanked is None:
            version = parse_wheel_filename(file.filename)[1]
            if version < locked and not version.is_prerelease:
                hashes.setdefault(version, []).append(f"sha256:{file.sha256}")
    previous = max(hashes)
    return {"hashes": sorted(hashes[previous]), "version": f"=={previous}"}


def fits(filename: str) -> bool:
    """Whether a file is a wheel for one of the targets."""
    return not _target_tags().isdisjoint(read_tags(filename))


@functools.cache
def _target_tags() -> frozenset[Tag]:
    return frozenset(tag for machine in MACHINES for tag in list_tags(machine))


def _write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, indent=4, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
