"""Repositories that wait for their onboarding, in the database: what a crash interrupts stays due."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hublish.adapters.store.schema import insert_ignore, metadata, render_time
from hublish.core.onboarding.ports import Newcomer, NewcomerState

newcomer_rows = sa.Table(
    "newcomers",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("repo_id", sa.BigInteger, nullable=False, unique=True),
    sa.Column("installation_id", sa.BigInteger, nullable=False),
    sa.Column("full_name", sa.String(255), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    # When it may be looked at, then when that was done.
    sa.Column("at", sa.String(32), nullable=False),
    sa.Index("newcomers_by_state", "state", "at"),
)
_PER_TRANSACTION = 200


class NewcomerStore:
    """`hublish.core.onboarding.ports.NewcomerRecords` on a database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add_newcomers(self, newcomers: tuple[Newcomer, ...], *, at: datetime) -> int:
        """Let repositories wait; returns how many do so anew. One that this installation brought before stays as it is."""
        added = 0
        for start in range(0, len(newcomers), _PER_TRANSACTION):
            # In one order everywhere: two replicas that store the same list must not wait for each other.
            some = sorted(newcomers[start : start + _PER_TRANSACTION], key=lambda newcomer: newcomer.repo_id)
            with self._engine.begin() as connection:
                added += sum(self._add(connection, newcomer, render_time(at)) for newcomer in some)
        return added

    def _add(self, connection: sa.Connection, newcomer: Newcomer, at: str) -> int:
        values = {
            "installation_id": newcomer.installation_id,
            "full_name": newcomer.full_name,
            "state": NewcomerState.DUE.value,
            "at": at,
        }
        insert = insert_ignore(self._engine, newcomer_rows, repo_id=newcomer.repo_id, **values)
        if connection.execute(insert).rowcount == 1:
            return 1
        again = newcomer_rows.update().where(
            newcomer_rows.c.repo_id == newcomer.repo_id, newcomer_rows.c.installation_id != newcomer.installation_id
        )
        return connection.execute(again.values(**values, reason="", tries=0)).rowcount

    def find_due_newcomer(self, at: datetime) -> Newcomer | None:
        """The one that waits longest and may be looked at now."""
        query = (
            sa.select(newcomer_rows)
            .where(newcomer_rows.c.state == NewcomerState.DUE.value, newcomer_rows.c.at <= render_time(at))
            .order_by(newcomer_rows.c.at, newcomer_rows.c.seq)
            .limit(1)
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return Newcomer(
            repo_id=row.repo_id, installation_id=row.installation_id, full_name=row.full_name, tries=row.tries
        )

    def put_off_newcomer(self, repo_id: int, *, until: datetime) -> None:
        """Count a failed try, and let the repository wait until then."""
        self._update(repo_id, tries=newcomer_rows.c.tries + 1, at=render_time(until))

    def finish_newcomer(self, repo_id: int, state: NewcomerState, *, reason: str, at: datetime) -> None:
        """Say what became of a repository."""
        self._update(repo_id, state=state.value, reason=reason, at=render_time(at))

    def count_proposals(self, since: datetime) -> int:
        """Pull requests that were opened since then."""
        query = sa.select(sa.func.count()).where(
            newcomer_rows.c.state == NewcomerState.PROPOSED.value, newcomer_rows.c.at >= render_time(since)
        )
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def _update(self, repo_id: int, **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(newcomer_rows.update().where(newcomer_rows.c.repo_id == repo_id).values(**values))
