"""One container build from plan to pushed image, the same for every engine that runs containers on this machine.

Fetch (the bases), build (no credential at all) and push are apart: an engine is given bases, a context and a Dockerfile,
and gives an archive back; registries are spoken to by hublish's own client alone.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from hublish.builders.baseimage.local import LOCAL_HOST, LocalBase, open_bases, render_local
from hublish.builders.containers.buildsecrets import choose_build_secrets, list_masked
from hublish.builders.containers.exported import ExportInputs, read_exported
from hublish.builders.containers.plan import make_container_build
from hublish.builders.disk import name_disk_errors
from hublish.builders.layered.assembly import Image
from hublish.builders.push import PushAhead, Pushed, push_image
from hublish.core.building import BuildSucceeded, Progress, Step
from hublish.core.container import ContainerBuild, ContainerPlan
from hublish.core.plan import Plan
from hublish.core.ports import ImageReader, ImageWriter, ProgressSink, Source
from hublish.core.redact import MASK
from hublish.core.reference import Reference
from hublish.errors import BuildCancelled, clip

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerJob:
    """What an engine is asked to build.

    Attributes:
        build: context, target, arguments.
        dockerfile_text: the Dockerfile, every image in it under its name on this machine.
        source: has the bytes of the context.
        image: the name that the result gets.
        secrets: id -> bytes; none may reach a layer.
        folder: empty, for files of this build alone; gone afterwards.
        log: takes what the build prints, line by line.
        clean: takes secrets, and names that mean nothing elsewhere, out of a text; what is logged is cleaned already.
        progress: told of (instruction, of how many, its text).
        verify_running: raises BuildCancelled when the build is to stop; to be asked at least every second.
        network: False takes what network the engine's builds have.
    """

    build: ContainerBuild
    dockerfile_text: str
    source: Source
    image: Reference
    secrets: Mapping[str, bytes] = field(repr=False)
    folder: Path
    log: Callable[[str], None]
    clean: Callable[[str], str]
    progress: Callable[[int, int, str], None]
    verify_running: Callable[[], None]
    network: bool = True


class ContainerBackend(Protocol):
    """An engine that runs containers on this machine: its own store, and what can be done in it."""

    def describe(self) -> str:
        """Say what answers, for people; raises EngineFailed when it does not work here."""

    def verify_container(self, container: ContainerPlan) -> None:
        """Raise StrategyUnavailable when the engine cannot do what a Dockerfile needs; nothing is asked of it."""

    def ensure_base(
        self, base: LocalBase, *, images: ImageReader, progress: ProgressSink, verify_running: Callable[[], None]
    ) -> None:
        """Bring a base into the store under `base.local`, unless it is there."""

    def has_image(self, image: Reference) -> bool:
        """Whether the store has an image of that name: a build that ended before hublish was killed."""

    def build(self, job: ContainerJob) -> None:
        """Build; what is left of a build that does not end well is cleaned up.

        Raises:
            BuildFailed: a step failed, memory or output ran over a limit; the message names the step.
            BuildCancelled: `job.verify_running` said so; no process of the build is left.
        """

    def export(self, image: Reference, archive: Path, *, verify_running: Callable[[], None]) -> None:
        """Write an image of the store as an archive in Docker's format."""

    def forget(self, image: Reference) -> None:
        """Take the name of a pushed image; its layers stay for later builds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerTools:
    """What a container build works with.

    Attributes:
        backend: the engine.
        images: where bases are read from.
        output: where the image goes.
        folder: for files of builds at work.
        secrets: what the operator or the user gives this build, id -> bytes.
        log: told what happens, line by line.
        progress: told how far it is.
        cancelled: True once the build is to stop.
        clock: seconds that only go up, for the times in the outcome.
    """

    backend: ContainerBackend
    images: ImageReader
    output: ImageWriter
    folder: Path
    secrets: Mapping[str, bytes] = field(repr=False)
    log: Callable[[str], None]
    progress: ProgressSink
    cancelled: Callable[[], bool]
    clock: Callable[[], float] = time.monotonic


def build_container(
    plan: Plan, *, name: str, source: Source, target: Reference, tools: ContainerTools
) -> BuildSucceeded:
    """Build one image in containers and push it.

    Args:
        plan: of the strategy source or dockerfile.
        name: of the build; a build of that name that ended before is taken as it is.
        source: the tree that the plan was made from.
        target: repository and tag the image goes under.
        tools: engine, places, sinks.

    Raises:
        BuildCancelled: `cancelled` said so.
        BuildFailed: a step failed, or a limit was reached.
        StrategyUnavailable: the engine cannot do what the Dockerfile needs.
        BaseUnsupported, SourceInvalid, ImageInvalid: what the build is made from.
        RegistryFailed, EngineFailed: a server.
        DiskFull: no space.
    """
    folder = tools.folder / f"build-{uuid.uuid4().hex[:16]}"
    with name_disk_errors("the build"):
        folder.mkdir(parents=True)
        try:
            run = _ContainerRun(plan=plan, name=name, source=source, target=target, tools=tools, folder=folder)
            return run.execute()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(slots=True, kw_only=True)
class _ContainerRun:
    """One build on its way through the steps."""

    plan: Plan
    name: str
    source: Source
    target: Reference
    tools: ContainerTools
    folder: Path
    times: dict[str, float] = field(default_factory=dict)

    def execute(self) -> BuildSucceeded:
        """Go through all steps."""
        tools = self.tools
        if self.plan.container is not None:
            tools.backend.verify_container(self.plan.container)
        build = make_container_build(self.plan, self.source)
        secrets = choose_build_secrets(build.secrets, tools.secrets)
        self._verify_running()
        bases = self._time(Step.BASE, lambda: self._bring_bases(build))
        image = Reference(registry=LOCAL_HOST, repository="build", tag=self.name)
        self._time(Step.BUILD, lambda: self._build(build, bases, image, secrets))
        made = self._time(Step.LAYERS, lambda: self._read_image(bases, image))
        pushed = self._time(Step.PUSH, lambda: self._push(made))
        tools.backend.forget(image)
        tools.log(f"image {pushed.digest}, {made.size_bytes} bytes, {pushed.uploaded_bytes} of them new here")
        return BuildSucceeded(
            digest=pushed.digest,
            size_bytes=made.size_bytes,
            layers=pushed.layers,
            uploaded_bytes=pushed.uploaded_bytes,
            packages=(),
            step_seconds=tuple((step, round(seconds, 3)) for step, seconds in self.times.items()),
        )

    def _time(self, step: Step, work: Callable[[], Value]) -> Value:
        self._verify_running()
        started = self.tools.clock()
        self.tools.progress(Progress(step=step, done=0, total=None))
        try:
            return work()
        finally:
            self.times[step.value] = self.tools.clock() - started

    def _verify_running(self) -> None:
        if self.tools.cancelled():
            raise BuildCancelled("the build was stopped before its image was complete; nothing was published")

    def _bring_bases(self, build: ContainerBuild) -> tuple[LocalBase, ...]:
        bases = open_bases(build, self.tools.images)
        for number, base in enumerate(bases):
            self.tools.log(f"base {base.pinned}")
            self.tools.progress(Progress(step=Step.BASE, done=number, total=len(bases), label=str(base.pinned)))
            self.tools.backend.ensure_base(
                base, images=self.tools.images, progress=lambda _: None, verify_running=self._verify_running
            )
        return bases

    def _build(
        self, build: ContainerBuild, bases: tuple[LocalBase, ...], image: Reference, secrets: Mapping[str, bytes]
    ) -> None:
        if self.tools.backend.has_image(image):
            self.tools.log("the image was built before hublish was stopped; it is taken as it is")
            return
        masked = list_masked(secrets)
        names = {str(image): self.name, **{str(base.local): str(base.pinned) for base in bases}}

        def clean(line: str) -> str:
            for local, pinned in names.items():
                line = line.replace(local, pinned)
            for secret in masked:
                line = line.replace(secret, MASK)
            return line

        def progress(done: int, total: int, label: str) -> None:
            self.tools.progress(Progress(step=Step.BUILD, done=done, total=total, label=clip(clean(label), limit=80)))

        self.tools.backend.build(
            ContainerJob(
                build=build,
                dockerfile_text=render_local(build, bases),
                source=self.source,
                image=image,
                secrets=secrets,
                folder=self.folder,
                log=lambda line: self.tools.log(clean(line)),
                clean=clean,
                progress=progress,
                verify_running=self._verify_running,
            )
        )

    def _read_image(self, bases: tuple[LocalBase, ...], image: Reference) -> Image:
        archive = self.folder / "image.tar"
        self.tools.backend.export(image, archive, verify_running=self._verify_running)
        return read_exported(
            ExportInputs(
                plan=self.plan,
                bases=bases,
                archive=archive,
                folder=self.folder,
                verify_running=self._verify_running,
                progress=lambda done, total: self.tools.progress(Progress(step=Step.LAYERS, done=done, total=total)),
            )
        )

    def _push(self, image: Image) -> Pushed:
        tools = self.tools
        ahead = PushAhead(
            images=tools.images,
            output=tools.output,
            target=self.target,
            limit_bytes=0,
            verify_running=self._verify_running,
        )
        with ahead:
            return push_image(
                image,
                ahead=ahead,
                images=tools.images,
                output=tools.output,
                target=self.target,
                progress=tools.progress,
                verify_running=self._verify_running,
            )
