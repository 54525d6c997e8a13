"""What is dropped from the workspace, and what never is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hublish.builders.sweep import KEPT_SECONDS, note_use, sweep_workspace

NOW = 1_800_000_000.0
DAY = 86_400


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Ten files of 100 bytes, used 0 to 9 days ago."""
    for days in range(10):
        path = tmp_path / ("blobs" if days % 2 else "index/octo/layers") / f"file{days}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(100))
        os.utime(path, (NOW - days * DAY, NOW - days * DAY))
    return tmp_path


def names(workspace: Path) -> list[str]:
    return sorted(path.name for path in workspace.rglob("file*"))


def test_least_recently_used_go_first(workspace):
    """Only as many as the limit asks for."""
    expected = [f"file{days}" for days in range(7)]

    assert sweep_workspace(workspace, limit_bytes=700, now=lambda: NOW) == 300
    assert names(workspace) == expected


def test_workspace_below_its_limit_is_left_alone(workspace):
    """Age alone is no reason."""
    assert sweep_workspace(workspace, limit_bytes=1000, now=lambda: NOW) == 0
    assert len(names(workspace)) == 10


def test_what_a_running_build_may_use_is_kept_above_the_limit_too(workspace):
    """A build lasts hours at most."""
    assert sweep_workspace(workspace, limit_bytes=0, now=lambda: NOW) == 900
    assert names(workspace) == ["file0"]


def test_use_keeps_a_file(workspace):
    """A layer that is found counts as used now."""
    note_use(workspace / "blobs" / "file9")
    note_use(workspace / "blobs" / "none")
    later = (workspace / "blobs" / "file9").stat().st_mtime + KEPT_SECONDS - 1

    sweep_workspace(workspace, limit_bytes=0, now=lambda: later)

    assert "file9" in names(workspace)


def test_sweep_is_done_once_an_hour(workspace):
    """Looking at every file is not for every build."""
    sweep_workspace(workspace, limit_bytes=700, now=lambda: NOW)

    assert sweep_workspace(workspace, limit_bytes=0, now=lambda: NOW + 3599) == 0
    assert sweep_workspace(workspace, limit_bytes=0, now=lambda: NOW + 3600) > 0


def test_workspace_that_is_not_there_is_no_error(tmp_path):
    """The first build of a machine."""
    assert sweep_workspace(tmp_path / "none", limit_bytes=0, now=lambda: NOW) == 0


def test_links_are_not_followed(workspace, tmp_path_factory):
    """What lies elsewhere is not ours."""
    other = tmp_path_factory.mktemp("other") / "precious"
    other.write_bytes(b"x")
    (workspace / "blobs" / "link").symlink_to(other.parent)

    sweep_workspace(workspace, limit_bytes=0, now=lambda: NOW + 100 * DAY)

    assert other.exists()
