"""One holder at a time for a name, among all threads and processes that share the database.

A lock ends with its holder, however that ends: PostgreSQL frees an advisory lock with its session, the system a file's lock
with its process. Nothing is written that could be left behind.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import sqlalchemy as sa

from hublish.errors import DatabaseFailed, clip

LONGEST_WAIT_SECONDS = 120.0
_POLL_SECONDS = 0.1
_SLOWER_AFTER_SECONDS = 10.0
_SLOW_POLL_SECONDS = 1.0
_MEMORY = threading.Lock()


@contextmanager
def hold(
    engine: sa.Engine,
    name: str,
    *,
    longest_wait_seconds: float = LONGEST_WAIT_SECONDS,
    verify_running: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Hold `name` for the block.

    Args:
        engine: the database whose users exclude each other.
        name: what is held.
        longest_wait_seconds: for another holder to end.
        verify_running: asked while it waits; raises when it is to stop.

    Raises:
        DatabaseFailed: another holder did not end in time; transient.
    """
    began_at = time.monotonic()
    ends_at, slower_at = began_at + longest_wait_seconds, began_at + _SLOWER_AFTER_SECONDS
    key = hashlib.sha256(name.encode()).digest()
    waiting = DatabaseFailed(
        f"{clip(name)} is held by another run",
        hint="It is tried again; if it stays, look for a run that hangs.",
        transient=True,
    )
    with _open_lock(engine, key) as try_lock:
        while not try_lock():
            if time.monotonic() > ends_at:
                raise waiting
            verify_running()
            time.sleep(_POLL_SECONDS if time.monotonic() < slower_at else _SLOW_POLL_SECONDS)
        yield


def _open_lock(engine: sa.Engine, key: bytes) -> AbstractContextManager[Callable[[], bool]]:
    """Gives what tries to take the lock; the end of the block gives it back."""
    if engine.dialect.name == "postgresql":
        return _open_advisory_lock(engine, int.from_bytes(key[:8], signed=True))
    if engine.url.database in (None, "", ":memory:"):
        return _open_memory_lock()
    return _open_file_lock(Path(f"{engine.url.database}-locks"), key)


@contextmanager
def _open_advisory_lock(engine: sa.Engine, key: int) -> Iterator[Callable[[], bool]]:
    # In no transaction: one that stays open for minutes would keep the database from cleaning up. And only the holder keeps
    # a connection, which the pool makes up for: many may wait or hold for long, and the pool is small.
    holding: sa.Connection | None = None

    def try_lock() -> bool:
        nonlocal holding
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            if connection.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar_one():
                connection.detach()
                holding = connection
        finally:
            if holding is None:
                connection.close()
        return holding is not None

    try:
        yield try_lock
    finally:
        if holding is not None:
            with holding as connection:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))


@contextmanager
def _open_file_lock(folder: Path, key: bytes) -> Iterator[Callable[[], bool]]:
    # One file, which stays empty, and a byte of it for each name, so that no name waits for another. A lock of the open file
    # (F_OFD_SETLK), as those of a process would not keep its threads apart and end with the first one that closes the file.
    wanted = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, int.from_bytes(key[:8]) >> 2, 1, 0)
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
        descriptor = os.open(folder / "names", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseFailed(f"{folder} cannot be written: {error.strerror}", hint="check its mode and room") from error

    def try_lock() -> bool:
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wanted)
        except BlockingIOError:
            return False
        return True

    try:
        yield try_lock
    finally:
        os.close(descriptor)


@contextmanager
def _open_memory_lock() -> Iterator[Callable[[], bool]]:
    taken = False

    def try_lock() -> bool:
        nonlocal taken
        taken = _MEMORY.acquire(blocking=False)
        return taken

    try:
        yield try_lock
    finally:
        if taken:
            _MEMORY.release()
