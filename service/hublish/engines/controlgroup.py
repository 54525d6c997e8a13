"""Limits of memory and processes for a tree of processes, by the kernel's control groups where this user may make some.

Version 1 and version 2 of the interface are spoken; where neither can be written, the limits of single processes are all
there is, and `describe` says so.

Source: Linux kernel, admin-guide/cgroup-v1 (memory, pids) and admin-guide/cgroup-v2.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_SELF = Path("/proc/self/cgroup")
_REMOVE_SECONDS = 5.0
OUTPUT_LIMIT_BYTES = 512 << 20
"""Twice what a log keeps; who prints more prints without end."""
_V1_FILES = {"memory": "memory.limit_in_bytes", "pids": "pids.max"}
_LIMIT_FILES = ("memory.limit_in_bytes", "memory.max")
_V2_FILES = {"memory": "memory.max", "pids": "pids.max"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one build may use: bytes of memory, processes at once, bytes that it prints."""

    memory_bytes: int
    pids: int
    output_bytes: int = OUTPUT_LIMIT_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlGroup:
    """The groups of one build: their name, controller -> folder; empty where none can be made.

    `shared_root` is where another service makes groups of that name for every controller, and leaves them; None: nobody does.
    """

    name: str
    folders: Mapping[str, Path]
    shared_root: Path | None = None

    def add(self, pid: int) -> None:
        """Put a process into the groups; what it starts from then on is in them too."""
        for folder in set(self.folders.values()):
            (folder / "cgroup.procs").write_text(str(pid))

    def count_kills(self) -> int:
        """How often the kernel ended a process of the group for want of memory."""
        folder = self.folders.get("memory")
        if folder is None:
            return 0
        for name in ("memory.oom_control", "memory.events"):
            with suppress(OSError):
                words = (folder / name).read_text().split()
                return int(dict(zip(words[::2], words[1::2], strict=False)).get("oom_kill", "0"))
        return 0

    def remove(self) -> None:
        """Remove the groups; their processes are gone, or going."""
        deadline = time.monotonic() + _REMOVE_SECONDS
        for folder in set(self.folders.values()):
            while folder.exists():
                try:
                    folder.rmdir()
                except OSError:
                    if time.monotonic() > deadline:
                        break
                    time.sleep(0.02)
        for left in () if self.shared_root is None else self.shared_root.glob(f"*/{self.name}"):
            with suppress(OSError):
                left.rmdir()


def make_group(
    name: str, limits: Limits, *, shared: bool = False, root: Path = ROOT, membership: Path = _SELF
) -> ControlGroup:
    """Make groups with these limits, as far as this user may.

    Args:
        name: of the build; the groups are called "hublish-" and that.
        limits: to be kept.
        shared: at the top, where another service finds them by name; False makes them where this process is.
        root: where control groups are mounted.
        membership: says which groups this process is in.
    """
    values = {"memory": limits.memory_bytes, "pids": limits.pids}
    folders = {}
    for controller, value in values.items():
        for parent, names in _list_parents(controller, shared=shared, root=root, membership=membership):
            folder = parent / f"hublish-{name}"
            try:
                folder.mkdir(exist_ok=True)
                (folder / names[controller]).write_text(str(value))
            except OSError:
                with suppress(OSError):
                    folder.rmdir()
                continue
            folders[controller] = folder
            break
    return ControlGroup(name=f"hublish-{name}", folders=folders, shared_root=root if shared else None)


def find_own_group(*, root: Path = ROOT) -> ControlGroup:
    """The group that a container shows its processes as their own, to be read only."""
    folders = [folder for folder in (root / "memory", root) if any((folder / name).exists() for name in _LIMIT_FILES)]
    return ControlGroup(name="own", folders={"memory": folders[0]} if folders else {})


def read_own_memory_bytes(*, root: Path = ROOT) -> int:
    """The limit of this container's memory; 0 where none can be read."""
    for folder in find_own_group(root=root).folders.values():
        for name in _LIMIT_FILES:
            with suppress(OSError, ValueError):
                return int((folder / name).read_text())
    return 0


def describe_limits(*, root: Path = ROOT, membership: Path = _SELF) -> str:
    """Say what holds here, for people."""
    probe = make_group(f"probe-{os.getpid()}", Limits(memory_bytes=1 << 30, pids=64), root=root, membership=membership)
    probe.remove()
    if len(probe.folders) == len(_V1_FILES):
        return "memory and processes of a build are limited as a whole, by control groups"
    return "no control groups may be made here: memory is limited for each process alone, processes for each user"


def _list_parents(
    controller: str, *, shared: bool, root: Path, membership: Path
) -> list[tuple[Path, Mapping[str, str]]]:
    """Folders a group may be made in, with the names of the files that hold the limits there."""
    try:
        lines = [line.split(":", 2) for line in membership.read_text().splitlines()]
    except OSError:
        return []
    found: list[tuple[Path, Mapping[str, str]]] = []
    for _, controllers, place in lines:
        path = "/" if shared else place
        if controller in controllers.split(","):
            found.append((root / controller / path.lstrip("/"), _V1_FILES))
        elif not controllers and (root / "cgroup.controllers").exists():
            # A group with processes cannot have groups with limits below it: beside it, then.
            found.append(((root / path.lstrip("/")).parent if path != "/" else root, _V2_FILES))
    return [entry for entry in found if entry[0].is_dir()]
