"""The files of a container build, laid out as a folder or as a tar stream: exactly those of the value, nothing else.

Files belong to root, carry one time, and links are written as they are. A folder is laid out with links last, so that
no file is ever written through one.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from hublish.core.container import ContainerBuild, ContextFile
from hublish.core.ports import Source
from hublish.core.source import FileMode
from hublish.errors import SourceInvalid, clip

_CHUNK_BYTES = 1 << 20
_FOLDER_MODE = 0o755
_BLOCK_BYTES = 512


def write_context(build: ContainerBuild, source: Source, folder: Path, *, verify_running: Callable[[], None]) -> None:
    """Write the context into a new folder.

    Args:
        build: names the files.
        source: has their bytes.
        folder: is made.
        verify_running: raises when the build is to stop; asked before each file.

    Raises:
        SourceInvalid: a path of the context needs another one to be a file and a folder at once.
    """
    seconds = _find_seconds(build)
    folder.mkdir()
    try:
        for path in build.folders:
            (folder / path).mkdir(parents=True, exist_ok=True)
        for file in sorted(build.files, key=lambda file: file.link is not None):
            verify_running()
            _write_file(file, source, folder / file.path)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as exc:
        raise SourceInvalid(f"the context has files and folders of one name: {clip(str(exc.filename))}") from exc
    for place, names, files in os.walk(folder, topdown=False):
        for name in (*names, *files):
            os.utime(Path(place) / name, (seconds, seconds), follow_symlinks=False)


def _write_file(file: ContextFile, source: Source, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if file.link is not None:
        path.symlink_to(file.link)
        return
    with source.open(file.source or file.path) as body, path.open("xb") as stream:
        shutil.copyfileobj(body, stream, _CHUNK_BYTES)
    path.chmod(int(file.mode.value, 8))


def stream_context(build: ContainerBuild, source: Source, *, dockerfile: str) -> Iterator[bytes]:
    """Render the context as a tar stream, piece by piece.

    Args:
        build: names the files.
        source: has their bytes.
        dockerfile: name that the Dockerfile gets in the stream; must be that of no file.

    Raises:
        SourceInvalid: a file has other bytes than the tree says.
    """
    seconds = _find_seconds(build)
    text = build.dockerfile_text.encode()
    yield from _render_member(dockerfile, seconds, kind=tarfile.REGTYPE, size_bytes=len(text))
    yield text + bytes(-len(text) % _BLOCK_BYTES)
    for path in build.folders:
        yield from _render_member(path, seconds, kind=tarfile.DIRTYPE, mode=_FOLDER_MODE)
    sizes = {file.path: file.size_bytes for file in source.tree.files}
    for file in build.files:
        if file.link is not None:
            yield from _render_member(file.path, seconds, kind=tarfile.SYMTYPE, mode=0o777, link=file.link)
            continue
        path = file.source or file.path
        size_bytes = sizes[path]
        mode = 0o755 if file.mode is FileMode.EXECUTABLE else 0o644
        yield from _render_member(file.path, seconds, kind=tarfile.REGTYPE, mode=mode, size_bytes=size_bytes)
        yield from _read_exactly(source, path, size_bytes=size_bytes)
        yield bytes(-size_bytes % _BLOCK_BYTES)
    yield bytes(2 * _BLOCK_BYTES)


def _read_exactly(source: Source, path: str, *, size_bytes: int) -> Iterator[bytes]:
    left_bytes = size_bytes
    with source.open(path) as body:
        while piece := body.read(_CHUNK_BYTES):
            left_bytes -= len(piece)
            if left_bytes < 0:
                break
            yield piece
    if left_bytes:
        raise SourceInvalid(f"{clip(path)}: expected {size_bytes} bytes, the file held another number")


def _render_member(
    path: str, seconds: int, *, kind: bytes, mode: int = 0o644, size_bytes: int = 0, link: str = ""
) -> Iterator[bytes]:
    member = tarfile.TarInfo(path)
    member.type, member.mode, member.size, member.mtime, member.linkname = kind, mode, size_bytes, seconds, link
    yield member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _find_seconds(build: ContainerBuild) -> int:
    return int(datetime.fromisoformat(build.created_at).timestamp())


def open_stream(pieces: Iterator[bytes]) -> io.BufferedReader:
    """A file object over pieces, for clients that read."""
    return io.BufferedReader(_PieceReader(pieces), _CHUNK_BYTES)


class _PieceReader(io.RawIOBase):
    """Reads an iterator of pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]  # typeshed has no name for a writable buffer in 3.11
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
