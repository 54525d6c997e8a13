"""An image on its way to where it shall stand: blobs first, several at once, the manifest last.

Layers are pushed while others are still made. What is left of a build that fails then is blobs without a manifest, which
registries collect; never more of them than the plan allows the image to be.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Self, cast

from hublish.builders.disk import hash_file
from hublish.builders.layered.assembly import BuiltLayer, Image
from hublish.builders.pushcounter import PushCounter
from hublish.builders.wheels.choice import map_in_threads
from hublish.core.building import LayerSummary
from hublish.core.ports import BlobPush, ImageReader, ImageWriter, ProgressSink
from hublish.core.reference import Reference
from hublish.errors import ImageInvalid, LayerMissing, NotAllowed, RegistryFailed
from hublish.oci.layers import LayerBlob
from hublish.oci.manifest import OCI_MANIFEST, Descriptor, make_digest

# Layers that stand there already only wait for an answer; of those that are sent, a few keep the processors busy enough.
_CONNECTIONS_AHEAD = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What a push came to: digest as the other side reports it, layers in order, body bytes sent."""

    digest: str
    layers: tuple[LayerSummary, ...]
    uploaded_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Blob:
    title: str
    descriptor: Descriptor
    open_body: Callable[[], BinaryIO]
    mount_from: tuple[Reference, ...] = ()

    def summarise(self, result: BlobPush) -> LayerSummary:
        return LayerSummary(
            title=self.title,
            digest=self.descriptor.digest,
            size_bytes=self.descriptor.size_bytes,
            transfer=result.transfer,
        )


class PushAhead:
    """Pushes layers as they are finished or found, before the image is whole.

    Args:
        images: where layers of earlier builds are copied from, if they can be mounted nowhere.
        output: where they are written to.
        target: the repository.
        limit_bytes: what is pushed ahead at most.
        verify_running: raises when the build is to stop; asked before each layer.
    """

    def __init__(
        self,
        *,
        images: ImageReader,
        output: ImageWriter,
        target: Reference,
        limit_bytes: int,
        verify_running: Callable[[], None],
    ) -> None:
        self._images = images
        self._output = output
        self._target = target
        self._left_bytes = limit_bytes
        self._verify_running = verify_running
        self._pool = ThreadPoolExecutor(max_workers=_CONNECTIONS_AHEAD, thread_name_prefix="push")
        self._begun: dict[str, Future[BlobPush]] = {}
        self._kept: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def begin(self, layer: BuiltLayer) -> None:
        """Begin to push a layer; returns at once. One that was made takes the place of an earlier build's."""
        digest, size_bytes = layer.blob.digest, layer.blob.size_bytes
        if not layer.kept and digest in self._kept:
            # The earlier one may lie nowhere any more, which nobody asks about now.
            self._kept.discard(digest)
            del self._begun[digest]
        if digest not in self._begun and size_bytes <= self._left_bytes:
            self._left_bytes -= size_bytes
            self._begun[digest] = self._pool.submit(self._push, layer)
            if layer.kept:
                self._kept.add(digest)

    def settle(self, layers: Sequence[BuiltLayer]) -> frozenset[str]:
        """Wait until layers of earlier builds stand at the target.

        Returns:
            Digests of those that lie nowhere any more, which may then be begun anew.
        """
        for layer in layers:
            if layer.blob.digest not in self._begun:
                self._begun[layer.blob.digest] = self._pool.submit(self._push, layer)
        lost: set[str] = set()
        for digest in {layer.blob.digest for layer in layers}:
            try:
                self._begun[digest].result()
            except LayerMissing:
                del self._begun[digest]
                self._kept.discard(digest)
                lost.add(digest)
        return frozenset(lost)

    def forget(self) -> None:
        """Know of no layer any more, so that each is begun anew."""
        self._begun.clear()
        self._kept.clear()

    def find(self, digest: str) -> Future[BlobPush] | None:
        """What became of a layer, or None when it was not begun."""
        return self._begun.get(digest)

    def _push(self, layer: BuiltLayer) -> BlobPush:
        self._verify_running()
        return self._output.ensure_blob(
            self._target,
            digest=layer.blob.digest,
            size_bytes=layer.blob.size_bytes,
            open_body=lambda: open_layer_body(layer, self._images),
            mount_from=layer.places,
        )


def open_layer_body(layer: BuiltLayer, images: ImageReader) -> BinaryIO:
    """Open the bytes of a layer: this machine's, which count if they are what they were, else those of another place.

    Raises:
        LayerMissing: it lies nowhere any more.
    """
    if not layer.kept:
        return layer.path.open("rb")
    if _is_whole(layer.path, layer.blob):
        return layer.path.open("rb")
    for place in layer.places:
        with suppress(RegistryFailed, NotAllowed):
            return open_until_closed(images.open_blob(place, layer.blob.digest))
    raise LayerMissing(f"the layer {layer.title} of an earlier build lies nowhere any more", hint="Build again.")


def _is_whole(path: Path, blob: LayerBlob) -> bool:
    try:
        if path.stat().st_size != blob.size_bytes:
            return False
        return "sha256:" + hash_file(path) == blob.digest
    except OSError:
        return False


def push_image(
    image: Image,
    *,
    ahead: PushAhead,
    images: ImageReader,
    output: ImageWriter,
    target: Reference,
    progress: ProgressSink,
    verify_running: Callable[[], None],
) -> Pushed:
    """Push an image; the base's layers are mounted where they lie on the same registry, else copied.

    Args:
        image: what is pushed.
        ahead: layers that were begun already.
        images: where the base's layers are read from.
        output: where everything is written to.
        target: repository and tag.
        progress: told of bytes that stand there, of all bytes.
        verify_running: raises when the build is to stop; asked before each blob.

    Raises:
        RegistryFailed: the other side refused or failed.
        ImageInvalid: it reports another digest than the one that was sent.
    """
    blobs = _list_blobs(image, images)
    counter = PushCounter(sum(blob.descriptor.size_bytes for blob in blobs), progress)

    def push(blob: _Blob) -> BlobPush:
        verify_running()
        begun = ahead.find(blob.descriptor.digest)
        result = (
            _push_blob(blob, output, target, sent=counter.start(blob.descriptor.digest, title=blob.title))
            if begun is None
            else begun.result()
        )
        counter.finish(blob.descriptor, title=blob.title)
        return result

    results = map_in_threads(push, blobs)
    verify_running()
    digest = output.ensure_manifest(target, body=image.manifest_body, media_type=OCI_MANIFEST)
    expected = make_digest(image.manifest_body)
    if digest != expected:
        raise ImageInvalid(f"{target}: expected the digest {expected} back, got {digest}")
    # The config, which is the last one, is no layer.
    summaries = tuple(blob.summarise(result) for blob, result in zip(blobs[:-1], results[:-1], strict=True))
    return Pushed(digest=digest, layers=summaries, uploaded_bytes=sum(result.uploaded_bytes for result in results))


def _push_blob(blob: _Blob, output: ImageWriter, target: Reference, *, sent: Callable[[int], None]) -> BlobPush:
    return output.ensure_blob(
        target,
        digest=blob.descriptor.digest,
        size_bytes=blob.descriptor.size_bytes,
        open_body=blob.open_body,
        mount_from=blob.mount_from,
        progress=sent,
    )


def _list_blobs(image: Image, images: ImageReader) -> list[_Blob]:
    """All layers in order, the config last."""
    base = image.base

    def open_base(descriptor: Descriptor) -> Callable[[], BinaryIO]:
        return lambda: open_until_closed(images.open_blob(base.reference, descriptor.digest))

    return [
        *(
            _Blob(title="base layer", descriptor=layer, open_body=open_base(layer), mount_from=(base.reference,))
            for layer in base.manifest.layers
        ),
        *(
            _Blob(
                title=layer.title,
                descriptor=layer.descriptor,
                open_body=partial(open_layer_body, layer, images),
                mount_from=layer.places,
            )
            for layer in image.layers
        ),
        _Blob(title="config", descriptor=image.config, open_body=lambda: io.BytesIO(image.config_body)),
    ]


class _Entered(io.RawIOBase):
    """A stream that leaves its context when it is closed."""

    def __init__(self, context: AbstractContextManager[BinaryIO]) -> None:
        super().__init__()
        self._context = context
        self._stream = context.__enter__()

    def read(self, size: int = -1, /) -> bytes:
        return self._stream.read(size)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._context.__exit__(None, None, None)


def open_until_closed(context: AbstractContextManager[BinaryIO]) -> BinaryIO:
    """Enter a context now and leave it when the stream is closed, for callers that take plain streams."""
    return cast("BinaryIO", _Entered(context))
