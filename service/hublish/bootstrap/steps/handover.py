"""The image between the Steps build and push: a layout on disk, and a list of the blobs that lie in a registry already.

A layer of the base is never brought into the pod only to be sent back: the push mounts it from where it lies.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from hublish.adapters.layout import OCILayout
from hublish.builders.disk import write_file
from hublish.core.building import BuildSucceeded
from hublish.core.codec import parse_value, render_value
from hublish.core.ports import BlobPush
from hublish.core.reference import Reference, parse_reference
from hublish.errors import ImageInvalid, ReferenceInvalid

_ELSEWHERE = "elsewhere.json"
_OUTCOME = "outcome.json"
_RECORDS = "layer-records.json"
_LIMIT_BYTES = 64 << 20


class Handover:
    """An ImageWriter that keeps what is new and notes where the rest lies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._layout = OCILayout(folder)
        self._lock = threading.Lock()
        self._elsewhere: dict[str, list[str]] = {}

    def ensure_blob(
        self,
        reference: Reference,
        *,
        digest: str,
        size_bytes: int,
        open_body: Callable[[], BinaryIO],
        mount_from: tuple[Reference, ...] = (),
        progress: Callable[[int], None] | None = None,
    ) -> BlobPush:
        """Write the blob, or note that it lies in a registry."""
        if mount_from:
            with self._lock:
                self._elsewhere[digest] = [str(place) for place in mount_from]
            return BlobPush(transfer="present", uploaded_bytes=0)
        return self._layout.ensure_blob(
            reference, digest=digest, size_bytes=size_bytes, open_body=open_body, progress=progress
        )

    def ensure_manifest(self, reference: Reference, *, body: bytes, media_type: str) -> str:
        """Write the manifest, and the list of blobs that lie elsewhere."""
        with self._lock:
            write_file(self._folder / _ELSEWHERE, json.dumps(self._elsewhere, sort_keys=True).encode())
        return self._layout.ensure_manifest(reference, body=body, media_type=media_type)


def store_outcome(folder: Path, outcome: BuildSucceeded) -> None:
    """Store what the build has to say of its image."""
    write_file(folder / _OUTCOME, render_value(outcome).encode())


def load_outcome(folder: Path) -> BuildSucceeded:
    """Load it.

    Raises:
        ImageInvalid: the build left nothing of use.
        StoredValueInvalid: it is not what `store_outcome` wrote.
    """
    return parse_value(BuildSucceeded, _read(folder / _OUTCOME).decode(errors="replace"))


def store_records(folder: Path, body: bytes) -> None:
    """Store what the build found out of layers."""
    write_file(folder / _RECORDS, body)


def load_records(folder: Path) -> bytes:
    """Load it. Raises ImageInvalid: the build left nothing of use."""
    return _read(folder / _RECORDS)


def load_elsewhere(folder: Path) -> dict[str, tuple[Reference, ...]]:
    """Load where the blobs lie that are not in the layout, by digest.

    Raises:
        ImageInvalid: the build left no such list, or a damaged one.
    """
    try:
        document = json.loads(_read(folder / _ELSEWHERE))
        return {str(digest): tuple(map(parse_reference, places)) for digest, places in document.items()}
    except (ValueError, AttributeError, TypeError, ReferenceInvalid) as exc:
        raise ImageInvalid("the Step build left a damaged list of layers") from exc


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            body = stream.read(_LIMIT_BYTES + 1)
    except OSError as exc:
        raise ImageInvalid(f"the Step build left no {path.name}: {exc.strerror}") from exc
    if len(body) > _LIMIT_BYTES:
        raise ImageInvalid(f"the Step build left a {path.name} of more than {_LIMIT_BYTES} bytes")
    return body
