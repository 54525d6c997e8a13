"""The layered strategy: a base, locked wheels and a source tree become an image; nothing of it is ever run.

The bytes of the image depend on the plan alone: neither on this machine, its user, clock and locale, nor on what was
built before. What can be slow is spread over processes, and what earlier builds found out or made is not done again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from hublish.builders.baseimage.facts import BaseFacts
from hublish.builders.baseimage.image import BaseImage
from hublish.builders.baseimage.record import load_base
from hublish.builders.disk import name_disk_errors
from hublish.builders.layered.assembly import Image, make_image
from hublish.builders.layered.environment import make_environment
from hublish.builders.layered.layering import LayerGroup, list_wheels
from hublish.builders.layered.ownlayers import write_own_layers
from hublish.builders.layered.packagelayers import PackageLayers
from hublish.builders.layerindex.ownercache import OWN, OwnerCache, OwnerCaches
from hublish.builders.push import PushAhead, Pushed, push_image
from hublish.builders.standing import StandingLayers
from hublish.builders.sweep import sweep_workspace
from hublish.builders.wheels.bytecode import can_compile_for
from hublish.builders.wheels.packagesource import PackageSources
from hublish.builders.wheels.repowheels import add_repository_wheels
from hublish.builders.wheels.wheelbuild import BUILT, WheelBuilds
from hublish.builders.wheels.wheelhouse import Wheelhouse
from hublish.builders.wheels.workshop import Workshop
from hublish.core.building import BuildSucceeded, Progress, Step
from hublish.core.plan import Plan
from hublish.core.ports import (
    CommitFetcher,
    ContainerRunner,
    ImageReader,
    ImageWriter,
    PackageIndex,
    ProgressSink,
    Source,
)
from hublish.core.reference import Reference
from hublish.errors import BuildCancelled, BuildFailed, RegistryFailed, clip


def build_layered(
    plan: Plan,
    *,
    source: Source,
    images: ImageReader,
    output: ImageWriter,
    target: Reference,
    index: PackageIndex,
    workspace: Path,
    workers: int,
    log: Callable[[str], None],
    progress: ProgressSink,
    cancelled: Callable[[], bool],
    cache: OwnerCache | None = None,
    runner: ContainerRunner | None = None,
    commits: CommitFetcher | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> BuildSucceeded:
    """Build an image by the layered strategy and put it where it shall stand.

    Args:
        plan: what to build; its strategy is LAYERED and its base is pinned.
        source: the tree the plan was made from.
        images: where the base is read from.
        output: where the image goes.
        target: repository and tag it goes under.
        index: where wheels come from.
        workspace: folder for finished layers and facts of bases, shared by all builds of this machine.
        workers: processes that make layers.
        log: told what happens, line by line, from several threads.
        progress: told how far it is, from several threads.
        cancelled: True once the build is to stop; asked between units of work.
        cache: what the owner's builds share; None opens the one of this machine's user.
        runner: builds the wheels of packages that have none; None leaves these missing.
        commits: brings packages that the lock names by a commit of another repository; None leaves these missing.
        clock: seconds that only go up, for the times in the outcome.

    Raises:
        BuildCancelled: `cancelled` said so.
        BuildFailed: conflicting wheels, unmet requirements, too large, a wheel not built; the message says which.
        WheelMissing, WheelInvalid, BaseUnsupported, SourceInvalid, ImageInvalid: what the build is made from.
        IndexFailed, RegistryFailed: a server.
        DiskFull: no space in the workspace.
    """
    index = add_repository_wheels(index, plan.packages, source=source, folder=workspace / "wheels")
    build = _Build(
        plan=plan, source=source, images=images, index=index, workspace=workspace, log=log, progress=progress,
        cancelled=cancelled, cache=cache or OwnerCaches(workspace).open(owner=OWN, trust=plan.trust), clock=clock,
        runner=runner, commits=commits,
    )  # fmt: skip
    with name_disk_errors("the build"):
        return build.run(output, target, workers=workers)


@dataclass(slots=True, kw_only=True)
class _Build:
    """One build on its way through the steps."""

    plan: Plan
    source: Source
    images: ImageReader
    index: PackageIndex
    workspace: Path
    log: Callable[[str], None]
    progress: ProgressSink
    cancelled: Callable[[], bool]
    cache: OwnerCache
    clock: Callable[[], float]
    runner: ContainerRunner | None
    commits: CommitFetcher | None
    step: Step = Step.BASE
    times: dict[str, float] = field(default_factory=dict)
    started: float = 0.0

    def run(self, output: ImageWriter, target: Reference, *, workers: int) -> BuildSucceeded:
        """Go through all steps."""
        self.started = self.clock()
        base, facts = self._open_base()
        repository = replace(target, tag=None, digest=None)
        writer = StandingLayers(output, images=self.images, layers=self.cache.layers, target=repository)
        self._enter(Step.PACKAGES)
        builds = self._open_builds(facts)
        index = self.index if builds is None else builds
        ahead = PushAhead(
            images=self.images, output=writer, target=target, limit_bytes=self.plan.size_bytes - base.size_bytes,
            verify_running=self._verify_running,
        )  # fmt: skip
        wheels = Wheelhouse(
            index, sources=self.plan.indexes, layers=self.cache.layers, verify_running=self._verify_running
        )
        with self._open_workshop(facts, wheels, workers=workers) as workshop, ahead:
            packages = PackageLayers(
                plan=self.plan, facts=facts, layers=self.cache.layers, index=index, wheels=wheels,
                workshop=workshop, ahead=ahead, log=self.log, progress=self.progress, builds=builds,
            )  # fmt: skip
            groups = packages.gather(base_layers=len(base.manifest.layers))
            self._enter(Step.LAYERS)
            make = partial(self._make_image, base, facts, packages, groups, workshop)
            image, pushed = self._push(make, writer=writer, ahead=ahead, target=target)
        self._remember(image, pushed, repository, output)
        self._enter(Step.PUSH)
        return self._report(pushed, groups, size_bytes=image.size_bytes)

    def _push(
        self, make: Callable[[], Image], *, writer: StandingLayers, ahead: PushAhead, target: Reference
    ) -> tuple[Image, Pushed]:
        push = partial(
            push_image, ahead=ahead, images=self.images, output=writer, target=target, progress=self.progress,
            verify_running=self._verify_running,
        )  # fmt: skip
        image = make()
        self._enter(Step.PUSH)
        try:
            return image, push(image)
        except RegistryFailed:
            if not writer.forget():
                raise
        self.log("the registry lost a part of the image it has: each layer is looked for")
        ahead.forget()
        image = make()
        return image, push(image)

    def _make_image(
        self,
        base: BaseImage,
        facts: BaseFacts,
        packages: PackageLayers,
        groups: tuple[LayerGroup, ...],
        workshop: Workshop,
    ) -> Image:
        made = packages.make(groups)
        first, last = write_own_layers(
            self.plan, self.source, environment=workshop.environment, facts=facts, blobs=workshop.blobs, log=self.log
        )
        image = make_image(self.plan, base=base, facts=facts, layers=(*first, *made, last))
        # Only an image that is small enough may bring all of its layers to the target.
        anew = packages.settle(groups)
        if anew is None:
            return image
        return make_image(self.plan, base=base, facts=facts, layers=(*first, *anew, last))

    def _remember(self, image: Image, pushed: Pushed, repository: Reference, output: ImageWriter) -> None:
        if self.cache.in_registry:
            for layer in image.layers:
                self.cache.layers.store_place(layer.blob.digest, repository)
            self.cache.layers.store_image(repository, pushed.digest)
        self.cache.publish(target=repository, output=output, builder=self.plan.builder, log=self.log)
        self._show_remarks()
        dropped_bytes = sweep_workspace(self.workspace, limit_bytes=self.cache.limit_bytes, now=time.time)
        if dropped_bytes:
            self.log(f"{dropped_bytes} bytes that no build used for long were dropped from the cache")

    def _show_remarks(self) -> None:
        for remark in self.cache.layers.take_remarks():
            self.log(remark)

    def _open_workshop(self, facts: BaseFacts, wheels: Wheelhouse, *, workers: int) -> Workshop:
        if self.plan.bytecode and not can_compile_for(facts.python_version):
            raise BuildFailed(
                f"the plan wants byte-code for Python {facts.python_full_version}, which this builder cannot compile",
                hint="Plan and build with the same version of hublish and Python.",
            )
        if not self.plan.bytecode:
            self.log("byte-code is not compiled: the builder's Python is not the base's, so first imports are slower")
        return Workshop(
            environment=make_environment(facts, self.plan.environment),
            bytecode=self.plan.bytecode,
            cache=self.cache.bytecode,
            wheels=wheels,
            blobs=self.workspace / "blobs",
            workers=workers,
            verify_running=self._verify_running,
        )

    def _open_builds(self, facts: BaseFacts) -> WheelBuilds | None:
        if self.runner is None or self.plan.base is None:
            return None
        return WheelBuilds(
            plan=self.plan, base=self.plan.base, facts=facts, index=self.index, layers=self.cache.layers,
            runner=self.runner, folder=self.workspace / BUILT, log=self.log, verify_running=self._verify_running,
            sources=PackageSources(source=self.source, commits=self.commits),
        )  # fmt: skip

    def _report(self, pushed: Pushed, groups: tuple[LayerGroup, ...], *, size_bytes: int) -> BuildSucceeded:
        wheels = list_wheels(groups)
        self.log(f"image {pushed.digest}, {size_bytes} bytes, {pushed.uploaded_bytes} of them new here")
        return BuildSucceeded(
            digest=pushed.digest,
            size_bytes=size_bytes,
            layers=pushed.layers,
            uploaded_bytes=pushed.uploaded_bytes,
            packages=tuple((wheel.name, wheel.version) for wheel in wheels),
            step_seconds=tuple((name, round(seconds, 3)) for name, seconds in self.times.items()),
            wheels=wheels,
        )

    def _enter(self, step: Step) -> None:
        now, name = self.clock(), self.step.value
        self.times[name] = self.times.get(name, 0.0) + now - self.started
        self.step, self.started = step, now
        self._verify_running()

    def _verify_running(self) -> None:
        if self.cancelled():
            raise BuildCancelled("the build was stopped before its image was complete; nothing was published")

    def _open_base(self) -> tuple[BaseImage, BaseFacts]:
        plan, layers = self.plan, self.cache.layers
        if plan.base is None:
            raise BuildFailed("a layered plan without a base cannot be built")
        self.log(f"base {plan.base}")
        self.progress(Progress(step=Step.BASE, done=0, total=1, label=str(plan.base)))
        base, facts = load_base(
            self.images, plan.base, platform=plan.platform, layers=layers, limit_bytes=plan.size_bytes
        )
        self._show_remarks()
        libc = " minor ".join(map(str, facts.libc))
        self.log(f"Python {facts.python_full_version} at {clip(facts.executable)}, {libc}, {facts.architecture}")
        self.progress(Progress(step=Step.BASE, done=1, total=1))
        return base, facts
