"""The layer index on this machine's disk: one small file for each entry, in a folder of each owner's own.

What one owner's builds left is never taken for another's, and a build that is not the owner's reads and leaves nothing.
Only what is known of a base is everybody's: it is read from the base by this program, and its key is the base's digest.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hublish.builders.disk import write_file
from hublish.builders.keys import make_key
from hublish.builders.layerindex.entries import BlobPointer, Table
from hublish.core.reference import Reference
from hublish.oci.manifest import make_digest

# An entry's time is when it was last of use, to the day: more would be a write for each read.
_TOUCH_AFTER_SECONDS = 86_400


class LocalIndex:
    """Entries and files of one owner.

    Args:
        folder: of the owner; made when first written to.
        shared: of what is known of bases.
        writable: False keeps builds of other people's code from leaving anything in `folder`.
        now: seconds since the epoch, as the system keeps the times of files.
    """

    def __init__(self, folder: Path, *, shared: Path, writable: bool, now: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._shared = shared
        self._writable = writable
        self._now = now

    @property
    def repository(self) -> Reference | None:
        """No repository."""
        return None

    def find(self, table: Table, key: str) -> object | None:
        """The entry; None when it is not here or damaged."""
        body = self._read(self._place(table) / f"{_name(key)}.json")
        if body is None:
            return None
        try:
            entry: object = json.loads(body)
        except (ValueError, RecursionError):
            return None
        return entry

    def store(self, table: Table, key: str, entry: object) -> None:
        """Keep an entry, unless this build may not."""
        if self._writable or table is Table.BASES:
            write_file(self._place(table) / f"{_name(key)}.json", json.dumps(entry).encode())

    def read_blob(self, table: Table, pointer: BlobPointer) -> bytes | None:
        """The file; None when it is not here or not what it was."""
        body = self._read(self._blob_path(table, pointer.digest))
        return body if body is not None and make_digest(body) == pointer.digest else None

    def store_blob(self, table: Table, body: bytes) -> BlobPointer:
        """Keep a file, unless this build may not."""
        pointer = BlobPointer(digest=make_digest(body), size_bytes=len(body))
        if self._writable or table is Table.BASES:
            write_file(self._blob_path(table, pointer.digest), body)
        return pointer

    def take_remarks(self) -> tuple[str, ...]:
        """Nothing: what cannot be read here is found out anew."""
        return ()

    def _place(self, table: Table) -> Path:
        return self._shared if table is Table.BASES else self._folder / table.value

    def _blob_path(self, table: Table, digest: str) -> Path:
        return self._place(table) / "files" / _name(digest)

    def _read(self, path: Path) -> bytes | None:
        try:
            with path.open("rb", buffering=0) as stream:
                status = os.fstat(stream.fileno())
                if self._now() - status.st_mtime > _TOUCH_AFTER_SECONDS:
                    with suppress(OSError):
                        os.utime(path)
                return stream.readall()
        except OSError:
            return None


def _name(key: str) -> str:
    name = key.removeprefix("sha256:")
    # Keys are digests; anything else comes from a lock or an index and is no name for a file.
    return name if name.isalnum() else make_key([key])
