"""`hublish migrate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hublish.cli.migrate import verify_new, write_new
from hublish.errors import FindingsError, SourceInvalid
from tests.unit.cli.conftest import Run

OLD = "build:\n  registry: registry.example.org\n  registry-org: team\n  registry-secret: s\n  build-stratergy: Dockerfile\n"
NEW = """\
# Made by `hublish migrate` from .aicoe-ci.yaml, which is no longer read and can be removed.
# Not taken over, or changed:
# - line 4: `registry-secret` is not read: the operator decides which credential is used for a registry
version: 1
image:
  name: registry.example.org/team/ts
strategy: dockerfile
dockerfile:
  path: Dockerfile
triggers:
  tag: true
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A repository "ts" with an old config."""
    folder = tmp_path / "ts"
    folder.mkdir()
    (folder / ".aicoe-ci.yaml").write_text(OLD)
    return folder


def test_new_file_is_written_and_valid(run: Run, old: Path) -> None:
    """The old file stays; the new one has nothing to complain about."""
    (old / "Dockerfile").write_text("FROM scratch\n")
    result = run("migrate", old)

    assert result.stdout == (
        f"{old}/.hublish.yaml is written from {old}/.aicoe-ci.yaml; its comments say what changed\n"
    )
    assert result.exit_code == 0
    assert (old / ".hublish.yaml").read_text() == NEW
    assert (old / ".aicoe-ci.yaml").read_text() == OLD
    assert run("validate", old).stdout == f"no findings in {old}/.hublish.yaml\n"


def test_dockerfile_that_is_named_keeps_the_strategy(run: Run, old: Path) -> None:
    """It is looked for where the old file says it is."""
    (old / "docker").mkdir()
    (old / "docker" / "Dockerfile").write_text("FROM scratch\n")
    named = OLD.replace("build-stratergy: Dockerfile", "dockerfile-path: docker/Dockerfile")
    (old / ".aicoe-ci.yaml").write_text(named)
    run("migrate", old)

    assert (old / ".hublish.yaml").read_text() == NEW.replace("path: Dockerfile", "path: docker/Dockerfile")


def test_new_file_with_errors_is_refused() -> None:
    """It is read as a config before it is written."""
    with pytest.raises(FindingsError, match="nothing was written") as refused:
        verify_new("version: 1\nimage: {}\n")

    assert [finding.code for finding in refused.value.findings] == ["KeyMissing"]


def test_dry_run_prints_and_writes_nothing(run: Run, old: Path) -> None:
    """What would be written, on stdout."""
    assert run("migrate", "--dry-run", old).stdout == NEW
    assert sorted(path.name for path in old.iterdir()) == [".aicoe-ci.yaml"]


def test_existing_file_is_never_overwritten(run: Run, old: Path) -> None:
    """Whatever it holds."""
    (old / ".hublish.yaml").write_text("mine\n")
    result = run("migrate", old)

    assert "is there already and is not overwritten" in result.stderr
    assert result.exit_code == 2
    assert (old / ".hublish.yaml").read_text() == "mine\n"


def test_broken_file_is_told_and_nothing_is_written(run: Run, old: Path) -> None:
    """Its faults have their places; exit code 3."""
    (old / ".aicoe-ci.yaml").write_text("build:\n  base-image: quay.io/a/b:1\n")
    result = run("migrate", old)

    assert "error[KeyMissing]: `registry-org` is missing" in result.stdout
    assert result.exit_code == 3
    assert not (old / ".hublish.yaml").exists()


def test_file_of_another_name_is_named(run: Run, old: Path) -> None:
    """A file whose dot was forgotten is carried over all the same, in the folder or named itself."""
    (old / ".aicoe-ci.yaml").rename(old / "aicoe-ci.yaml")
    result = json.loads(run("migrate", "--json", old / "aicoe-ci.yaml").stdout)
    expected = {
        "path": f"{old}/.hublish.yaml",
        "written": True,
        "text": NEW.replace("from .aicoe-ci", "from aicoe-ci"),
    }

    assert result["result"] == expected
    assert run("migrate", "--dry-run", old).stdout == expected["text"]


def test_folder_without_an_old_file_is_a_usage_error(run: Run, tmp_path: Path) -> None:
    """There is nothing to carry over."""
    result = run("migrate", tmp_path)

    assert "there is no .aicoe-ci.yaml" in result.stderr
    assert result.exit_code == 2


def test_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """The message names the file and the cause."""
    with pytest.raises(SourceInvalid, match="cannot be written: No such file or directory"):
        write_new(tmp_path / "gone" / ".hublish.yaml", NEW)
