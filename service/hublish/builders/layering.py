"""Which wheels share a layer: big ones stand alone, small ones share buckets, so that a bump touches one layer.

Buckets come last: a node that has the previous image must unpack every layer above a changed one again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from hublish.builders.wheels import FetchedWheel

OWN_LAYER_FROM_BYTES = 1 << 20
BUCKETS = 8
# Docker and CRI-O stop at 127 layers; base, environment, home and source need some of them.
OWN_LAYER_LIMIT = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerGroup:
    """Wheels of one layer, sorted by name."""

    wheels: tuple[FetchedWheel, ...]

    @property
    def title(self) -> str:
        """For people: the package, or how many small ones."""
        return self.wheels[0].chosen.title if len(self.wheels) == 1 else f"{len(self.wheels)} small packages"

    @property
    def size_bytes(self) -> int:
        """Size of the archives."""
        return sum(wheel.size_bytes for wheel in self.wheels)


def group_wheels(wheels: Sequence[FetchedWheel]) -> tuple[LayerGroup, ...]:
    """Group wheels into layers: big ones by name, then the buckets."""
    threshold_bytes = OWN_LAYER_FROM_BYTES
    while sum(wheel.size_bytes >= threshold_bytes for wheel in wheels) > OWN_LAYER_LIMIT:
        threshold_bytes *= 2
    ordered = sorted(wheels, key=lambda wheel: wheel.chosen.package.name)
    big = [LayerGroup(wheels=(wheel,)) for wheel in ordered if wheel.size_bytes >= threshold_bytes]
    buckets: dict[int, list[FetchedWheel]] = {}
    for wheel in ordered:
        if wheel.size_bytes < threshold_bytes:
            buckets.setdefault(_find_bucket(wheel.chosen.package.name), []).append(wheel)
    return (*big, *(LayerGroup(wheels=tuple(bucket)) for _, bucket in sorted(buckets.items())))


def _find_bucket(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % BUCKETS
