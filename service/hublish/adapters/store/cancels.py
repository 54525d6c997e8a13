"""Cancelled runs in the database. A run's row is locked while it is decided, so that no run is stopped and delivered."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hublish.adapters.store.schema import insert_ignore, render_time, run_cancels, runs
from hublish.core.cancels import STOPPABLE, Cancel
from hublish.core.status import RunState


class CancelStore:
    """`hublish.core.cancels.CancelRecords` on a database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def request_cancel(self, cancel: Cancel, *, at: datetime) -> bool:
        """Say that a run is to stop, unless it was said before; False when it is too late for that."""
        insert = insert_ignore(
            self._engine,
            run_cancels,
            run_id=cancel.run_id,
            by_run=cancel.by,
            actor=cancel.actor,
            requested_at=render_time(at),
        )
        known = sa.select(run_cancels.c.run_id).where(run_cancels.c.run_id == cancel.run_id)
        state = sa.select(runs.c.state).where(runs.c.id == cancel.run_id).with_for_update()
        with self._engine.begin() as connection:
            row = connection.execute(state).first()
            if connection.execute(known).first() is not None:
                return True
            if row is None or RunState(row.state) not in STOPPABLE:
                return False
            connection.execute(insert)
            return True

    def find_cancel(self, run_id: str) -> Cancel | None:
        """Who stops a run; None when nobody does."""
        found = self._read(run_cancels.c.run_id == run_id)
        return found[0] if found else None

    def list_cancels(self, by: str) -> tuple[Cancel, ...]:
        """The runs that the command of a run stops, in the order it was said."""
        return self._read(run_cancels.c.by_run == by)

    def _read(self, condition: sa.ColumnElement[bool]) -> tuple[Cancel, ...]:
        query = sa.select(run_cancels).where(condition).order_by(run_cancels.c.seq)
        with self._engine.connect() as connection:
            return tuple(Cancel(run_id=row.run_id, by=row.by_run, actor=row.actor) for row in connection.execute(query))
