"""What the wheels of one layer brought: paths and fingerprints, kept apart from the layer as a small compressed file.

It is read only when layers meet that never stood in one image before, to see whether two of them bring one path.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from hublish.errors import ImageInvalid

CONTENTS_LIMIT_BYTES = 128 << 20
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelContents:
    """What one wheel brought: its file name, and `(absolute path, short hash)` of each file."""

    wheel: str
    files: tuple[tuple[str, str], ...]


def render_contents(contents: Sequence[WheelContents]) -> bytes:
    """Render contents as compressed JSON; equal contents give equal bytes."""
    plain = [[entry.wheel, [list(file) for file in entry.files]] for entry in contents]
    return gzip.compress(json.dumps(plain, separators=(",", ":")).encode(), compresslevel=6, mtime=0)


def parse_contents(body: bytes) -> tuple[WheelContents, ...]:
    """Parse what `render_contents` made.

    Raises:
        ImageInvalid: damaged, of another shape, or larger than 128 MiB unpacked.
    """
    try:
        plain = json.loads(unpack_bounded(body, limit_bytes=CONTENTS_LIMIT_BYTES))
        return tuple(
            WheelContents(wheel=_text(wheel), files=tuple((_text(path), _text(short)) for path, short in files))
            for wheel, files in plain
        )
    except (ValueError, TypeError, RecursionError) as exc:
        raise ImageInvalid("the list of a layer's files cannot be read") from exc


def unpack_bounded(body: bytes, *, limit_bytes: int) -> bytes:
    """Unpack one gzip member.

    Raises:
        ImageInvalid: not gzip, cut off, or more than `limit_bytes` unpacked.
    """
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain = inflater.decompress(body, limit_bytes + 1)
    except zlib.error as exc:
        raise ImageInvalid(f"expected gzip, got {len(body)} other bytes") from exc
    if len(plain) > limit_bytes or not inflater.eof:
        raise ImageInvalid(f"expected one whole gzip member of at most {limit_bytes} bytes")
    return plain


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
