"""Cancelled runs in the database. One statement looks at a run and decides, so that no run is stopped and delivered."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hublish.adapters.store.schema import insert_selected, render_time, run_cancels, runs
from hublish.core.cancels import STOPPABLE, Cancel


class CancelStore:
    """`hublish.core.cancels.CancelRecords` on a database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def request_cancel(self, cancel: Cancel, *, at: datetime) -> bool:
        """Say that a run is to stop, unless it was said before; False when it is too late for that."""
        # SQLite takes its lock at a write and not at a SELECT before it, so that both have to be one statement; on
        # PostgreSQL the row is locked by it, and a move that is under way is waited for.
        stoppable = (
            sa.select(
                runs.c.id.label("run_id"),
                sa.literal(cancel.by).label("by_run"),
                sa.literal(cancel.actor).label("actor"),
                sa.literal(render_time(at)).label("requested_at"),
            )
            .where(runs.c.id == cancel.run_id, runs.c.state.in_([state.value for state in STOPPABLE]))
            .with_for_update()
        )
        known = sa.select(run_cancels.c.run_id).where(run_cancels.c.run_id == cancel.run_id)
        with self._engine.begin() as connection:
            if connection.execute(insert_selected(self._engine, run_cancels, stoppable)).rowcount == 1:
                return True
            return connection.execute(known).first() is not None

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
