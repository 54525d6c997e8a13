"""What builds left on this machine and nobody used for long is dropped, so that no folder of theirs grows for ever.

Everything here can be found out or made again. Only what no build can be using now is touched, the least recently used
first, and only as much as the limit asks for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

KEPT_SECONDS = 6 * 3600
"""Longer than any build lasts: what was used since may be in use."""
SWEEP_EVERY_SECONDS = 3600
_MARK = ".swept"


def sweep_workspace(workspace: Path, *, limit_bytes: int, now: Callable[[], float]) -> int:
    """Drop what was not used for long, until the workspace is below its limit; at most once an hour.

    Args:
        workspace: folder of all builds of this machine, or of what indexes gave them.
        limit_bytes: what it may hold.
        now: seconds since the epoch, as the system keeps the times of files.

    Returns:
        Bytes that were dropped. A file that cannot be dropped is passed over.
    """
    moment, mark = now(), workspace / _MARK
    with suppress(OSError):
        if moment - mark.stat().st_mtime < SWEEP_EVERY_SECONDS:
            return 0
    files = sorted(_list_files(workspace))
    excess = sum(size for _, size, _ in files) - limit_bytes
    dropped = 0
    for used_at, size, path in files:
        if dropped >= excess or moment - used_at < KEPT_SECONDS:
            break
        with suppress(OSError):
            Path(path).unlink()
            dropped += size
    with suppress(OSError):
        mark.touch()
        os.utime(mark, (moment, moment))
    return dropped


def note_use(path: Path) -> None:
    """Note that a file is of use, which keeps it; nothing happens where there is none."""
    with suppress(OSError):
        os.utime(path)


def _list_files(folder: Path | str) -> Iterator[tuple[float, int, str]]:
    """Yield `(last use, size, path)` of every file below a folder."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from _list_files(entry.path)
                elif entry.name != _MARK:
                    with suppress(OSError):
                        status = entry.stat(follow_symlinks=False)
                        yield status.st_mtime, status.st_size, entry.path
    except OSError:
        return
