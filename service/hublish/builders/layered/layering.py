"""Which wheels share a layer: big ones stand alone, small ones share buckets, so that a bump touches one layer.

Buckets come last: a node that has the previous image must unpack every layer above a changed one again. An image gets
up to 60 layers of its own, fewer on a base of very many: from some number on layers only cost.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from hublish.builders.wheels.choice import ChosenWheel, SizedWheel
from hublish.core.building import InstalledWheel
from hublish.errors import BaseUnsupported

OWN_LAYER_FROM_BYTES = 1 << 20
BUCKETS = 8
# Docker and CRI-O stop here, the base's layers included.
IMAGE_LAYER_LIMIT = 127
# Virtual environment or what is replaced in the base, home, source; one is kept free.
OTHER_LAYERS = 4
# Beyond this, layers cost a node more than they save.
ADDED_LAYER_LIMIT = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerGroup:
    """Wheels of one layer, sorted by name."""

    wheels: tuple[SizedWheel, ...]

    @property
    def title(self) -> str:
        """For people: the package, or how many small ones."""
        return self.wheels[0].chosen.title if len(self.wheels) == 1 else f"{len(self.wheels)} small packages"

    @property
    def history(self) -> str:
        """What is in it, for the image's history."""
        return ", ".join(wheel.chosen.title for wheel in self.wheels)

    @property
    def size_bytes(self) -> int:
        """Size of the archives."""
        return sum(wheel.size_bytes for wheel in self.wheels)


def list_wheels(groups: Sequence[LayerGroup]) -> tuple[InstalledWheel, ...]:
    """List the files of all groups, sorted by package."""
    chosen = sorted((wheel.chosen for group in groups for wheel in group.wheels), key=lambda one: one.package.name)
    return tuple(
        InstalledWheel(
            name=one.package.name, version=one.package.version, filename=one.file.filename, sha256=one.sha256
        )
        for one in chosen
    )


def group_wheels(wheels: Sequence[SizedWheel], *, base_layers: int) -> tuple[LayerGroup, ...]:
    """Group wheels into layers: big ones by name, then the buckets.

    Where there is no room for all big ones, the largest get it: with a threshold that grew instead, one package more
    could throw half of all layers together.

    Args:
        wheels: of the whole image.
        base_layers: how many layers the base has.

    Raises:
        BaseUnsupported: the base has so many that no room is left for the buckets.
    """
    room = min(ADDED_LAYER_LIMIT, IMAGE_LAYER_LIMIT - base_layers) - OTHER_LAYERS - BUCKETS
    if room < 0:
        raise BaseUnsupported(
            f"the base has {base_layers} layers, expected at most {IMAGE_LAYER_LIMIT - OTHER_LAYERS - BUCKETS}: "
            f"an image has at most {IMAGE_LAYER_LIMIT}",
            hint="Squash the base, for example by `buildah bud --squash`.",
        )
    large = sorted(
        (wheel for wheel in wheels if wheel.size_bytes >= OWN_LAYER_FROM_BYTES),
        key=lambda wheel: (-wheel.size_bytes, wheel.chosen.package.name),
    )
    own = {wheel.chosen.package.name for wheel in large[:room]}
    ordered = sorted(wheels, key=lambda wheel: wheel.chosen.package.name)
    big = [LayerGroup(wheels=(wheel,)) for wheel in ordered if wheel.chosen.package.name in own]
    buckets: dict[int, list[SizedWheel]] = {}
    for wheel in ordered:
        if wheel.chosen.package.name not in own:
            buckets.setdefault(_find_bucket(wheel.chosen.package.name), []).append(wheel)
    return (*big, *(LayerGroup(wheels=tuple(bucket)) for _, bucket in sorted(buckets.items())))


def _find_bucket(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % BUCKETS


class ExpectedGroups:
    """Tells of each group when its last wheel has come, so that its layer can be begun while others are fetched.

    It goes by the sizes that are known or stated by the index; where one is missing, a big wheel is a group as soon as
    it has come. Which groups there are in the end is decided by the real sizes.

    Args:
        wheels: all wheels of the image, each with its expected size or None.
        base_layers: how many layers the base has.
    """

    def __init__(self, wheels: Sequence[tuple[ChosenWheel, int | None]], *, base_layers: int) -> None:
        self._lock = threading.Lock()
        self._come: dict[str, SizedWheel] = {}
        sized = [SizedWheel(chosen=chosen, size_bytes=size) for chosen, size in wheels if size is not None]
        self.groups = group_wheels(sized, base_layers=base_layers) if len(sized) == len(wheels) else ()
        self._group_of = {wheel.chosen.package.name: group for group in self.groups for wheel in group.wheels}

    def add(self, wheel: SizedWheel) -> LayerGroup | None:
        """Note a wheel that has come; returns its group if that is complete now. May be called from several threads."""
        name = wheel.chosen.package.name
        with self._lock:
            self._come[name] = wheel
            if not self.groups:
                return LayerGroup(wheels=(wheel,)) if wheel.size_bytes >= OWN_LAYER_FROM_BYTES else None
            names = [expected.chosen.package.name for expected in self._group_of[name].wheels]
            if not all(name in self._come for name in names):
                return None
            return LayerGroup(wheels=tuple(self._come[name] for name in names))
