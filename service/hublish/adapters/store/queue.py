"""The queue in the database: tickets, the round that is served, durations. Who decides is alone with them.

PostgreSQL's advisory lock of a transaction keeps the replicas apart, a lock of the process its threads; SQLite belongs to
one process. A slot is a row: it is taken in the transaction that decided, and stays until somebody says that it is free.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa

from hublish.adapters.store.schema import (
    build_queue,
    build_times,
    builds,
    insert_ignore,
    metadata,
    parse_time,
    queue_rounds,
    render_time,
)
from hublish.core.needs import Need
from hublish.core.queue import BuildTime, QueueLimits, Room, Ticket, choose_starts, find_refusal, make_turn

DECIDER_LOCK = 0x68756271756575
"""Number of the advisory lock that the decider holds."""
TIMES_KEPT = 20
"""Durations of a repository and strategy: its locks change, and with them the time; older ones say little."""
TIMES_READ = 2000
_ROUNDS = 1

# Beside the queue, not a column of it: databases of earlier versions get a table that is missing, and no column.
build_needs = sa.Table(
    "build_needs",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("needs", sa.String(255), nullable=False),
)


class QueueStore:
    """`hublish.core.queue_records.QueueRecords` on a database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._deciding = threading.Lock()

    def enter(self, ticket: Ticket, *, limits: QueueLimits) -> str | None:
        """Let a build wait; returns why it may not, None when it does (or did, or has ended)."""
        open_build = sa.select(builds.c.name).where(builds.c.name == ticket.name, builds.c.outcome.is_(None))
        with self._decide() as connection:
            tickets = _read_tickets(connection)
            if any(other.name == ticket.name for other in tickets):
                return None
            if not ticket.is_base and connection.execute(open_build).first() is None:
                return None
            refusal = find_refusal(ticket.owner, tickets, limits)
            if refusal is None:
                self._add(connection, ticket, make_turn(ticket.owner, tickets, served=_read_served(connection)))
            return refusal

    def _add(self, connection: sa.Connection, ticket: Ticket, turn: int) -> None:
        connection.execute(
            build_queue.insert().values(
                name=ticket.name,
                owner=ticket.owner,
                repo_id=ticket.repo_id,
                strategy=ticket.strategy,
                fork=ticket.fork,
                turn=turn,
                replica=ticket.replica,
                entered_at=render_time(ticket.entered_at),
            )
        )
        if ticket.needs:
            # A replica of an earlier version takes the ticket away and leaves this; a build of that name needs the same.
            needs = " ".join(need.value for need in ticket.needs)
            connection.execute(insert_ignore(self._engine, build_needs, name=ticket.name, needs=needs))

    def admit(self, *, limits: QueueLimits, rooms: Sequence[Room], at: datetime) -> tuple[Ticket, ...]:
        """Give slots to waiting builds; returns those that got one, in order."""
        waits = sa.select(build_queue.c.name).where(build_queue.c.started_at.is_(None)).limit(1)
        with self._engine.connect() as connection:
            if connection.execute(waits).first() is None:
                return ()
        with self._decide() as connection:
            tickets = _read_tickets(connection)
            waiting = [ticket for ticket in tickets if ticket.started_at is None]
            running = [ticket for ticket in tickets if ticket.started_at is not None]
            starts = choose_starts(waiting, running, limits=limits, rooms=rooms)
            for ticket in starts:
                self._start(connection, ticket, render_time(at))
            return starts

    def _start(self, connection: sa.Connection, ticket: Ticket, at: str) -> None:
        connection.execute(
            build_queue.update().where(build_queue.c.name == ticket.name).values(started_at=at, replica=ticket.replica)
        )
        connection.execute(builds.update().where(builds.c.name == ticket.name).values(started_at=at))
        connection.execute(insert_ignore(self._engine, queue_rounds, id=_ROUNDS, served=ticket.turn))
        connection.execute(queue_rounds.update().where(queue_rounds.c.served < ticket.turn).values(served=ticket.turn))

    def leave(self, name: str, *, time: BuildTime | None) -> None:
        """Free the slot of a build, and remember its time."""
        with self._engine.begin() as connection:
            connection.execute(build_queue.delete().where(build_queue.c.name == name))
            connection.execute(build_needs.delete().where(build_needs.c.name == name))
            if time is not None:
                self._remember(connection, name, time)

    def _remember(self, connection: sa.Connection, name: str, time: BuildTime) -> None:
        insert = insert_ignore(
            self._engine, build_times, name=name, repo_id=time.repo_id, strategy=time.strategy, seconds=time.seconds
        )
        connection.execute(insert)
        same = sa.and_(build_times.c.repo_id == time.repo_id, build_times.c.strategy == time.strategy)
        kept = sa.select(build_times.c.seq).where(same).order_by(build_times.c.seq.desc()).limit(TIMES_KEPT)
        connection.execute(build_times.delete().where(same, build_times.c.seq.not_in(kept)))

    def list_tickets(self) -> tuple[Ticket, ...]:
        """All tickets, those that run and those that wait."""
        with self._engine.connect() as connection:
            return _read_tickets(connection)

    def list_times(self) -> tuple[BuildTime, ...]:
        """The durations of recent builds."""
        query = sa.select(build_times).order_by(build_times.c.seq.desc()).limit(TIMES_READ)
        with self._engine.connect() as connection:
            return tuple(
                BuildTime(repo_id=row.repo_id, strategy=row.strategy, seconds=row.seconds)
                for row in connection.execute(query)
            )

    def move_tickets(self, names: Sequence[str], *, target: str) -> None:
        """Say that running builds run on another replica now."""
        running = sa.and_(build_queue.c.name.in_(names), build_queue.c.started_at.is_not(None))
        with self._decide() as connection:
            connection.execute(build_queue.update().where(running).values(replica=target))

    @contextmanager
    def _decide(self) -> Iterator[sa.Connection]:
        with self._deciding, self._engine.begin() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(DECIDER_LOCK)))
            yield connection


def _read_tickets(connection: sa.Connection) -> tuple[Ticket, ...]:
    joined = build_queue.outerjoin(build_needs, build_needs.c.name == build_queue.c.name)
    query = sa.select(build_queue, build_needs.c.needs).select_from(joined)
    query = query.order_by(build_queue.c.turn, build_queue.c.entered_at, build_queue.c.name)
    return tuple(
        Ticket(
            name=row.name,
            owner=row.owner,
            repo_id=row.repo_id,
            strategy=row.strategy,
            fork=row.fork,
            needs=tuple(Need(word) for word in (row.needs or "").split()),
            turn=row.turn,
            replica=row.replica,
            entered_at=parse_time(row.entered_at),
            started_at=None if row.started_at is None else parse_time(row.started_at),
        )
        for row in connection.execute(query)
    )


def _read_served(connection: sa.Connection) -> int:
    return connection.execute(sa.select(queue_rounds.c.served)).scalar() or 0
