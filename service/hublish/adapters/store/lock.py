"""One holder at a time for a name, among all threads and processes that share the database.

A lock ends with its holder, however that ends: PostgreSQL frees an advisory lock with its session, the system a file's lock
with its process. Nothing is written that could be left behind.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import sqlalchemy as sa

from hublish.errors import DatabaseFailed, clip

LONGEST_WAIT_SECONDS = 120.0
_POLL_SECONDS = 0.1
_MEMORY = threading.Lock()


@contextmanager
def hold(engine: sa.Engine, name: str, *, longest_wait_seconds: float = LONGEST_WAIT_SECONDS) -> Iterator[None]:
    """Hold `name` for the block.

    Args:
        engine: the database whose users exclude each other.
        name: what is held.
        longest_wait_seconds: for another holder to end.

    Raises:
        DatabaseFailed: another holder did not end in time; transient.
    """
    ends_at = time.monotonic() + longest_wait_seconds
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
            time.sleep(_POLL_SECONDS)
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
    # In no transaction: one that stays open for minutes would keep the database from cleaning up.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        taken = False

        def try_lock() -> bool:
            nonlocal taken
            taken = bool(connection.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar_one())
            return taken

        try:
            yield try_lock
        finally:
            if taken:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))


@contextmanager
def _open_file_lock(folder: Path, key: bytes) -> Iterator[Callable[[], bool]]:
    # At most 256 files, which stay: removing one would let a waiting process lock what nobody else sees.
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
        descriptor = os.open(folder / key[:1].hex(), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DatabaseFailed(f"{folder} cannot be written: {error.strerror}", hint="check its mode and room") from error

    def try_lock() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
