"""What the machine's own disk does wrong, in hublish's words: full is worth another try, anything else is not."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

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
