"""Files of the machine's own disk: written whole or not at all, and what goes wrong in hublish's words.

A full disk is worth another try, anything else is not.
"""

from __future__ import annotations

import errno
import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from hublish.errors import BuildFailed, DiskFull, clip

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def name_disk_errors(what: str) -> Iterator[None]:
    """Turn the system's errors inside the block into hublish's.

    Args:
        what: what was being done, e.g. "the step layers".

    Raises:
        DiskFull: no space, or a quota was reached.
        BuildFailed: any other error of the system.
    """
    try:
        yield
    except OSError as exc:
        if exc.errno in _FULL:
            raise DiskFull(
                f"no space left in the workspace for {what}",
                hint="Free space where hublish keeps its cache, then build again.",
            ) from exc
        raise BuildFailed(f"{what} failed: {clip(str(exc))}") from exc


@contextmanager
def replace_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file beside `path` and move it there when the block ends well; otherwise remove it.

    Others see the old file or the whole new one, also after a crash, which leaves at most a hidden file beside.

    Args:
        path: its folder is made when needed; its mode is the umask's.

    Raises:
        DiskFull: no space is left for it.
    """
    staging = path.with_name(f".part-{uuid.uuid4().hex}")
    try:
        with _create(staging) as stream:
            yield stream
        staging.replace(path)
    except BaseException as exc:
        # Where nothing could be written there is nothing to remove, and what went wrong must not be hidden.
        with suppress(OSError):
            staging.unlink(missing_ok=True)
        if isinstance(exc, OSError) and exc.errno in _FULL:
            raise DiskFull(f"no space is left under {path.parent}", hint="Free some space there.") from exc
        raise


def _create(path: Path) -> BinaryIO:
    # An empty disk gets hundreds of small files at once, all but a few of them into folders that are there.
    try:
        return path.open("xb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("xb")


def write_file(path: Path, body: bytes) -> None:
    """Write a whole file by `replace_file`. Raises DiskFull."""
    with replace_file(path) as stream:
        stream.write(body)


def hash_file(path: Path) -> str:
    """Hash a file: its SHA-256 in hex. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
