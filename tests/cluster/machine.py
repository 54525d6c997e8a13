"""What the node changes on this machine outside its namespaces: cgroups, kernel settings, a few folders. Undone here."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import suppress
from pathlib import Path

from tests.cluster.places import CGROUP, State

GONE_SECONDS = 120.0
_CGROUPS = Path("/sys/fs/cgroup")
# Kubelet sets these for the whole machine.
_TUNABLES = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
# Fixed places of kubelet, containerd's shims and the network plugins: emptied of what is ours, removed when empty.
_FOLDERS = (
    "/var/lib/kubelet/device-plugins",
    "/var/lib/kubelet",
    "/var/lib/cni/results",
    "/var/lib/cni",
    "/var/log/containers",
    "/run/containerd/s",
    "/run/containerd",
)


class LeftBehind(RuntimeError):
    """Something of the cluster is still there after it was stopped."""


def find_hierarchies() -> tuple[Path, ...]:
    """Folders in which a cgroup can be made: one per controller (v1), or one for all (v2)."""
    if (_CGROUPS / "cgroup.procs").exists():
        return (_CGROUPS,)
    return tuple(
        sorted(path for path in _CGROUPS.iterdir() if (path / "cgroup.procs").exists() and not path.is_symlink())
    )


def make_cgroups() -> None:
    """Make the group that all pods live below, in each hierarchy: kubelet wants to find it."""
    for hierarchy in find_hierarchies():
        (hierarchy / CGROUP).mkdir(exist_ok=True)


def remove_cgroups() -> None:
    """Remove that group and all below it; their processes must have ended.

    Raises:
        LeftBehind: a process is still in one of them.
    """
    deadline = time.monotonic() + GONE_SECONDS
    for hierarchy in find_hierarchies():
        while (hierarchy / CGROUP).exists():
            for folder in sorted((hierarchy / CGROUP).rglob("*/"), key=lambda path: -len(path.parts)):
                with suppress(OSError):
                    folder.rmdir()
            with suppress(OSError):
                (hierarchy / CGROUP).rmdir()
            if (hierarchy / CGROUP).exists():
                if time.monotonic() > deadline:
                    raise LeftBehind(f"processes are still in {hierarchy / CGROUP}")
                time.sleep(0.05)


def save_tunables(state: State) -> None:
    """Note the kernel settings as they are now."""
    found = {name: (Path("/proc/sys") / name).read_text().strip() for name in _TUNABLES}
    state.tunables.write_text(json.dumps(found))


def restore_tunables(state: State) -> None:
    """Put the noted kernel settings back; nothing when none were noted."""
    if state.tunables.is_file():
        for name, value in json.loads(state.tunables.read_text()).items():
            (Path("/proc/sys") / name).write_text(value)


def find_mounts(state: State) -> tuple[str, ...]:
    """Mount points below the state's folder that this machine sees; the node's own are in its namespace."""
    points = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return tuple(point for point in points if Path(point).is_relative_to(state.folder))


def remove_traces(state: State) -> None:
    """Remove the state's folder, and what kubelet, the shims and the network plugins leave in fixed places."""
    for link in Path("/var/log/containers").glob("*"):
        if link.is_symlink() and str(link.readlink()).startswith(str(state.folder)):
            link.unlink()
    for result in Path("/var/lib/cni/results").glob("hublish-pods-*"):
        result.unlink()
    for name in ("kubelet.sock", "kubelet_internal_checkpoint"):
        (Path("/var/lib/kubelet/device-plugins") / name).unlink(missing_ok=True)
    for folder in _FOLDERS:
        # Others' files keep a folder alive.
        with suppress(OSError):
            Path(folder).rmdir()
    shutil.rmtree(state.folder, ignore_errors=True)
    if state.folder.exists():
        raise LeftBehind(f"{state.folder} could not be removed whole")
