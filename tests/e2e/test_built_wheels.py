"""`hublish build` of a lock with packages that no index has a wheel of: built in the base, and reproducible."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hublish.core.locks.lock import IndexSource
from tests.e2e.command_line import build, commit_all, run_hublish, write_repository
from tests.e2e.test_layered_image import find_index
from tests.sandbox.base_image import make_debian_base
from tests.sandbox.wheels import PLACEHOLDER_SOURCE, make_lock

pytestmark = [pytest.mark.container, pytest.mark.network, pytest.mark.timeout(600)]

PACKAGES = {"docopt": "0.6.2"}


def make_sdist_lock() -> tuple[str, str]:
    """A Pipfile and lock of a package that has no wheel, with the hash the index states."""
    _, client, _ = find_index()
    source = IndexSource(name="index", url=PLACEHOLDER_SOURCE, verify_ssl=True)
    files = [file for file in client.list_files(source, "docopt") if file.filename == "docopt-0.6.2.tar.gz"]
    return make_lock(PACKAGES, hashes={"docopt": [f"sha256:{file.sha256}" for file in files]})


def test_sdist_is_built_in_the_base(tmp_path: Path) -> None:
    """The plan says so; two builds with nothing kept between them make the same image, and so does a rebuild that verifies it."""
    folder = write_repository(tmp_path / "ts", *make_sdist_lock())
    base = make_debian_base(tmp_path / "base")
    options = ("--base", f"oci:{base}", *find_index()[2])
    plan = run_hublish("plan", folder, *options, "--cache", tmp_path / "one")
    made = [
        build(folder, *options, "--cache", tmp_path / cache, "--output", f"oci:{tmp_path / f'image-{number}'}")
        for number, cache in enumerate(("one", "two"))
    ]
    image = f"oci:{tmp_path / 'image-0'}"
    verified = run_hublish("verify", image, folder, *options, "--engine", "buildah", "--cache", tmp_path / "three")

    notes = [finding["message"] for finding in plan["findings"] if finding["code"] == "WheelBuilt"]
    assert notes == ["docopt 0.6.2 has no wheel that fits: it is built in the base from docopt-0.6.2.tar.gz"]
    assert len({result["digest"] for result in made}) == 1
    assert (verified["result"]["verdict"], verified["result"]["rebuilt_digest"]) == ("equal", made[0]["digest"])
    assert len(list((tmp_path / "one" / "layers" / "built").glob("*/docopt-0.6.2-*.whl"))) == 1


def write_package(folder: Path, name: str, version: str) -> Path:
    """Write the source of a small package."""
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        f'[build-system]\nrequires = ["setuptools>=61"]\nbuild-backend = "setuptools.build_meta"\n'
        f'[project]\nname = "{name}"\nversion = "{version}"\n[tool.setuptools]\npy-modules = ["{name}"]\n'
    )
    (folder / f"{name}.py").write_text("words = ()\n")
    return folder


def test_folder_and_commit_are_built_in_the_base(tmp_path: Path) -> None:
    """A package of the repository, and one of another repository that git reaches as the user does."""
    sources = tmp_path / "server" / "wordy"
    write_package(sources / "py", "wordy", "2.1")
    commit = commit_all(sources, "first")
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nfor last; do :; done\ncd "${0%/*}/server" && eval "exec $(echo "$last" | tr -d /)"\n')
    ssh.chmod(0o755)
    pipfile, text = make_lock({}, hashes={})
    lock = json.loads(text)
    git = {"git": "ssh://git@git.example.invalid/wordy", "ref": commit, "subdirectory": "py"}
    lock["default"] = {"notes": {"path": "./libs/notes", "editable": True}, "wordy": git}
    folder = write_repository(tmp_path / "ts", pipfile, json.dumps(lock, indent=4))
    write_package(folder / "libs" / "notes", "notes", "1.5")
    options = ("--base", f"oci:{make_debian_base(tmp_path / 'base')}", *find_index()[2])
    made = build(folder, *options, "--cache", tmp_path / "cache", GIT_SSH_COMMAND=str(ssh))
    versions = {package["name"]: package["version"] for package in made["packages"]}

    assert (versions["notes"], versions["wordy"]) == ("1.5", "2.1")
