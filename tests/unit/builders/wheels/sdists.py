"""Source distributions made from nothing, and a runner that builds them without running anything."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hublish.core.ports import ContainerTask
from hublish.errors import BuildFailed
from tests.sandbox.wheels import make_wheel


def make_sdist(name: str, version: str, files: Mapping[str, str] | None = None) -> bytes:
    """Make a .tar.gz with these files in its one folder."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as archive:
        for path, text in (files or {"setup.py": "raise SystemExit('never run')\n"}).items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return body.getvalue()


@dataclass
class FakeRunner:
    """Leaves the files it is told to; remembers what it was asked."""

    leaves: Mapping[str, bytes] = field(default_factory=dict)
    works: bool = True
    error: BuildFailed | None = None
    tasks: list[ContainerTask] = field(default_factory=list)

    def can_run(self) -> bool:
        return self.works

    def run_task(
        self, task: ContainerTask, output: Path, *, log: Callable[[str], None], verify_running: Callable[[], None]
    ) -> tuple[Path, ...]:
        verify_running()
        self.tasks.append(task)
        log("building")
        if self.error is not None:
            raise self.error
        output.mkdir(parents=True)
        for name, body in self.leaves.items():
            (output / name).write_bytes(body)
        return tuple(sorted(output.iterdir()))


def leave_wheel(name: str, version: str, text: str = "") -> dict[str, bytes]:
    """What a build of that package leaves."""
    return {f"{name}-{version}-py3-none-any.whl": make_wheel(name, version, {f"{name}.py": text})}
