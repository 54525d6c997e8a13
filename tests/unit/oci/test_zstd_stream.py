"""zstd streams of strangers: bounded in memory, and broken ones are told."""

from __future__ import annotations

import io
import tracemalloc

import pytest

from hublish.oci.zstd_stream import STREAM_BROKEN, open_zstd, zstd

FRAME = zstd.compress(b"text" * 1000)


def compress_with_window(log: int) -> bytes:
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: log})
    return compressor.compress(b"text") + compressor.flush()


def test_frames_are_read_one_after_the_other():
    """Builders that compress in parallel write several."""
    assert open_zstd(io.BytesIO(FRAME + FRAME)).read() == b"text" * 2000


def test_bomb_never_lies_in_memory_as_a_whole():
    """256 MiB of nothing in a few bytes are read piece by piece."""
    bomb = zstd.compress(bytes(256 << 20))
    tracemalloc.start()
    stream = open_zstd(io.BytesIO(bomb))
    read_bytes = sum(len(piece) for piece in iter(lambda: stream.read(1 << 20), b""))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert read_bytes == 256 << 20
    assert peak_bytes < 16 << 20


def test_large_window_is_refused():
    """A frame may ask for as much memory as zstd's own command gives, and no more."""
    assert open_zstd(io.BytesIO(compress_with_window(27))).read() == b"text"
    with pytest.raises(STREAM_BROKEN, match="too much memory"):
        open_zstd(io.BytesIO(compress_with_window(28))).read()


@pytest.mark.parametrize(("body", "error"), [(FRAME[:-1], EOFError), (b"no zstd at all", STREAM_BROKEN)])
def test_broken_stream_is_told(body: bytes, error: type[Exception]):
    """One that ends early, and one that is something else."""
    with pytest.raises(error):
        open_zstd(io.BytesIO(body)).read()
