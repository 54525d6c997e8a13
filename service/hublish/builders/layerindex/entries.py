"""What the layer index holds, as plain JSON: entries by table, rendered here and read back with distrust.

A wrong shape ends in ValueError, TypeError, KeyError or ReferenceInvalid, which whoever asked takes for "not known".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from hublish.core.reference import Reference, is_digest, parse_repository
from hublish.oci.layers import LayerBlob


class Table(Enum):
    """What is known, by kind; an entry is plain JSON.

    CHOICES: locked package and target -> `[file name, sha256]` of its wheel.
    WHEELS: sha256 of a wheel -> `{size, requires}`.
    LAYERS: wheels, environment, byte-code, builder -> the layer's blob, and where its contents are.
    BASES: digest of a base -> where its facts are.
    SETS: layers, or wheels and target -> true: they were verified to fit together.
    PLACES: digest of a layer -> repositories it was pushed to; means nothing to other machines.
    IMAGES: repository -> digest of an image that was pushed to it with the layers of the build; the newest, on this machine.
    """

    CHOICES = "choices"
    WHEELS = "wheels"
    LAYERS = "layers"
    BASES = "bases"
    SETS = "sets"
    PLACES = "places"
    IMAGES = "images"


SHARED_TABLES = (Table.CHOICES, Table.WHEELS, Table.LAYERS, Table.BASES, Table.SETS, Table.IMAGES)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobPointer:
    """A small file that an entry leads to: digest and size of its bytes."""

    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFacts:
    """What grouping and the check of requirements need of a wheel: size of the archive, `Requires-Dist` as written."""

    size_bytes: int
    requirements: tuple[str, ...]


def render_wheel(facts: WheelFacts) -> dict[str, object]:
    """Render the facts of a wheel."""
    return {"size": facts.size_bytes, "requires": list(facts.requirements)}


def render_layer(blob: LayerBlob, contents: BlobPointer) -> dict[str, object]:
    """Render a layer's blob, and where its contents are."""
    return {
        "digest": blob.digest,
        "diff_id": blob.diff_id,
        "size": blob.size_bytes,
        "unpacked": blob.unpacked_bytes,
        "contents": render_pointer(contents),
    }


def render_pointer(pointer: BlobPointer) -> dict[str, object]:
    """Render a pointer as plain JSON."""
    return {"digest": pointer.digest, "size": pointer.size_bytes}


def parse_pointer(entry: Any) -> BlobPointer:
    """Parse a pointer. Raises ValueError, TypeError or KeyError for another shape."""
    return BlobPointer(digest=_digest(entry["digest"]), size_bytes=_count(entry["size"]))


def parse_choice(entry: Any) -> tuple[str, str]:
    """Parse `(file name, sha256)` of a wheel. Raises as `parse_pointer`."""
    filename, sha256 = entry
    _digest(f"sha256:{sha256}")
    if not isinstance(filename, str) or "/" in filename or not filename.endswith(".whl"):
        raise ValueError
    return filename, sha256


def parse_wheel(entry: Any) -> WheelFacts:
    """Parse the facts of a wheel. Raises as `parse_pointer`."""
    requires = entry["requires"]
    if not isinstance(requires, list) or not all(isinstance(text, str) for text in requires):
        raise TypeError
    return WheelFacts(size_bytes=_count(entry["size"]), requirements=tuple(requires))


def parse_layer(entry: Any) -> tuple[LayerBlob, BlobPointer]:
    """Parse a layer's blob, and where its contents are. Raises as `parse_pointer`."""
    blob = LayerBlob(
        diff_id=_digest(entry["diff_id"]),
        digest=_digest(entry["digest"]),
        size_bytes=_count(entry["size"]),
        unpacked_bytes=_count(entry["unpacked"]),
    )
    return blob, parse_pointer(entry["contents"])


def parse_places(entry: Any) -> tuple[Reference, ...]:
    """Parse repositories. Raises as `parse_pointer`."""
    return tuple(parse_repository(name) for name in entry)


def parse_digest(entry: Any) -> str:
    """Parse the digest of an image. Raises as `parse_pointer`."""
    return _digest(entry)


def parse_true(entry: Any) -> bool:
    """Parse an entry that says only that it is there. Raises as `parse_pointer`."""
    if entry is not True:
        raise ValueError
    return True


def _digest(value: object) -> str:
    if not isinstance(value, str) or not is_digest(value):
        raise ValueError
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value
