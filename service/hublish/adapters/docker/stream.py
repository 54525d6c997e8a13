"""The bytes of a `docker load` archive, piece by piece, out of blobs that are read only then and verified on the way."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from hublish.core.ports import BlobPush
from hublish.core.reference import Reference
from hublish.errors import ImageInvalid
from hublish.oci.docker_archive import ARCHIVE_END, ArchiveMember, list_members
from hublish.oci.manifest import Descriptor

_CHUNK_BYTES = 1 << 20

ByteCount = Callable[[int, int], None]
"""Told of (bytes done, bytes in all); what it raises ends the writing."""


class ArchiveStream:
    """Blobs that were announced, and the archive made of them. Safe to share between threads.

    Args:
        name: name and tag that the image gets where the archive is loaded.
        progress: told of bytes done, of all bytes; what it raises ends the rendering.
    """

    def __init__(self, name: Reference, *, progress: ByteCount) -> None:
        self._name = name
        self._progress = progress
        self._lock = threading.Lock()
        self._bodies: dict[str, Callable[[], BinaryIO]] = {}

    def add(self, digest: str, *, size_bytes: int, open_body: Callable[[], BinaryIO]) -> BlobPush:
        """Note where the bytes of a blob are; what opening them raises, it raises now, while a lost layer can be made."""
        with open_body():
            pass
        with self._lock:
            self._bodies[digest] = open_body
        return BlobPush(transfer="written", uploaded_bytes=size_bytes)

    def render(self, manifest_body: bytes) -> Iterator[bytes]:
        """Render the archive.

        Raises:
            ImageInvalid: the manifest cannot be read, or a blob was not announced or is not what the manifest says; what
                was given out until then must not be used.
            HublishError: what opening a blob raises.
        """
        members = list_members(manifest_body, reference=self._name)
        total_bytes = sum(_measure(member) for member in members)
        done_bytes = 0
        for member in members:
            yield member.header
            for piece in self._read(member):
                yield piece
                done_bytes += len(piece)
                self._progress(done_bytes, total_bytes)
            yield member.padding
        yield ARCHIVE_END

    def _read(self, member: ArchiveMember) -> Iterator[bytes]:
        if member.body is not None:
            yield member.body
        if member.blob is not None:
            yield from self._read_blob(member.blob)

    def _read_blob(self, blob: Descriptor) -> Iterator[bytes]:
        open_body = self._bodies.get(blob.digest)
        if open_body is None:
            raise ImageInvalid(f"the manifest names the blob {blob.digest}, which was not written before it")
        found, left_bytes = hashlib.sha256(), blob.size_bytes
        with _name_read_errors(blob), open_body() as body:
            while piece := body.read(_CHUNK_BYTES):
                found.update(piece)
                left_bytes -= len(piece)
                if left_bytes < 0:
                    raise ImageInvalid(f"expected {blob.size_bytes} bytes for the blob {blob.digest}, found more")
                yield piece
        if left_bytes or "sha256:" + found.hexdigest() != blob.digest:
            raise ImageInvalid(
                f"expected {blob.size_bytes} bytes with {blob.digest}, "
                f"found {blob.size_bytes - left_bytes} with sha256:{found.hexdigest()}"
            )


@contextmanager
def _name_read_errors(blob: Descriptor) -> Iterator[None]:
    # Who takes the pieces would take an OSError for one of its own connection.
    try:
        yield
    except OSError as exc:
        raise ImageInvalid(f"the blob {blob.digest} cannot be read: {exc.strerror}") from exc


def _measure(member: ArchiveMember) -> int:
    if member.blob is not None:
        return member.blob.size_bytes
    return 0 if member.body is None else len(member.body)
