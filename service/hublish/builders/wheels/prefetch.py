"""Everything a layered build needs from elsewhere, brought here before it: facts of the base, choices, wheels.

A build with the same workspace and cache then asks no server: so it can run where there is neither network nor login.
Wheels of layers that an earlier build made, and that still lie in a registry, are not among what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hublish.builders.baseimage.facts import BaseFacts
from hublish.builders.baseimage.record import load_base
from hublish.builders.layered.environment import make_environment
from hublish.builders.layered.layering import LayerGroup, group_wheels
from hublish.builders.layered.packagelayers import make_conflicts_key, make_layer_key, make_recipe_key
from hublish.builders.layerindex.entries import WheelFacts
from hublish.builders.layerindex.index import KnownLayer, LayerIndex
from hublish.builders.planning.packagechoice import choose_packages
from hublish.builders.wheels.choice import ChosenWheel, SizedWheel, map_in_threads
from hublish.builders.wheels.handedwheels import NoRunner
from hublish.builders.wheels.repowheels import add_repository_wheels
from hublish.builders.wheels.wheelbuild import BUILT, WheelBuilds
from hublish.builders.wheels.wheelhouse import Wheelhouse
from hublish.core.building import Progress, Step
from hublish.core.plan import Plan
from hublish.core.ports import ImageReader, PackageIndex, ProgressSink, Source
from hublish.core.reference import Reference
from hublish.errors import BuildFailed, NotAllowed, RegistryFailed


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
    layers = tools.layers
    tools.log(f"base {plan.base}")
    tools.progress(Progress(step=Step.BASE, done=0, total=1, label=str(plan.base)))
    base, facts = load_base(tools.images, plan.base, platform=plan.platform, layers=layers, limit_bytes=plan.size_bytes)
    index = add_repository_wheels(tools.index, plan.packages, source=source, folder=tools.workspace / "wheels")
    builds = _open_builds(plan, plan.base, facts=facts, index=index, tools=tools) if plan.builds_wheels else None
    index = index if builds is None else builds
    chosen = choose_packages(
        plan.packages, sources=plan.indexes, facts=facts, index=index, layers=layers, log=tools.log, builds=builds
    )
    done: list[str] = []
    tools.progress(Progress(step=Step.PACKAGES, done=0, total=len(chosen)))
    wheels = Wheelhouse(index, sources=plan.indexes, layers=layers, verify_running=lambda: None)

    def finish(choice: ChosenWheel, _: WheelFacts) -> None:
        done.append(choice.title)
        tools.progress(Progress(step=Step.PACKAGES, done=len(done), total=len(chosen), label=choice.title))

    known = [(choice, layers.find_wheel(choice.sha256)) for choice in chosen]
    wheels.fetch([choice for choice, wheel in known if wheel is None], done=finish)
    groups = group_wheels(list(_size(chosen, layers)), base_layers=len(base.manifest.layers))
    kept = keep_layers(groups, recipe=make_recipe_key(plan, make_environment(facts, plan.environment)), tools=tools)
    needed = [wheel.chosen for group in groups if group not in kept for wheel in group.wheels]
    wheels.fetch(needed, done=finish)
    for remark in layers.take_remarks():
        tools.log(remark)
    tools.log(
        f"wheels that are needed: {len(done)}; layers of packages from earlier builds: {len(kept)} of {len(groups)}"
    )


def _open_builds(
    plan: Plan, base: Reference, *, facts: BaseFacts, index: PackageIndex, tools: PrefetchTools
) -> WheelBuilds:
    """The wheels that were built elsewhere and handed over; none is built here."""
    return WheelBuilds(
        plan=plan, base=base, facts=facts, index=index, layers=tools.layers, runner=NoRunner(),
        folder=tools.workspace / BUILT, log=tools.log, verify_running=lambda: None,
    )  # fmt: skip


def _size(chosen: Sequence[ChosenWheel], layers: LayerIndex) -> Iterator[SizedWheel]:
    for choice in chosen:
        wheel = layers.find_wheel(choice.sha256)
        if wheel is None:  # it was found a moment ago, or noted when it came
            raise BuildFailed(f"what is known of {choice.title} is gone")
        yield SizedWheel(chosen=choice, size_bytes=wheel.size_bytes)


def keep_layers(groups: Sequence[LayerGroup], *, recipe: str, tools: PrefetchTools) -> frozenset[LayerGroup]:
    """Find the layers that the build can take from where they lie, and note that place for it.

    Args:
        groups: of the image, in order.
        recipe: what all layers of the build have in common.
        tools: what is known, and the registry, which is asked whether it still has them.

    Returns:
        The groups whose wheels the build does not need.
    """
    layers = tools.layers
    keys = [make_layer_key(group, recipe=recipe) for group in groups]
    known = [layers.find_layer(key) for key in keys]

    def find_place(layer: KnownLayer | None) -> Reference | None:
        return None if layer is None else _find_place(tools.images, layer)

    found = zip(groups, known, map_in_threads(find_place, known), strict=True)
    present = [(group, layer, place) for group, layer, place in found if layer is not None and place is not None]
    if not layers.is_verified(make_conflicts_key(keys)):
        # Layers that never stood in one image before are compared by what they bring.
        present = [item for item in present if layers.read_contents(item[1].contents) is not None]
    for _, layer, place in present:
        layers.store_place(layer.blob.digest, place)
    return frozenset(group for group, _, _ in present)


def _find_place(images: ImageReader, layer: KnownLayer) -> Reference | None:
    for place in layer.places:
        with suppress(RegistryFailed, NotAllowed), images.open_blob(place, layer.blob.digest):
            return place
    return None
