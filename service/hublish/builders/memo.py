"""Layers that were made before: a key over everything a layer depends on leads to its blob on this machine's disk.

The key is a digest of the wheels' hashes, the environment, the byte-code settings and the builder's version. A build
that is not the owner's reads what is here and never adds to it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from hublish.builders.environment import TargetEnvironment
from hublish.builders.wheellayer import WheelContents, WheelLayer
from hublish.oci.layers import LayerBlob


class LayerMemo:
    """What was made before, in one folder.

    Args:
        folder: `<key>.json` files; made when first written to.
        blobs: folder of the blobs, under their digest's hex.
        writable: False keeps builds of other people's code from leaving anything here.
    """

    def __init__(self, folder: Path, *, blobs: Path, writable: bool) -> None:
        self._folder = folder
        self._blobs = blobs
        self._writable = writable

    def load(self, key: str) -> WheelLayer | None:
        """The layer of a key; None when it is not here, damaged, or its blob is not what it was."""
        try:
            layer = _parse(json.loads((self._folder / f"{key}.json").read_text()))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return layer if _is_whole(self._blobs / layer.blob.digest.removeprefix("sha256:"), layer.blob) else None

    def store(self, key: str, layer: WheelLayer) -> None:
        """Keep a layer, unless this build may not."""
        if self._writable:
            write_atomically(self._folder / f"{key}.json", json.dumps(dataclasses.asdict(layer)).encode())


def describe_environment(environment: TargetEnvironment) -> list[object]:
    """List everything of an environment that the bytes of a layer depend on, as plain values."""
    plain = dataclasses.asdict(environment)
    return [[name, sorted(value) if isinstance(value, frozenset) else value] for name, value in sorted(plain.items())]


def write_atomically(path: Path, body: bytes) -> None:
    """Write a file so that others see the old one or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(body)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _parse(document: dict[str, Any]) -> WheelLayer:
    return WheelLayer(
        blob=LayerBlob(**document["blob"]),
        contents=tuple(
            WheelContents(wheel=entry["wheel"], files=tuple((path, short) for path, short in entry["files"]))
            for entry in document["contents"]
        ),
    )


def _is_whole(path: Path, blob: LayerBlob) -> bool:
    try:
        if path.stat().st_size != blob.size_bytes:
            return False
        with path.open("rb") as stream:
            return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest() == blob.digest
    except OSError:
        return False
