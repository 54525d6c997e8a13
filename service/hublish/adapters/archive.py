"""Build logs on disk: append-only, every line with an id, at most a fixed size; the middle goes first.

A log is a folder: `head.log` keeps the first lines for ever; later lines go to numbered chunks, of which the oldest
are dropped when the log grows over its limit. A chunk's name holds the id of its first line, so ids never shift and a
reader sees exactly which lines are missing. The id of a line is its 1-based number in the whole log.
"""

from __future__ import annotations

import errno
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from hublish.core.logs import LogLine
from hublish.core.redact import redact
from hublish.errors import DiskFull

LOG_LIMIT_BYTES = 256 << 20
LINE_LIMIT_CHARACTERS = 4096
_CHUNK_BYTES = 8 << 20
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,120}")
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


def clean_line(line: str) -> str:
    """Make a line safe to store and show: no escapes or controls, no secrets, at most 4,096 characters."""
    text = _ESCAPE.sub("", line[: LINE_LIMIT_CHARACTERS * 4])
    text = "".join(character if character.isprintable() or character == "\t" else "" for character in text)
    text = redact(text)
    return text if len(text) <= LINE_LIMIT_CHARACTERS else text[: LINE_LIMIT_CHARACTERS - 1] + "…"


class DiskLog:
    """One log that is being written; `hublish.core.ports.BuildLog`. One writer at a time, many readers."""

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._next_id: int | None = None

    def append(self, line: str) -> None:
        """Store one line.

        Raises:
            DiskFull: no space left.
        """
        stamp = datetime.now(UTC).strftime("%H:%M:%S")
        body = f"{stamp} {clean_line(line)}\n".encode()
        with self._lock:
            try:
                self._write(body)
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise DiskFull(
                        "no space left for the build's log", hint="free space where `data` points"
                    ) from error
                raise

    def _write(self, body: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._next_id is None:
            _close_cut_line(self._folder)
            self._next_id = _last_id(self._folder) + 1
        with self._target(len(body)).open("ab") as file:
            file.write(body)
        self._next_id += 1

    def _target(self, size: int) -> Path:
        head = self._folder / "head.log"
        half = self._limit_bytes // 2
        chunks = _chunks(self._folder)
        if not chunks and (not head.exists() or head.stat().st_size + size <= half):
            return head
        chunk_bytes = min(_CHUNK_BYTES, max(1, half // 4))
        if chunks and chunks[-1].stat().st_size + size <= chunk_bytes:
            return chunks[-1]
        while sum(chunk.stat().st_size for chunk in chunks) + chunk_bytes > half and chunks:
            chunks.pop(0).unlink(missing_ok=True)
        return self._folder / f"{self._next_id:012d}.chunk"


class DiskArchive:
    """All logs under one folder."""

    def __init__(self, folder: Path, *, limit_bytes: int = LOG_LIMIT_BYTES) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes

    def open_log(self, name: str) -> DiskLog:
        """Open the log of a build for writing; it goes on where it ended.

        Raises:
            ValueError: `name` is not made of lower-case letters, digits and dashes.
        """
        return DiskLog(self._at(name), limit_bytes=self._limit_bytes)

    def read_lines(self, name: str, *, after: int = 0, limit: int = 10_000) -> tuple[LogLine, ...]:
        """Lines with an id over `after`, oldest first; where lines were dropped a remark stands in their place."""
        lines: list[LogLine] = []
        for line in self._iterate(name, after):
            lines.append(line)
            if len(lines) >= limit:
                break
        return tuple(lines)

    def read_tail(self, name: str, *, limit: int = 20) -> tuple[str, ...]:
        """The last lines of a log, oldest first."""
        folder = self._at(name)
        last = _last_id(folder)
        return tuple(line.text for line in self.read_lines(name, after=max(0, last - limit)))[-limit:]

    def _iterate(self, name: str, after: int) -> Iterator[LogLine]:
        folder = self._at(name)
        expected = 1
        for first, path in [(1, folder / "head.log"), *((int(chunk.stem), chunk) for chunk in _chunks(folder))]:
            if not path.exists():
                continue
            if first > expected and first > after:
                yield LogLine(
                    id=first - 1, text=f"… {first - expected} lines were dropped here: the log was too long …"
                )
            expected = first
            with path.open("rb") as file:
                for body in file:
                    if not body.endswith(b"\n"):
                        return  # a line that is being written, or was cut by a crash; its id is not given out yet
                    if expected > after:
                        yield LogLine(id=expected, text=body[:-1].decode(errors="replace"))
                    expected += 1

    def _at(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"no name of a log: {name!r}")
        return self._folder / name


def _chunks(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.chunk"))


def _last_file(folder: Path) -> tuple[int, Path]:
    chunks = _chunks(folder)
    return (int(chunks[-1].stem), chunks[-1]) if chunks else (1, folder / "head.log")


def _last_id(folder: Path) -> int:
    first, path = _last_file(folder)
    return first + path.read_bytes().count(b"\n") - 1 if path.exists() else 0


def _close_cut_line(folder: Path) -> None:
    # A crash may have cut the last line. Close it, so that the next line does not grow into it.
    _, path = _last_file(folder)
    if path.exists() and path.read_bytes()[-1:] not in (b"", b"\n"):
        with path.open("ab") as file:
            file.write(b"\n")
