"""The history of runs in the database: steps by name, images that were decided on, and the builds a run waits for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from hublish.adapters.store.schema import (
    insert_ignore,
    lock_build,
    parse_time,
    render_time,
    run_builds,
    run_steps,
    run_titles,
)
from hublish.core.records import RunStep

_RUNNING = "running"


class StepStore:
    """`hublish.core.records.StepRecords` on a database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def ensure_step(self, run_id: str, name: str, *, state: str, detail: str, at: datetime) -> None:
        """Create or update a step of a run by its name; the first call sets its start, an ended state its end."""
        ended_at = None if state == _RUNNING else render_time(at)
        insert = insert_ignore(
            self._engine,
            run_steps,
            run_id=run_id,
            name=name,
            state=state,
            detail=detail,
            started_at=render_time(at),
            ended_at=ended_at,
        )
        update = (
            run_steps.update()
            .where(run_steps.c.run_id == run_id, run_steps.c.name == name)
            .values(state=state, detail=detail, ended_at=ended_at)
        )
        with self._engine.begin() as connection:
            if connection.execute(insert).rowcount != 1:
                connection.execute(update)

    def list_steps(self, run_id: str) -> tuple[RunStep, ...]:
        """A run's steps in the order they began."""
        query = sa.select(run_steps).where(run_steps.c.run_id == run_id).order_by(run_steps.c.seq)
        with self._engine.connect() as connection:
            return tuple(
                RunStep(
                    name=row.name,
                    state=row.state,
                    detail=row.detail,
                    started_at=parse_time(row.started_at),
                    ended_at=None if row.ended_at is None else parse_time(row.ended_at),
                )
                for row in connection.execute(query)
            )

    def ensure_titles(self, run_id: str, titles: Sequence[str]) -> None:
        """Record images that a run was decided to build; those that are known stay."""
        with self._engine.begin() as connection:
            for title in titles:
                connection.execute(insert_ignore(self._engine, run_titles, run_id=run_id, title=title))

    def list_titles(self, run_id: str) -> tuple[str, ...]:
        """Images that a run was decided to build, by name; empty when nothing was decided."""
        query = sa.select(run_titles.c.title).where(run_titles.c.run_id == run_id).order_by(run_titles.c.title)
        with self._engine.connect() as connection:
            return tuple(connection.execute(query).scalars())

    def ensure_link(self, run_id: str, build_name: str, image: str) -> None:
        """Record that a run waits for a build; a later build of the same image takes the earlier one's place."""
        insert = insert_ignore(self._engine, run_builds, run_id=run_id, build_name=build_name, image=image)
        update = (
            run_builds.update()
            .where(run_builds.c.run_id == run_id, run_builds.c.image == image)
            .values(build_name=build_name)
        )
        with self._engine.begin() as connection:
            connection.execute(lock_build(build_name)).first()
            if connection.execute(insert).rowcount != 1:
                connection.execute(update)

    def list_links(self, run_id: str) -> tuple[tuple[str, str], ...]:
        """`(build name, image)` of a run, in order."""
        query = sa.select(run_builds).where(run_builds.c.run_id == run_id).order_by(run_builds.c.seq)
        with self._engine.connect() as connection:
            return tuple((row.build_name, row.image) for row in connection.execute(query))
