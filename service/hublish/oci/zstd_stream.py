"""Layers compressed by zstd, read under distrust: memory is bounded by the window, the stream by its reader.

Read only: what hublish writes is gzip, which every runtime knows (docs/explanation/compression.md says why).

Source: RFC 8878 (zstd), section 5.1 on windows.
"""

from __future__ import annotations

import io
import sys
from typing import BinaryIO, cast

if sys.version_info >= (3, 14):  # pragma: no cover -- the same module, by the name it has in newer Pythons
    from compression import zstd
else:
    from backports import zstd

# 128 MiB: what the zstd command itself takes without being asked for more; builders use 8 MiB at most.
LARGEST_WINDOW_LOG = 27
_READ_BYTES = 1 << 20
STREAM_BROKEN: type[Exception] = zstd.ZstdError


def open_zstd(blob: BinaryIO) -> BinaryIO:
    """Open a stream of zstd frames; a read gives what it was asked for at most, however much the frames unpack to.

    Its `read` raises `STREAM_BROKEN` for bytes that are no zstd or a window above 128 MiB, EOFError when frames end early.
    """
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: LARGEST_WINDOW_LOG}
    stream = cast("io.RawIOBase", zstd.ZstdFile(blob, options=options))
    return cast("BinaryIO", io.BufferedReader(stream, _READ_BYTES))
