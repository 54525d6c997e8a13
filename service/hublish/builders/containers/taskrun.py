"""Scripts in containers by an engine of container builds: `hublish.core.ports.ContainerRunner` on any backend.

A task is a small Dockerfile: its files are the context, its script is the one step, and what it leaves is an image of
nothing else. So it has the limits, the network and the isolation of every build of that engine, and no secret.
"""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import tarfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from hublish.builders.baseimage.local import LOCAL_HOST, LocalBase, open_bases, render_local
from hublish.builders.containers.containerrun import ContainerBackend, ContainerJob
from hublish.builders.containers.exported import open_member, read_index
from hublish.builders.disk import name_disk_errors
from hublish.core.container import BasePin, ContainerBuild, ContextFile
from hublish.core.ports import ContainerTask, ImageReader
from hublish.core.redact import redact
from hublish.core.reference import Reference
from hublish.core.source import FileMode, SourceFile, SourceTree
from hublish.errors import BuildFailed, clip

_CHUNK_BYTES = 1 << 20
_FILES_LIMIT = 1000
_BASE_LIMIT_BYTES = 1 << 50
_SCRIPT = "run.sh"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,254}")
# Docker's builder paints what a step says of its faults.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_END = ".end"
"""Beside the result, so that there is always one: not every engine knows an image of nothing."""
_MARK = "the script of the task failed"
# The files go before the result is taken, so that the engine does not keep them with the step's layer. A step that fails
# waits: on a busy machine buildah ends with it and drops what it said last.
_DOCKERFILE = """\
FROM {base} AS work
USER 0:0
WORKDIR /hublish
COPY . /hublish/
RUN ["/bin/sh", "-c", "mkdir -p files out; /bin/sh -eu run.sh || {{ echo '{mark}'; sleep 1; exit 1; }}; rm -rf out/.end files home tmp src tool work run.sh; : > out/.end"]
FROM scratch
COPY --from=work /hublish/out/ /
"""


@dataclass(frozen=True, slots=True)
class TaskRunner:
    """Runs tasks by a backend.

    Attributes:
        backend: the engine.
        images: where images are read from.
        folder: for files of tasks at work.
        clock: seconds that only go up.
    """

    backend: ContainerBackend
    images: ImageReader
    folder: Path
    clock: Callable[[], float] = time.monotonic

    def can_run(self) -> bool:
        """See ContainerRunner."""
        return True

    def run_task(
        self, task: ContainerTask, output: Path, *, log: Callable[[str], None], verify_running: Callable[[], None]
    ) -> tuple[Path, ...]:
        """See ContainerRunner."""
        folder = self.folder / f"task-{uuid.uuid4().hex[:16]}"
        deadline = self.clock() + task.seconds

        def verify() -> None:
            verify_running()
            if self.clock() > deadline:
                raise BuildFailed(f"{task.title} took longer than {task.seconds:.0f} seconds", hint=task.hint)

        with name_disk_errors(task.title):
            folder.mkdir(parents=True)
            try:
                return self._run(task, output, folder=folder, log=log, verify_running=verify)
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _run(
        self,
        task: ContainerTask,
        output: Path,
        *,
        folder: Path,
        log: Callable[[str], None],
        verify_running: Callable[[], None],
    ) -> tuple[Path, ...]:
        source = _TaskFiles(task)
        build = _make_build(task, source)
        (base,) = open_bases(build, self.images)
        self.backend.ensure_base(base, images=self.images, progress=lambda _: None, verify_running=verify_running)
        words = _LastWords(base)
        job = ContainerJob(
            build=build,
            dockerfile_text=render_local(build, (base,)),
            source=source,
            image=Reference(registry=LOCAL_HOST, repository="task", tag=folder.name),
            secrets={},
            folder=folder,
            log=lambda line: log(words.read(line)),
            clean=words.clean,
            progress=lambda *_: None,
            verify_running=verify_running,
            network=task.network,
        )
        try:
            self.backend.build(job)
        except BuildFailed as error:
            raise words.explain(task, error) from error
        return self._export(job, task, output)

    def _export(self, job: ContainerJob, task: ContainerTask, output: Path) -> tuple[Path, ...]:
        """Take the files out of the image that a task made; the image is forgotten."""
        archive = job.folder / "result.tar"
        try:
            self.backend.export(job.image, archive, verify_running=job.verify_running)
        finally:
            self.backend.forget(job.image)
        return _take_files(archive, output, task=task, verify_running=job.verify_running)


class _LastWords:
    """What a script says last: in place of the step, which is always the same, and of the engine's own words."""

    def __init__(self, base: LocalBase) -> None:
        self._base = base
        self._last = ""
        self._failed = False

    def clean(self, line: str) -> str:
        """A line of the engine's without colours and secrets, the base called as everybody knows it."""
        return redact(_COLOURS.sub("", line).replace(str(self._base.local), str(self._base.pinned)))

    def read(self, line: str) -> str:
        """Take one line; returns it cleaned."""
        line = self.clean(line)
        self._failed = self._failed or line == _MARK
        if line.strip() and not self._failed:
            self._last = line
        return line

    def explain(self, task: ContainerTask, error: BuildFailed) -> BuildFailed:
        """Say why a task failed."""
        if self._failed and "memory" not in error.message:
            return BuildFailed(f"{task.title} failed: {clip(self._last)}", hint=task.hint)
        if "exit status" in error.message:
            ended = error.message.rpartition(": ")[2]
            return BuildFailed(f"{task.title} failed: it was ended ({clip(ended)})", hint=task.hint)
        return error if error.message.startswith(task.title) else BuildFailed(f"{task.title}: {error.message}")


def _make_build(task: ContainerTask, source: _TaskFiles) -> ContainerBuild:
    base = replace(task.base, tag=None)
    return ContainerBuild(
        dockerfile_text=_DOCKERFILE.format(base=base, mark=_MARK),
        files=tuple(ContextFile(path=file.path, source=file.path, mode=file.mode) for file in source.tree.files),
        folders=(),
        target=None,
        args=(),
        secrets=(),
        bases=(BasePin(name=str(base), image=base),),
        platform=task.platform,
        created_at="1970-01-01T00:00:00Z",
        time_seconds=int(task.seconds),
        size_bytes=_BASE_LIMIT_BYTES,
    )


class _TaskFiles:
    """The files of a task as a source tree."""

    def __init__(self, task: ContainerTask) -> None:
        # The step is never taken from an engine's cache: a script may depend on the day.
        self._script = f"# {uuid.uuid4().hex}\n{task.script}".encode()
        self._paths = {f"files/{name}": path for name, path in task.files.items()}
        files = [_make_file(_SCRIPT, len(self._script)), *(_make_file(*item) for item in self._list_sizes())]
        self.tree = SourceTree(name="task", commit=None, committed_at=None, files=tuple(files))

    def open(self, path: str) -> BinaryIO:
        return io.BytesIO(self._script) if path == _SCRIPT else self._paths[path].open("rb")

    def _list_sizes(self) -> list[tuple[str, int]]:
        return [(path, self._paths[path].stat().st_size) for path in sorted(self._paths)]


def _make_file(path: str, size_bytes: int) -> SourceFile:
    # No engine compares the hashes of a context's files with its tree.
    return SourceFile(path=path, mode=FileMode.REGULAR, size_bytes=size_bytes, sha256=hashlib.sha256().hexdigest())


def _take_files(
    archive: Path, output: Path, *, task: ContainerTask, verify_running: Callable[[], None]
) -> tuple[Path, ...]:
    """Copy the files of the image, which holds nothing else; its archive is what a stranger's code made."""
    output.mkdir(parents=True, exist_ok=True)
    taken: dict[str, Path] = {}
    left_bytes = task.size_bytes
    try:
        with tarfile.open(archive, "r:") as outer:
            _, names = read_index(outer)
            for name in names:
                with open_member(outer, name) as stream, tarfile.open(fileobj=stream, mode="r|") as layer:
                    for member in layer:
                        verify_running()
                        if member.name.removeprefix("./") in {"", ".", _END}:
                            continue
                        left_bytes -= member.size
                        _verify_member(member, task=task, count=len(taken), left_bytes=left_bytes)
                        taken[member.name] = output / member.name
                        _copy(layer, member, taken[member.name])
    except (tarfile.TarError, KeyError, EOFError) as exc:
        raise BuildFailed(f"{task.title}: its result cannot be read: {clip(str(exc))}") from exc
    return tuple(taken[name] for name in sorted(taken))


def _verify_member(member: tarfile.TarInfo, *, task: ContainerTask, count: int, left_bytes: int) -> None:
    if not member.isreg() or member.issparse() or _NAME.fullmatch(member.name) is None:
        raise BuildFailed(f"{task.title}: expected plain files, it left {clip(member.name)}")
    if left_bytes < 0 or count >= _FILES_LIMIT:
        raise BuildFailed(f"{task.title}: it left more than {task.size_bytes} bytes or {_FILES_LIMIT} files")


def _copy(layer: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    stream = layer.extractfile(member)
    if stream is None:
        raise tarfile.ReadError(member.name)
    with stream, path.open("wb") as copy:
        shutil.copyfileobj(stream, copy, _CHUNK_BYTES)
