"""A file that `docker load` reads: there as a whole, or as it was before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from hublish.adapters.docker.stream import ArchiveStream, ByteCount
from hublish.builders.disk import name_disk_errors, replace_file
from hublish.core.ports import BlobPush
from hublish.core.reference import Reference
from hublish.oci.manifest import make_digest


class DockerArchive:
    """One image in one file.

    Args:
        path: the file; one that is there is replaced when the image is whole.
        name: name and tag that the image gets, whatever it is called on the way.
        progress: told of bytes written, of all bytes; what it raises ends the writing.
    """

    def __init__(self, path: Path, *, name: Reference, progress: ByteCount) -> None:
        self._path = path
        self._stream = ArchiveStream(name, progress=progress)

    def ensure_blob(
        self,
        reference: Reference,  # noqa: ARG002 - an archive is one repository
        *,
        digest: str,
        size_bytes: int,
        open_body: Callable[[], BinaryIO],
        mount_from: tuple[Reference, ...] = (),  # noqa: ARG002 - nothing to mount from
        progress: Callable[[int], None] | None = None,  # noqa: ARG002 - bytes are written with the manifest
    ) -> BlobPush:
        """Note a blob; it is read when the manifest comes."""
        return self._stream.add(digest, size_bytes=size_bytes, open_body=open_body)

    def ensure_manifest(self, reference: Reference, *, body: bytes, media_type: str) -> str:  # noqa: ARG002 - OCI only
        """Write the file.

        Returns:
            The manifest's digest.

        Raises:
            ImageInvalid: a blob is missing or not what the manifest says.
            DiskFull: no space is left.
            BuildFailed: the file cannot be written for another reason.
        """
        with name_disk_errors(f"writing {self._path}"), replace_file(self._path) as file:
            for piece in self._stream.render(body):
                file.write(piece)
        return make_digest(body)
