"""A file that `docker load` reads: there as a whole, or as it was before."""

from __future__ import annotations

import errno
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from hublish.adapters.docker.stream import ArchiveStream, ByteCount
from hublish.core.ports import BlobPush
from hublish.core.reference import Reference
from hublish.errors import BuildFailed, DiskFull
from hublish.oci.manifest import make_digest


class DockerArchive:
    """One image in one file.

    Args:
        path: the file; one that is there is replaced when the image is whole.
        progress: told of bytes written, of all bytes; what it raises ends the writing.
    """

    def __init__(self, path: Path, *, progress: ByteCount) -> None:
        self._path = path
        self._stream = ArchiveStream(progress=progress)

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
        with self._replace() as file:
            for piece in self._stream.render(body, reference=reference):
                file.write(piece)
        return make_digest(body)

    @contextmanager
    def _replace(self) -> Iterator[BinaryIO]:
        staging = self._path.parent / f".{self._path.name}.incomplete-{uuid.uuid4().hex[:12]}"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with staging.open("wb") as file:
                yield file
            staging.replace(self._path)
        except OSError as exc:
            if exc.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(f"no space is left for {self._path}", hint="Free some space there.") from exc
            raise BuildFailed(f"{self._path} cannot be written: {exc.strerror}") from exc
        finally:
            with suppress(OSError):
                staging.unlink()
