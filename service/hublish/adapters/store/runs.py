"""Runs in the database."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from hublish.adapters.store.schema import insert_ignore, parse_time, render_time, runs
from hublish.core.records import Run
from hublish.core.status import ENDED, RunState, verify_move
from hublish.errors import TransitionInvalid


class RunStore:
    """`hublish.core.records.RunRecords` on a database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def ensure_run(self, run: Run) -> Run:
        """Store a run unless one with its key and attempt exists; returns the stored one."""
        insert = insert_ignore(
            self._engine,
            runs,
            id=run.id,
            key=run.key,
            attempt=run.attempt,
            state=run.state.value,
            repository=run.repository,
            ref=run.ref,
            actor=run.actor,
            sha=run.sha,
            trigger=run.trigger,
            message=run.message,
            created_at=render_time(run.created_at),
        )
        query = sa.select(runs).where(runs.c.key == run.key, runs.c.attempt == run.attempt)
        with self._engine.begin() as connection:
            connection.execute(insert)
            return _make_run(connection.execute(query).one())

    def find_latest_run(self, key: str) -> Run | None:
        """The last attempt for a semantic key."""
        return self._first(sa.select(runs).where(runs.c.key == key).order_by(runs.c.attempt.desc()).limit(1))

    def read_run(self, run_id: str) -> Run | None:
        """A run by its id."""
        return self._first(sa.select(runs).where(runs.c.id == run_id))

    def move_run(
        self, run_id: str, state: RunState, *, at: datetime, sha: str | None = None, message: str | None = None
    ) -> None:
        """Move a run on; `TransitionInvalid` when the table of states has no such move."""
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(runs.c.state).where(runs.c.id == run_id)).first()
            if row is None:
                raise TransitionInvalid(f"there is no run {run_id}")
            verify_move(RunState(row.state), state)
            values: dict[str, object] = {"state": state.value}
            if sha is not None:
                values["sha"] = sha
            if message is not None:
                values["message"] = message
            if state.ended and not RunState(row.state).ended:
                values["ended_at"] = render_time(at)
            connection.execute(runs.update().where(runs.c.id == run_id).values(**values))

    def list_runs(self, limit: int) -> tuple[Run, ...]:
        """The newest runs first."""
        return self._all(sa.select(runs).order_by(runs.c.seq.desc()).limit(limit))

    def list_repository_runs(
        self, repo_id: int, *, limit: int, states: Collection[RunState] | None = None
    ) -> tuple[Run, ...]:
        """The newest runs of a source repository first, under whatever name it had; `states` None means all of them."""
        own = sa.select(runs).where(runs.c.key.startswith(f"{repo_id}:", autoescape=True))
        if states is not None:
            own = own.where(runs.c.state.in_([state.value for state in states]))
        return self._all(own.order_by(runs.c.seq.desc()).limit(limit))

    def list_named_runs(self, full_name: str, *, limit: int) -> tuple[Run, ...]:
        """The newest runs first of the repository that had this name when they began; GitHub's names have no case."""
        named = sa.select(runs).where(sa.func.lower(runs.c.repository) == full_name.lower())
        return self._all(named.order_by(runs.c.seq.desc()).limit(limit))

    def list_last_deliveries(self) -> tuple[Run, ...]:
        """The newest delivered run under each name that a repository had, sorted by that name."""
        delivered = sa.select(sa.func.max(runs.c.seq)).where(runs.c.state == RunState.DELIVERED.value)
        last = self._all(sa.select(runs).where(runs.c.seq.in_(delivered.group_by(runs.c.repository))))
        # Not by the database, whose order of names depends on how it was set up.
        return tuple(sorted(last, key=lambda run: run.repository))

    def list_open_runs(self) -> tuple[Run, ...]:
        """Runs that have not ended, oldest first: after a crash their workflow may have to be started."""
        ended = [state.value for state in ENDED]
        return self._all(sa.select(runs).where(runs.c.state.not_in(ended)).order_by(runs.c.seq))

    def _first(self, query: sa.Select[tuple[object, ...]]) -> Run | None:
        found = self._all(query)
        return found[0] if found else None

    def _all(self, query: sa.Select[tuple[object, ...]]) -> tuple[Run, ...]:
        with self._engine.connect() as connection:
            return tuple(_make_run(row) for row in connection.execute(query))


def _make_run(row: sa.Row[tuple[object, ...]]) -> Run:
    return Run(
        id=row.id,
        key=row.key,
        attempt=row.attempt,
        state=RunState(row.state),
        repository=row.repository,
        ref=row.ref,
        actor=row.actor,
        sha=row.sha,
        trigger=row.trigger,
        message=row.message,
        created_at=parse_time(row.created_at),
        ended_at=None if row.ended_at is None else parse_time(row.ended_at),
    )
