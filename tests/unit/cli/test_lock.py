"""`hublish lock`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hublish.errors import BuildCancelled, LockFailed
from tests.sandbox.wheels import make_lock
from tests.unit.cli.conftest import Run
from tests.unit.cli.fakes import FakeHouse

HASHES = {"numpy": ["sha256:" + "a" * 64], "idna": ["sha256:" + "b" * 64]}
PIPFILE, OLD = make_lock({"numpy": "2.1.0"}, hashes=HASHES)
NEW = json.loads(OLD)
NEW["default"] = {
    name: {"version": f"=={version}", "hashes": HASHES[name], "index": "index"}
    for name, version in {"numpy": "2.2.0", "idna": "3.0"}.items()
}
NEW_BODY = json.dumps(NEW).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "ts"
    made.mkdir()
    (made / "Pipfile").write_text(PIPFILE)
    (made / "Pipfile.lock").write_text(OLD)
    return made


def test_check_of_a_current_lock_is_well(run: Run, folder: Path, house: FakeHouse) -> None:
    """Two files are read, no door is opened."""
    result = run("lock", "--check", folder)

    assert result.stdout == f"{folder}/Pipfile.lock is of this Pipfile; no findings\n"
    assert (result.exit_code, house.mirrors) == (0, [])


def test_check_tells_a_stale_lock(run: Run, folder: Path) -> None:
    """A Pipfile that changed since makes exit code 3, and the document says so."""
    (folder / "Pipfile").write_text(PIPFILE.replace("2.1.0", "2.2.0"))
    result = run("lock", "--check", "--json", folder)
    document = json.loads(result.stdout)

    assert (result.exit_code, document["result"]) == (3, {"lock": f"{folder}/Pipfile.lock", "current": False})
    assert [finding["code"] for finding in document["findings"]] == ["LockStale"]


@pytest.mark.parametrize(("gone", "code"), [("Pipfile", "PipfileMissing"), ("Pipfile.lock", "LockMissing")])
def test_check_of_a_missing_file_is_no_current_lock(run: Run, folder: Path, gone: str, code: str) -> None:
    """Without one of the two nothing is current."""
    (folder / gone).unlink()
    result = run("lock", "--check", folder)

    assert f"error[{code}]" in result.stdout
    assert result.exit_code == 3


def test_new_lock_is_written_and_its_changes_shown(run: Run, folder: Path, house: FakeHouse) -> None:
    """Old and new versions stand side by side; pipenv's words go to stderr."""
    house.locker.made = NEW_BODY
    result = run("lock", "--here", "--index-map", "https://a.example.com/simple=https://b.example.com/simple", folder)

    expected = f"  idna       - -> 3.0\n  numpy  2.1.0 -> 2.2.0\n{folder}/Pipfile.lock: 2 packages changed\n"
    assert expected == result.stdout
    assert result.stderr == "Locking...\n"
    assert (folder / "Pipfile.lock").read_bytes() == NEW_BODY
    assert house.locker.asked == [(folder, PIPFILE.encode())]
    assert house.mirrors == [{"https://a.example.com/simple": "https://b.example.com/simple"}]


def test_first_lock_of_a_folder_is_written(run: Run, folder: Path, house: FakeHouse) -> None:
    """With --json the document has every package."""
    (folder / "Pipfile.lock").unlink()
    house.locker.made = OLD.encode()
    document = json.loads(run("lock", "--here", "--json", folder).stdout)

    assert document["result"] == {
        "lock": f"{folder}/Pipfile.lock",
        "changed": True,
        "packages": [{"group": "default", "name": "numpy", "old": None, "new": "2.1.0"}],
    }
    assert (folder / "Pipfile.lock").read_text() == OLD


def test_equal_lock_is_not_written(run: Run, folder: Path, house: FakeHouse) -> None:
    """The file keeps its time."""
    house.locker.made = OLD.encode()
    before = (folder / "Pipfile.lock").stat().st_mtime_ns
    result = run("lock", "--here", folder)

    assert result.stdout == f"{folder}/Pipfile.lock: the same packages; the file is as it was\n"
    assert (folder / "Pipfile.lock").stat().st_mtime_ns == before


def test_package_of_the_develop_group_is_marked(run: Run, folder: Path, house: FakeHouse) -> None:
    """One changed package is one."""
    house.locker.made = json.dumps({**json.loads(OLD), "develop": {"idna": NEW["default"]["idna"]}}).encode()
    result = run("lock", "--here", folder)

    assert result.stdout == f"  idna  - -> 3.0  (develop)\n{folder}/Pipfile.lock: 1 package changed\n"


@pytest.mark.parametrize("error", [LockFailed("pipenv could not lock: a needs b<1"), BuildCancelled("stopped")])
def test_failure_leaves_the_old_lock(run: Run, folder: Path, house: FakeHouse, error: LockFailed) -> None:
    """Nothing half done is left."""
    house.locker.error = error
    result = run("lock", "--here", folder)

    assert error.message in result.stderr
    assert result.exit_code == 1
    assert (folder / "Pipfile.lock").read_text() == OLD


def test_broken_pipfile_is_not_locked(run: Run, folder: Path, house: FakeHouse) -> None:
    """Its fault is a finding; pipenv is not asked."""
    (folder / "Pipfile").write_text("[packages\n")
    result = run("lock", "--here", folder)

    assert "error[PipfileInvalid]" in result.stdout
    assert (result.exit_code, house.locker.asked) == (3, [])


def test_folder_without_pipfile_has_nothing_to_lock(run: Run, folder: Path) -> None:
    """The error names the folder."""
    (folder / "Pipfile").unlink()
    result = run("lock", "--here", folder)

    assert f"there is no Pipfile in {folder}" in result.stderr
    assert result.exit_code == 1


def test_lock_is_made_in_a_container_of_the_base(run: Run, folder: Path, house: FakeHouse) -> None:
    """Without --here the workbench makes it; --base and the cache are its own options."""
    house.workbench.lock_answer = NEW_BODY
    result = run("lock", "--base", "oci:base", folder)

    assert result.stdout.endswith(f"{folder}/Pipfile.lock: 2 packages changed\n")
    assert house.workbench.locked == [(PIPFILE.encode(), "3.11", "oci:base")]
    assert (folder / "Pipfile.lock").read_bytes() == NEW_BODY
    assert house.locker.asked == []


def test_failure_in_the_container_leaves_the_old_lock(run: Run, folder: Path, house: FakeHouse) -> None:
    """And its reason is told."""
    house.workbench.lock_error = LockFailed("pipenv could not lock: a needs b<1")
    result = run("lock", folder)

    assert "pipenv could not lock: a needs b<1" in result.stderr
    assert (result.exit_code, (folder / "Pipfile.lock").read_text()) == (1, OLD)
