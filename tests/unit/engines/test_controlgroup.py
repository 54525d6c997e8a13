"""Control groups of both versions, in a folder that looks like the kernel's."""

from __future__ import annotations

from pathlib import Path

from hublish.engines.controlgroup import Limits, describe_limits, make_group

LIMITS = Limits(memory_bytes=1 << 20, pids=16)
WHOLE = "memory and processes of a build are limited as a whole, by control groups"
SINGLE = "no control groups may be made here: memory is limited for each process alone, processes for each user"


def write_membership(folder: Path, text: str) -> Path:
    path = folder / "membership"
    path.write_text(text)
    return path


def test_version_one_has_a_group_for_each_controller(tmp_path: Path) -> None:
    """Below the service's own group, with the limits in the files of that version."""
    for controller in ("memory", "pids"):
        (tmp_path / controller / "service").mkdir(parents=True)
    membership = write_membership(tmp_path, "4:memory:/service\n3:pids:/service\n0::/\n")
    group = make_group("build-1", LIMITS, root=tmp_path, membership=membership)
    group.add(4711)
    memory, pids = tmp_path / "memory/service/hublish-build-1", tmp_path / "pids/service/hublish-build-1"

    assert group.folders == {"memory": memory, "pids": pids}
    assert (memory / "memory.limit_in_bytes").read_text() == "1048576"
    assert (pids / "pids.max").read_text() == "16"
    assert {(folder / "cgroup.procs").read_text() for folder in (memory, pids)} == {"4711"}


def test_version_two_has_one_group_beside_the_service(tmp_path: Path) -> None:
    """A group with processes cannot have limited groups below it."""
    (tmp_path / "system/service").mkdir(parents=True)
    (tmp_path / "cgroup.controllers").write_text("memory pids\n")
    membership = write_membership(tmp_path, "0::/system/service\n")
    group = make_group("build-1", LIMITS, root=tmp_path, membership=membership)
    folder = tmp_path / "system/hublish-build-1"
    (folder / "memory.events").write_text("low 0\noom 2\noom_kill 1\n")

    assert group.folders == {"memory": folder, "pids": folder}
    assert (folder / "memory.max").read_text() == "1048576"
    assert group.count_kills() == 1


def test_kills_of_version_one_are_counted(tmp_path: Path) -> None:
    """They stand among other words."""
    (tmp_path / "memory").mkdir()
    membership = write_membership(tmp_path, "4:memory:/\n")
    group = make_group("build-1", LIMITS, root=tmp_path, membership=membership)
    before = group.count_kills()
    (group.folders["memory"] / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")

    assert (before, group.count_kills()) == (0, 3)


def test_without_control_groups_there_is_none_and_doctor_says_so(tmp_path: Path) -> None:
    """Limits of single processes are all there is then."""
    group = make_group("build-1", LIMITS, root=tmp_path, membership=tmp_path / "missing")

    assert (group.folders, group.count_kills()) == ({}, 0)
    assert describe_limits(root=tmp_path, membership=tmp_path / "missing") == SINGLE


def test_group_without_processes_is_removed(tmp_path: Path) -> None:
    """The kernel's files go with the folder; here the folder is empty from the start."""
    (tmp_path / "pids").mkdir()
    membership = write_membership(tmp_path, "3:pids:/\n")
    group = make_group("build-1", LIMITS, root=tmp_path, membership=membership)
    (group.folders["pids"] / "pids.max").unlink()
    group.remove()

    assert list((tmp_path / "pids").iterdir()) == []


def test_shared_group_goes_with_what_the_other_service_left(tmp_path: Path) -> None:
    """A Docker Engine makes the group for every controller there is, and never removes it."""
    (tmp_path / "blkio" / "hublish-build-1").mkdir(parents=True)
    (tmp_path / "blkio" / "hublish-build-2").mkdir()
    group = make_group("build-1", LIMITS, shared=True, root=tmp_path, membership=tmp_path / "missing")
    group.remove()

    assert [path.name for path in (tmp_path / "blkio").iterdir()] == ["hublish-build-2"]
