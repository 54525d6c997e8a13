"""Replicas in the database: a row says who joined, a lock says who lives. The lock ends with its process, however that ends.

On PostgreSQL it is an advisory lock of a session of its own, on SQLite one lock on a file: that database belongs to one
process. A row whose lock is free is a replica that died.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from hublish.adapters.store.schema import insert_ignore, parse_time, render_time, replicas
from hublish.core.codec import parse_value, render_value
from hublish.core.queue import Room
from hublish.core.queue_records import Replica
from hublish.errors import DatabaseFailed, clip

JOIN_SECONDS = 10.0
"""How long a start waits for the process before it to end, as in a restart; then somebody else is there to stay."""
_POLL_SECONDS = 0.2
_KEEPALIVE = ("tcp_keepalives_idle = 5", "tcp_keepalives_interval = 2", "tcp_keepalives_count = 3")
"""A machine that is gone sends no goodbye: the server asks its session, and frees the lock after some ten seconds."""


class _Lock(Protocol):
    def take(self) -> bool:
        """Take it, or see that it is still held here."""

    def release(self) -> None:
        """Give it back."""


class ReplicaStore:
    """`hublish.core.queue_records.ReplicaRecords` on a database."""

    def __init__(self, engine: sa.Engine, replica: str) -> None:
        """Nothing is taken here.

        Args:
            engine: the database that all replicas share.
            replica: the name of this one.
        """
        self._engine = engine
        self._replica = replica
        self._lock = self._make_lock(replica)

    def join(self, rooms: tuple[Room, ...], *, at: datetime) -> None:
        """Take this replica's place.

        Raises:
            DatabaseFailed: another process holds it and does not end.
        """
        ends_at = time.monotonic() + JOIN_SECONDS
        while not self._lock.take():
            if time.monotonic() > ends_at:
                raise self._explain_taken()
            time.sleep(_POLL_SECONDS)
        values = {"rooms": render_value(rooms, tuple[Room, ...]), "started_at": render_time(at)}
        insert = insert_ignore(self._engine, replicas, id=self._replica, seen_at=render_time(at), **values)
        update = replicas.update().where(replicas.c.id == self._replica).values(seen_at=render_time(at), **values)
        with self._engine.begin() as connection:
            if connection.execute(insert).rowcount != 1:
                connection.execute(update)

    def keep(self, *, at: datetime) -> bool:
        """Say that this replica lives; False while its place is lost."""
        if not self._lock.take():
            return False
        update = replicas.update().where(replicas.c.id == self._replica).values(seen_at=render_time(at))
        with self._engine.begin() as connection:
            return connection.execute(update).rowcount == 1

    def list_replicas(self) -> tuple[Replica, ...]:
        """All replicas that joined and were not found dead, by name."""
        with self._engine.connect() as connection:
            return tuple(
                Replica(
                    id=row.id,
                    rooms=parse_value(tuple[Room, ...], row.rooms),
                    started_at=parse_time(row.started_at),
                    seen_at=parse_time(row.seen_at),
                )
                for row in connection.execute(sa.select(replicas).order_by(replicas.c.id))
            )

    @contextmanager
    def hold_dead(self, replica: str) -> Iterator[bool]:
        """True for the block when that replica is dead and nobody else is taking over from it."""
        if replica == self._replica:
            yield False
            return
        if self._engine.dialect.name != "postgresql":
            yield True  # all of this database is ours: whoever else joined it is gone
            return
        lock = self._make_lock(replica)
        dead = lock.take()
        try:
            yield dead
        finally:
            lock.release()

    @contextmanager
    def hold_duty(self, name: str) -> Iterator[bool]:
        """True for the block when no other replica does the same just now."""
        if self._engine.dialect.name != "postgresql":
            yield True
            return
        lock = _SessionLock(self._engine, f"duty {name}")
        free = lock.take()
        try:
            yield free
        finally:
            lock.release()

    def forget(self, replica: str) -> None:
        """Take a dead replica off the list."""
        with self._engine.begin() as connection:
            connection.execute(replicas.delete().where(replicas.c.id == replica))

    def release(self) -> None:
        """Give this replica's place back; its row stays for whoever takes over."""
        self._lock.release()

    def _make_lock(self, replica: str) -> _Lock:
        if self._engine.dialect.name == "postgresql":
            return _SessionLock(self._engine, f"replica {replica}")
        return _FileLock(self._engine.url.database)

    def _explain_taken(self) -> DatabaseFailed:
        if self._engine.dialect.name == "postgresql":
            return DatabaseFailed(
                f"another process runs as the replica {clip(self._replica)}",
                hint="stop it, or give each replica an `executor_id` of its own",
            )
        return DatabaseFailed(
            f"another process uses {self._engine.url.database}",
            hint="stop it; several replicas need `database: postgresql://...`, as SQLite serves one process",
        )


class _SessionLock:
    """An advisory lock on a connection of its own, which is opened anew when it broke."""

    def __init__(self, engine: sa.Engine, name: str) -> None:
        self._engine = engine
        self._key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
        self._connection: sa.Connection | None = None

    def take(self) -> bool:
        if self._connection is not None:
            try:
                self._connection.execute(sa.select(1))
            except DatabaseFailed:
                self.release()
            else:
                return True
        # In no transaction: one that stays open for ever would keep the database from cleaning up.
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            for setting in _KEEPALIVE:
                connection.execute(sa.text(f"SET {setting}"))
            taken = bool(connection.execute(sa.select(sa.func.pg_try_advisory_lock(self._key))).scalar_one())
        except DatabaseFailed:
            connection.invalidate()
            connection.close()
            raise
        if taken:
            self._connection = connection
        else:
            connection.close()
        return taken

    def release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(DatabaseFailed):
                if not connection.invalidated:
                    # Given back by word, as PostgreSQL takes a moment to notice that a session has ended.
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(self._key)))
            with suppress(DatabaseFailed):
                # The lock ends with the session; back in the pool the session would go on, and the lock with it.
                connection.invalidate()
            connection.close()


class _FileLock:
    """A lock on a file beside SQLite's; none for a database in memory, which no other process sees."""

    def __init__(self, database: str | None) -> None:
        self._path = None if database in (None, "", ":memory:") else Path(f"{database}-replica")
        self._descriptor: int | None = None

    def take(self) -> bool:
        if self._path is None or self._descriptor is not None:
            return True
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DatabaseFailed(f"{self._path} cannot be written: {error.strerror}", hint="check its mode") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
