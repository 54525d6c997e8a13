"""Everything a layered build needs from elsewhere, brought here before it: facts of the base, choices, wheels.

A build with the same workspace and cache then asks no server: so it can run where there is neither network nor login.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hublish.builders.base.record import load_base
from hublish.builders.layerindex.index import LayerIndex
from hublish.builders.planning.packagechoice import choose_packages
from hublish.builders.wheels.repowheels import add_repository_wheels
from hublish.builders.wheels.wheelhouse import Wheelhouse
from hublish.core.building import Progress, Step
from hublish.core.plan import Plan
from hublish.core.ports import ImageReader, PackageIndex, ProgressSink, Source
from hublish.errors import BuildFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefetchTools:
    """What is asked, and what is told.

    Attributes:
        images: where the base lies.
        index: where wheels come from; it keeps what it fetched.
        layers: told facts and choices.
        workspace: of the build.
        log: told what happens.
        progress: told how far it is.
    """

    images: ImageReader
    index: PackageIndex
    layers: LayerIndex
    workspace: Path
    log: Callable[[str], None]
    progress: ProgressSink


def fetch_inputs(plan: Plan, source: Source, tools: PrefetchTools) -> None:
    """Bring everything a plan's layers are made from here.

    Raises:
        BuildFailed: the plan names no base.
        BaseUnsupported, ImageInvalid, WheelMissing, WheelInvalid: what the build is made from.
        RegistryFailed, IndexFailed: a server.
    """
    if plan.base is None:
        raise BuildFailed("a layered plan without a base cannot be built")
    tools.log(f"base {plan.base}")
    tools.progress(Progress(step=Step.BASE, done=0, total=1, label=str(plan.base)))
    _, facts = load_base(tools.images, plan.base, platform=plan.platform, layers=tools.layers)
    index = add_repository_wheels(tools.index, plan.packages, source=source, folder=tools.workspace / "wheels")
    chosen = choose_packages(
        plan.packages, sources=plan.indexes, facts=facts, index=index, layers=tools.layers, log=tools.log
    )
    done: list[str] = []
    tools.progress(Progress(step=Step.PACKAGES, done=0, total=len(chosen)))
    wheels = Wheelhouse(index, sources=plan.indexes, layers=tools.layers, verify_running=lambda: None)

    def finish(title: str) -> None:
        done.append(title)
        tools.progress(Progress(step=Step.PACKAGES, done=len(done), total=len(chosen), label=title))

    wheels.fetch(chosen, done=lambda choice, _: finish(choice.title))
    tools.log(f"{len(chosen)} wheels are here")
