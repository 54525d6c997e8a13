"""Two images side by side, layer by layer, then their configs: one that is to be verified, and its rebuild.

The layers' diff IDs decide: they are what a container gets to see. Blobs may be stored in other bytes, by another
compressor; then what they unpack to is hashed here, because a config can claim any diff ID.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from hublish.builders.baseimage.image import BaseImage
from hublish.builders.layered.assembly import BASE_NAME_LABEL
from hublish.builders.verification.layerdiff import LayerEntries, compare_entries, read_diff_id, read_layer_entries
from hublish.builders.verification.verdict import ConfigDifference, LayerDifference
from hublish.core.ports import ImageReader
from hublish.core.reference import Reference
from hublish.errors import clip
from hublish.oci.document import parse_document

READ_LAYERS = 4
SHOWN_PATHS = 20
_HISTORY_PREFIX = "hublish: "
_TITLE_CHARACTERS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two: what to call it, where its blobs are read from, its manifest and config."""

    what: str
    images: ImageReader
    image: BaseImage

    def read_entries(self, number: int) -> LayerEntries:
        """Read what lies at each path of a layer."""
        layer = self.image.manifest.layers[number]
        with self.images.open_blob(self.image.reference, layer.digest) as blob:
            return read_layer_entries(blob, layer.compression, what=f"layer {number + 1} of {self.what}")

    def read_diff_id(self, number: int) -> str:
        """Compute the diff ID of a layer from its bytes."""
        layer = self.image.manifest.layers[number]
        with self.images.open_blob(self.image.reference, layer.digest) as blob:
            return read_diff_id(blob, layer.compression, what=f"layer {number + 1} of {self.what}")

    def read_config(self) -> dict[str, Any]:
        """Read the config as the document it is, keys that hublish does not know included."""
        document = parse_document(self.image.config_body, what=f"config of {self.what}")
        document["config"] = document.get("config") or {}
        document["config"]["Labels"] = document["config"].get("Labels") or {}
        return document


class Comparison:
    """An image beside its rebuild.

    Args:
        image: the one that is verified.
        rebuilt: the other.
        base_layers: how many layers of the rebuilt image are its base's.
        log: told which layers are read.

    Attributes:
        equal_layers: how many were found to be the same.
    """

    def __init__(self, *, image: Side, rebuilt: Side, base_layers: int, log: Callable[[str], None]) -> None:
        self.equal_layers = 0
        self._image = image
        self._rebuilt = rebuilt
        self._base_layers = base_layers
        self._log = log

    def compare_layers(self) -> tuple[tuple[LayerDifference, ...], int]:
        """Compare all layers.

        Returns:
            Those that differ, and how many are the same in other bytes.
        """
        different: list[LayerDifference] = []
        recompressed = 0
        for image, rebuilt in pair_layers(self._image.image.spec.diff_ids, self._rebuilt.image.spec.diff_ids):
            remark = ""
            if image is not None and rebuilt is not None:
                blobs = [side.image.manifest.layers[at] for side, at in self._sides(image, rebuilt)]
                claims = {side.image.spec.diff_ids[at] for side, at in self._sides(image, rebuilt)}
                if len(claims) == 1 and blobs[0].digest != blobs[1].digest:
                    remark = self._check_claim(image)
                    recompressed += not remark
                if len(claims) == 1 and not remark:
                    self.equal_layers += 1
                    continue
            different.append(self._describe(image, rebuilt, remark=remark, read=len(different) < READ_LAYERS))
        return tuple(different), recompressed

    def _sides(self, image: int, rebuilt: int) -> tuple[tuple[Side, int], ...]:
        return (self._image, image), (self._rebuilt, rebuilt)

    def _check_claim(self, number: int) -> str:
        """What is wrong when a layer's bytes are not those its diff ID claims; "" when they are."""
        self._log(f"reading layer {number + 1} of the image, which is stored in other bytes")
        found = self._image.read_diff_id(number)
        claimed = self._image.image.spec.diff_ids[number]
        return "" if found == claimed else f"the config claims the right diff ID, but the bytes have {found}"

    def _describe(self, image: int | None, rebuilt: int | None, *, remark: str, read: bool) -> LayerDifference:
        difference = LayerDifference(
            title=self._title(image, rebuilt),
            image=None if image is None else clip(self._image.image.spec.diff_ids[image]),
            rebuilt=None if rebuilt is None else self._rebuilt.image.spec.diff_ids[rebuilt],
            remark=remark,
        )
        if image is None or rebuilt is None:
            return difference
        if rebuilt < self._base_layers:
            return replace(difference, remark=remark or "the base has another layer here")
        if not read:
            return difference
        self._log(f"reading layer {rebuilt + 1} of both images, which differs")
        sides = [side.read_entries(at) for side, at in self._sides(image, rebuilt)]
        paths = compare_entries(sides[0].entries, sides[1].entries)
        if not paths:
            remark = remark or "every path is the same: the entries stand in another order or are written otherwise"
        more = max(0, len(paths) - SHOWN_PATHS)
        return replace(difference, paths=paths[:SHOWN_PATHS], more_paths=more, remark=remark)

    def _title(self, image: int | None, rebuilt: int | None) -> str:
        side, number = (self._image, image or 0) if rebuilt is None else (self._rebuilt, rebuilt)
        if number < self._base_layers:
            return f"base layer {number + 1}"
        lines = [entry.created_by for entry in side.image.spec.history if not entry.empty_layer]
        line = lines[number] if number < len(lines) else f"layer {number + 1}"
        return clip(line.removeprefix(_HISTORY_PREFIX), limit=_TITLE_CHARACTERS)

    def compare_configs(
        self, *, base: Reference, layers_differ: bool
    ) -> tuple[tuple[ConfigDifference, ...], tuple[str, ...]]:
        """Compare everything the configs say but the layers; the history only where the layers are the same.

        Args:
            base: what the rebuild was made on.
            layers_differ: whether `compare_layers` found a difference.

        Returns:
            What differs, and remarks.
        """
        documents = self._image.read_config(), self._rebuilt.read_config()
        # A mirror of the base, or a copy on disk, is the same base by its digest.
        claimed, own = (document["config"]["Labels"].pop(BASE_NAME_LABEL, None) for document in documents)
        remarks = () if claimed == own else (f"the base is read from {base}; the image names {clip(str(claimed))}",)
        left_out = {"rootfs", "history"} if layers_differ else {"rootfs"}
        image, rebuilt = (_flatten(document, left_out) for document in documents)
        differences = tuple(
            ConfigDifference(key=clip(key), image=_show(image, key), rebuilt=_show(rebuilt, key))
            for key in sorted(image.keys() | rebuilt.keys())
            if image.get(key) != rebuilt.get(key)
        )
        return differences, remarks


def pair_layers(image: tuple[str, ...], rebuilt: tuple[str, ...]) -> tuple[tuple[int | None, int | None], ...]:
    """Pair the layers of two images by their diff IDs.

    Where there are equally many, by position; else what is alike first, then the rest in order.

    Returns:
        `(number in image, number in rebuilt)` from 0; None on the side that has no such layer.
    """
    if len(image) == len(rebuilt):
        return tuple((number, number) for number in range(len(image)))
    alike = {diff_id: number for number, diff_id in enumerate(rebuilt)}
    pairs: list[tuple[int | None, int | None]] = []
    left: list[int] = []
    for number, diff_id in enumerate(image):
        other = alike.pop(diff_id, None)
        if other is None:
            left.append(number)
        else:
            pairs.append((number, other))
    taken = {other for _, other in pairs}
    return (*pairs, *zip_longest(left, [number for number in range(len(rebuilt)) if number not in taken]))


def _flatten(document: Mapping[str, Any], left_out: set[str]) -> dict[str, str]:
    """All values as JSON: those under `config` by themselves, empty ones left out, as they mean the same as none."""
    values = {key: value for key, value in document.items() if key not in left_out and key != "config"}
    values.update({f"config.{key}": value for key, value in document["config"].items()})
    return {key: json.dumps(value, sort_keys=True) for key, value in values.items() if value}


def _show(values: Mapping[str, str], key: str) -> str | None:
    return clip(values[key]) if key in values else None
