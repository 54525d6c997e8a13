"""Build logs on disk: append-only, every line with an id, at most a fixed size; the middle goes first.

A log is a folder of chunks. A chunk's name is the id of its first line, so ids never shift, a reader finds a line
without reading what is before it, and sees exactly which lines are missing. The first chunks stay for ever; of the
later ones the oldest is dropped when the log grows over its limit. The id of a line is its 1-based number in the log.
"""

from __future__ import annotations

import errno
import io
import itertools
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from hublish.core.logs import LogLine
from hublish.core.redact import redact
from hublish.errors import DiskFull, ValueInvalid, clip

LOG_LIMIT_BYTES = 256 << 20
LINE_LIMIT_CHARACTERS = 4096
_CHUNKS = 32
_KEPT_CHUNKS = 16
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,120}")
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


def clean_line(line: str) -> str:
    """Make a line safe to store and show: no escapes or controls, no secrets, at most 4,096 characters."""
    text = line[: LINE_LIMIT_CHARACTERS * 4]
    if not text.isprintable():
        text = _ESCAPE.sub("", text)
        text = "".join(character if character.isprintable() or character == "\t" else "" for character in text)
    text = redact(text)
    return text if len(text) <= LINE_LIMIT_CHARACTERS else text[: LINE_LIMIT_CHARACTERS - 1] + "…"


class DiskLog:
    """One log that is being written; `hublish.core.ports.BuildLog`. One writer at a time, many readers."""

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self._folder = folder
        self._chunk_bytes = limit_bytes // _CHUNKS
        self._lock = threading.Lock()
        # Where the log ends, so that a line costs one open and one write; no chunk is known before the first line.
        self._chunks: list[Path] = []
        self._size_bytes = 0
        self._next_id = 1

    def append(self, line: str) -> None:
        """Store one line.

        Raises:
            DiskFull: no space left; the line is not stored.
        """
        stamp = datetime.now(UTC).strftime("%H:%M:%S")
        body = f"{stamp} {clean_line(line)}\n".encode()
        with self._lock:
            try:
                self._write(body)
            except OSError as error:
                self._chunks = []  # a part of the line may have been written: the end is looked for anew
                if error.errno in _FULL:
                    raise DiskFull(
                        "no space left for the build's log", hint="free space where `data` points"
                    ) from error
                raise

    def _write(self, body: bytes) -> None:
        if not self._chunks:
            self._find_end()
        if not self._chunks or (self._size_bytes and self._size_bytes + len(body) > self._chunk_bytes):
            self._begin_chunk()
        with self._chunks[-1].open("ab") as file:
            file.write(body)
        self._size_bytes += len(body)
        self._next_id += 1

    def _find_end(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._chunks = _list_chunks(self._folder)
        if self._chunks:
            _close_cut_line(self._chunks[-1])
            self._size_bytes = self._chunks[-1].stat().st_size
        self._next_id = _find_last_id(self._chunks) + 1

    def _begin_chunk(self) -> None:
        while len(self._chunks) >= _CHUNKS:
            self._chunks.pop(_KEPT_CHUNKS).unlink(missing_ok=True)
        self._chunks.append(self._folder / f"{self._next_id:012d}.chunk")
        self._size_bytes = 0


class DiskArchive:
    """All logs under one folder."""

    def __init__(self, folder: Path, *, limit_bytes: int = LOG_LIMIT_BYTES) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes

    def open_log(self, name: str) -> DiskLog:
        """Open the log of a build for writing; it goes on where it ended.

        Raises:
            ValueInvalid: `name` is not made of lower-case letters, digits and dashes.
        """
        return DiskLog(self._at(name), limit_bytes=self._limit_bytes)

    def read_lines(self, name: str, *, after: int = 0, limit: int = 10_000) -> tuple[LogLine, ...]:
        """Lines with an id over `after`, oldest first; where lines were dropped a remark stands in their place."""
        return tuple(itertools.islice(_iterate(_list_chunks(self._at(name)), after), limit))

    def read_tail(self, name: str, *, limit: int = 20) -> tuple[str, ...]:
        """The last lines of a log, oldest first."""
        chunks = _list_chunks(self._at(name))
        after = max(0, _find_last_id(chunks) - limit)
        return tuple(line.text for line in _iterate(chunks, after))[-limit:]

    def _at(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueInvalid(f"no name of a log: {clip(name)!r}")
        return self._folder / name


def _iterate(chunks: list[Path], after: int) -> Iterator[LogLine]:
    # A chunk that ends before the wanted line, gap behind it included, is not read at all.
    needed = [
        chunk
        for chunk, following in itertools.zip_longest(chunks, chunks[1:])
        if following is None or _first_id(following) - 1 > after
    ]
    expected = _first_id(needed[0]) if needed else 1
    for chunk in needed:
        first = _first_id(chunk)
        if first > expected and first - 1 > after:
            yield LogLine(id=first - 1, text=f"… {first - expected} lines were dropped here: the log was too long …")
        expected = first
        for body in _read_whole_lines(chunk):
            if expected > after:
                yield LogLine(id=expected, text=body.decode(errors="replace"))
            expected += 1


def _read_whole_lines(chunk: Path) -> Iterator[bytes]:
    try:
        with chunk.open("rb") as file:
            # A line without its end is being written, or was cut by a crash: its id is not given out yet.
            yield from (line[:-1] for line in file if line.endswith(b"\n"))
    except FileNotFoundError:
        return  # dropped by the writer meanwhile


def _list_chunks(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.chunk"))


def _first_id(chunk: Path) -> int:
    return int(chunk.stem)


def _find_last_id(chunks: list[Path]) -> int:
    return _first_id(chunks[-1]) + sum(1 for _ in _read_whole_lines(chunks[-1])) - 1 if chunks else 0


def _close_cut_line(chunk: Path) -> None:
    # A crash may have cut the last line. Close it, so that the next line does not grow into it.
    with chunk.open("r+b") as file:
        size_bytes = file.seek(0, io.SEEK_END)
        if size_bytes > 0:
            file.seek(size_bytes - 1)
            if file.read() != b"\n":
                file.write(b"\n")
