"""Followed tags of bases in the database."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hublish.adapters.store.schema import base_watches, insert_ignore, parse_time, render_time
from hublish.core.basewatch import BaseWatch


class BaseWatchStore:
    """`hublish.core.basewatch.BaseWatchRecords` on a database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def read_watch(self, name: str) -> BaseWatch | None:
        """A followed tag; None when it was never looked at."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(base_watches).where(base_watches.c.name == name)).first()
        if row is None:
            return None
        return _make_watch(row)

    def list_due_watches(self, at: datetime) -> tuple[BaseWatch, ...]:
        """Followed tags whose next look is due, in no order."""
        due = sa.select(base_watches).where(base_watches.c.next_look_at <= render_time(at))
        with self._engine.connect() as connection:
            return tuple(_make_watch(row) for row in connection.execute(due))

    def store_watch(self, watch: BaseWatch) -> None:
        """Remember a look."""
        values = {"digest": watch.digest, "next_look_at": render_time(watch.next_look_at)}
        with self._engine.begin() as connection:
            if connection.execute(insert_ignore(self._engine, base_watches, name=watch.name, **values)).rowcount != 1:
                connection.execute(base_watches.update().where(base_watches.c.name == watch.name).values(**values))


def _make_watch(row: sa.Row[tuple[object, ...]]) -> BaseWatch:
    return BaseWatch(name=row.name, digest=row.digest, next_look_at=parse_time(row.next_look_at))
