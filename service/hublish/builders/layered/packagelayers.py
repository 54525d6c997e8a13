"""The layers of a plan's packages: found where earlier builds left them, made where nobody has them.

An unchanged layer is neither listed, fetched nor opened: its key follows from the lock and the base alone. What turns out
to be lost on the way is made anew, with the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hublish.builders.baseimage.facts import BaseFacts
from hublish.builders.keys import make_key
from hublish.builders.layered.assembly import BuiltLayer
from hublish.builders.layered.environment import TargetEnvironment, describe_environment
from hublish.builders.layered.layering import ExpectedGroups, LayerGroup, group_wheels
from hublish.builders.layerindex.contents import WheelContents
from hublish.builders.layerindex.entries import WheelFacts
from hublish.builders.layerindex.index import LayerIndex
from hublish.builders.planning.consistency import find_unmet, list_present, verify_no_conflicts, verify_requirements
from hublish.builders.planning.packagechoice import choose_packages
from hublish.builders.push import PushAhead
from hublish.builders.sweep import note_use
from hublish.builders.wheels.bytecode import describe_compiler
from hublish.builders.wheels.choice import ChosenWheel, SizedWheel
from hublish.builders.wheels.wheelbuild import WheelBuilds
from hublish.builders.wheels.wheelhouse import Wheelhouse
from hublish.builders.wheels.wheellayer import WheelLayer
from hublish.builders.wheels.workshop import Workshop
from hublish.core.building import Progress, Step
from hublish.core.plan import Plan
from hublish.core.ports import PackageIndex, ProgressSink
from hublish.oci.gzip_members import COMPRESSOR


@dataclass(slots=True, kw_only=True)
class PackageLayers:
    """The package layers of one build.

    Attributes:
        plan: says which packages.
        facts: of the base.
        layers: what earlier builds found out; told what this one does.
        index: where wheels are listed.
        wheels: where they are fetched.
        workshop: where layers are made.
        ahead: takes each layer as soon as it is known or made.
        log: told what happens.
        progress: told how far it is.
        builds: makes wheels of packages that have none; None where nothing can run them.
    """

    plan: Plan
    facts: BaseFacts
    layers: LayerIndex
    index: PackageIndex
    wheels: Wheelhouse
    workshop: Workshop
    ahead: PushAhead
    log: Callable[[str], None]
    progress: ProgressSink
    builds: WheelBuilds | None = None
    _recipe: str = ""
    _facts: dict[str, WheelFacts] = field(default_factory=dict)
    _keys: dict[LayerGroup, str] = field(default_factory=dict)
    _built: dict[str, BuiltLayer] = field(default_factory=dict)
    _contents: dict[str, tuple[WheelContents, ...]] = field(default_factory=dict)

    def gather(self, *, base_layers: int) -> tuple[LayerGroup, ...]:
        """Choose the wheels, know the facts of each, and begin layers on the way.

        Args:
            base_layers: how many layers the base has.

        Returns:
            The groups of the image, by the real sizes of their wheels.

        Raises:
            WheelMissing, WheelInvalid, IndexFailed: see `choose_packages` and `Wheelhouse.fetch`.
            BaseUnsupported: no room for layers.
            BuildFailed: a requirement is not met, or a wheel could not be built.
        """
        chosen = choose_packages(
            self.plan.packages,
            sources=self.plan.indexes,
            facts=self.facts,
            index=self.index,
            layers=self.layers,
            log=self.log,
            builds=self.builds,
        )
        for choice in chosen:
            facts = self.layers.find_wheel(choice.sha256)
            if facts is not None:
                self._facts[choice.sha256] = facts
        expected = ExpectedGroups([(choice, self._expect_size(choice)) for choice in chosen], base_layers=base_layers)
        wanted = {choice.sha256: choice for choice in chosen if choice.sha256 not in self._facts}
        for group in expected.groups:
            if not self._find(group):
                wanted |= {wheel.chosen.sha256: wheel.chosen for wheel in group.wheels}
        self._fetch(list(wanted.values()), expected, total=len(chosen))
        sized = [SizedWheel(chosen=choice, size_bytes=self._facts[choice.sha256].size_bytes) for choice in chosen]
        self.log(f"{len(chosen)} packages, {sum(wheel.size_bytes for wheel in sized)} bytes of wheels")
        self._verify_requirements(chosen)
        return group_wheels(sized, base_layers=base_layers)

    def make(self, groups: Sequence[LayerGroup]) -> tuple[BuiltLayer, ...]:
        """Make the layers that nobody has, and see that those which are known fit together.

        Raises:
            BuildFailed: conflicting wheels, or a process that died.
            WheelMissing, WheelInvalid, IndexFailed: a wheel that has to be fetched after all.
            BuildCancelled: the build is to stop.
        """
        unknown = [group for group in groups if not self._find(group)]
        self._make(unknown, total=len(groups))
        kept = len(groups) - len(unknown)
        self.progress(Progress(step=Step.LAYERS, done=len(groups), total=len(groups)))
        self.log(f"{len(groups)} layers of packages: {len(unknown)} made, {kept} kept from earlier builds")
        self._verify_conflicts(groups)
        return self._list(groups)

    def settle(self, groups: Sequence[LayerGroup]) -> tuple[BuiltLayer, ...] | None:
        """Wait until kept layers stand at the target; make those anew that lie nowhere any more.

        Returns:
            The layers if one was made anew, else None.

        Raises:
            As `make`; RegistryFailed: the other side refused or failed.
        """
        lost = self.ahead.settle([layer for layer in self._list(groups) if layer.kept])
        if not lost:
            return None
        self._make_anew([group for group in groups if self._built[self._key(group)].blob.digest in lost])
        return self._list(groups)

    def _list(self, groups: Sequence[LayerGroup]) -> tuple[BuiltLayer, ...]:
        return tuple(self._built[self._key(group)] for group in groups)

    def _find(self, group: LayerGroup) -> bool:
        """Look for a layer of earlier builds; its way to the target begins when it is found."""
        key = self._key(group)
        if key in self._built:
            return True
        known = self.layers.find_layer(key)
        if known is None:
            return False
        path = self.workshop.blobs / known.blob.digest.removeprefix("sha256:")
        layer = BuiltLayer(
            title=group.title, history=group.history, blob=known.blob, path=path, kept=True, places=known.places
        )
        self._built[key] = layer
        note_use(path)
        self.ahead.begin(layer)
        return True

    def _fetch(self, wanted: Sequence[ChosenWheel], expected: ExpectedGroups, *, total: int) -> None:
        done = total - len(wanted)
        self.progress(Progress(step=Step.PACKAGES, done=done, total=total))
        fetched: list[str] = []

        def finish(choice: ChosenWheel, facts: WheelFacts) -> None:
            self._facts[choice.sha256] = facts
            fetched.append(choice.title)
            self.progress(Progress(step=Step.PACKAGES, done=done + len(fetched), total=total, label=choice.title))
            group = expected.add(SizedWheel(chosen=choice, size_bytes=facts.size_bytes))
            if group is not None and self._key(group) not in self._built:
                self.workshop.begin(group)

        self.wheels.fetch(wanted, done=finish)

    def _make(self, groups: Sequence[LayerGroup], *, total: int) -> None:
        self.wheels.fetch([wheel.chosen for group in groups for wheel in group.wheels])
        for group, layer in self.workshop.make(groups):
            self._store(group, layer)
            self.progress(Progress(step=Step.LAYERS, done=len(self._built), total=total, label=group.title))
            self.log(f"layer {group.title}: {layer.blob.size_bytes} bytes")

    def _make_anew(self, groups: Sequence[LayerGroup]) -> None:
        for group in groups:
            self.log(f"layer {group.title}: what an earlier build made is lost, so it is made anew")
        self._make(groups, total=len(self._built))

    def _store(self, group: LayerGroup, layer: WheelLayer) -> None:
        key = self._key(group)
        path = self.workshop.blobs / layer.blob.digest.removeprefix("sha256:")
        built = BuiltLayer(title=group.title, history=group.history, blob=layer.blob, path=path)
        self._built[key], self._contents[key] = built, layer.contents
        self.layers.store_layer(key, layer.blob, layer.contents)
        self.ahead.begin(built)

    def _verify_requirements(self, chosen: Sequence[ChosenWheel]) -> None:
        present = list_present(
            [choice.package for choice in chosen], facts=self.facts, environment=self.plan.environment
        )
        hashes = [choice.sha256 for choice in chosen]
        key = make_key(["requirements", hashes, self.facts.marker_environment, sorted(present.items())])
        if not self.layers.is_verified(key):
            wheels = [(choice.package, self._facts[choice.sha256].requirements) for choice in chosen]
            verify_requirements(find_unmet(wheels, facts=self.facts, present=present), facts=self.facts)
            self.layers.store_verified(key)

    def _verify_conflicts(self, groups: Sequence[LayerGroup]) -> None:
        key = make_conflicts_key([self._key(group) for group in groups])
        if self.layers.is_verified(key):
            return
        lost = [group for group in groups if self._read_contents(group) is None]
        if lost:
            self._make_anew(lost)
        verify_no_conflicts(entry for group in groups for entry in self._contents[self._key(group)])
        self.layers.store_verified(key)

    def _read_contents(self, group: LayerGroup) -> tuple[WheelContents, ...] | None:
        key = self._key(group)
        if key not in self._contents:
            known = self.layers.find_layer(key)
            contents = None if known is None else self.layers.read_contents(known.contents)
            if contents is None:
                return None
            self._contents[key] = contents
        return self._contents[key]

    def _expect_size(self, choice: ChosenWheel) -> int | None:
        facts = self._facts.get(choice.sha256)
        return choice.file.size_bytes if facts is None else facts.size_bytes

    def _key(self, group: LayerGroup) -> str:
        """Make the key of a layer: everything its bytes depend on."""
        if group not in self._keys:
            self._recipe = self._recipe or make_recipe_key(self.plan, self.workshop.environment)
            self._keys[group] = make_layer_key(group, recipe=self._recipe)
        return self._keys[group]


def make_layer_key(group: LayerGroup, *, recipe: str) -> str:
    """Make the key of one layer, by the recipe that all of its build have in common."""
    return make_key(["layer", recipe, [[wheel.chosen.file.filename, wheel.chosen.sha256] for wheel in group.wheels]])


def make_conflicts_key(keys: Sequence[str]) -> str:
    """Make the key of the layers of an image, in order: none brings another's path."""
    return make_key(["conflicts", list(keys)])


def make_recipe_key(plan: Plan, environment: TargetEnvironment) -> str:
    """Make the key of what all layers of a build have in common: builder, compressor, compiler, environment."""
    compiler = describe_compiler() if plan.bytecode else None
    return make_key([plan.builder, COMPRESSOR, compiler, describe_environment(environment)])
