"""Layers that stand at the target because an image there has them: one request instead of one for each.

A registry keeps what its images name, and an earlier build knows which image it pushed. Where a registry lost a part of
that image all the same, it refuses the new one; then the build looks for each layer after all, see `forget`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import BinaryIO

from hublish.builders.layerindex.index import LayerIndex
from hublish.core.ports import BlobPush, ImageReader, ImageWriter
from hublish.core.reference import Reference
from hublish.errors import HublishError
from hublish.oci.manifest import parse_manifest


class StandingLayers:
    """An `ImageWriter` of one repository that passes over the layers of the image which was pushed there last.

    Args:
        output: writes everything else.
        images: where that image is read from.
        layers: knows which one it was.
        target: the repository.
    """

    def __init__(self, output: ImageWriter, *, images: ImageReader, layers: LayerIndex, target: Reference) -> None:
        self._output = output
        self._images = images
        self._layers = layers
        self._target = target
        self._lock = threading.Lock()
        self._standing: frozenset[str] | None = None
        self._passed = False

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
        """See ImageWriter."""
        with self._lock:
            if self._standing is None:
                self._standing = self._list_standing()
            if digest in self._standing:
                self._passed = True
                return BlobPush(transfer="present", uploaded_bytes=0)
        return self._output.ensure_blob(
            reference, digest=digest, size_bytes=size_bytes, open_body=open_body, mount_from=mount_from,
            progress=progress,
        )  # fmt: skip

    def ensure_manifest(self, reference: Reference, *, body: bytes, media_type: str) -> str:
        """See ImageWriter."""
        return self._output.ensure_manifest(reference, body=body, media_type=media_type)

    def forget(self) -> bool:
        """Pass over nothing from now on; tells whether anything was, and so may not stand there."""
        passed, self._passed, self._standing = self._passed, False, frozenset()
        self._layers.forget_image(self._target)
        return passed

    def _list_standing(self) -> frozenset[str]:
        digest = self._layers.find_image(self._target)
        if digest is None:
            return frozenset()
        try:
            found = self._images.fetch_manifest(self._target.with_digest(digest))
            return frozenset() if found is None else frozenset(_list_layers(found.body))
        except HublishError:
            # What is not known is looked for, and fails there if it must.
            return frozenset()


def _list_layers(body: bytes) -> list[str]:
    return [layer.digest for layer in parse_manifest(body).layers]
