"""Builds in the database: one per key and attempt, shared by every run that wants it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from hublish.adapters.store.schema import (
    build_requests,
    builds,
    insert_ignore,
    lock_build,
    parse_time,
    render_time,
    run_builds,
    run_cancels,
    runs,
)
from hublish.core.building import BuildOutcome, BuildRequest, BuildSucceeded, Progress
from hublish.core.codec import parse_value, render_value
from hublish.core.records import Build
from hublish.core.reference import Reference
from hublish.core.status import ENDED

_RUNNING, _SUCCEEDED, _STOPPED = "running", "succeeded", "stopped"

_LOGINS = 4
"""How many times as many targets are looked at, where some may be of an earlier holder of the login."""


class BuildStore:
    """`hublish.core.records.BuildRecords` on a database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def ensure_request(self, key: str, request: str) -> None:
        """Store the request of a build key as versioned JSON; the newest one counts, as a repository may have moved."""
        update = build_requests.update().where(build_requests.c.key == key).values(request=request)
        with self._engine.begin() as connection:
            insert = insert_ignore(self._engine, build_requests, key=key, request=request)
            if connection.execute(insert).rowcount != 1:
                connection.execute(update)

    def read_request(self, key: str) -> str | None:
        """The request of a build key."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(build_requests).where(build_requests.c.key == key)).first()
        return None if row is None else row.request

    def claim_build(self, key: str, *, at: datetime, instead_of: str | None = None) -> Build:
        """The build to join for a key: the running or succeeded one, else (or where that is `instead_of`) a new one."""
        latest = _select_latest(key)
        with self._engine.begin() as connection:
            row = connection.execute(latest).first()
            if row is None or row.state == _STOPPED or row.name == instead_of:
                attempt = 1 if row is None else row.attempt + 1
                connection.execute(
                    insert_ignore(
                        self._engine,
                        builds,
                        name=f"build-{key}-{attempt}",
                        key=key,
                        attempt=attempt,
                        state=_RUNNING,
                        started_at=render_time(at),
                    )
                )
                row = connection.execute(latest).one()
            return _make_build(row)

    def find_latest_build(self, key: str) -> Build | None:
        """The last attempt for a build key; None when it was never built."""
        with self._engine.connect() as connection:
            row = connection.execute(_select_latest(key)).first()
        return None if row is None else _make_build(row)

    def read_build(self, name: str) -> Build | None:
        """A build by its name."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(builds).where(builds.c.name == name)).first()
        return None if row is None else _make_build(row)

    def list_targets(self, owner: str, *, owner_id: int | None, limit: int) -> tuple[Reference, ...]:
        """Repositories of images that succeeded builds of an owner's repositories were pushed to, the newest first.

        Args:
            owner: login on GitHub, in any case.
            owner_id: of the owner, whose login somebody else may have had before; None where it is not known.
            limit: how many at most.
        """
        newest = sa.func.max(run_builds.c.seq)
        query = (
            sa.select(run_builds.c.image, sa.func.max(builds.c.key).label("key"))
            .select_from(runs)
            .join(run_builds, run_builds.c.run_id == runs.c.id)
            .join(builds, builds.c.name == run_builds.c.build_name)
            .where(
                sa.func.lower(runs.c.repository).startswith(f"{owner.lower()}/", autoescape=True),
                builds.c.state == _SUCCEEDED,
            )
            .group_by(runs.c.repository, run_builds.c.image)
            .order_by(newest.desc())
            .limit(limit * _LOGINS)
        )
        with self._engine.connect() as connection:
            keys = [row.key for row in connection.execute(query)]
        requests = [parse_value(BuildRequest, text) for key in keys if (text := self.read_request(key)) is not None]
        found = {
            request.target.name: request.target
            for request in requests
            if request.target is not None and not _is_of_another(request, owner_id)
        }
        return tuple(replace(target, tag=None, digest=None) for target in found.values())[:limit]

    def finish_build(self, name: str, outcome: BuildOutcome, *, at: datetime) -> None:
        """Record how a build ended; the first outcome stays."""
        with self._engine.begin() as connection:
            connection.execute(_make_end(name, outcome, at=at))

    def stop_build(self, name: str, outcome: BuildOutcome, *, at: datetime) -> bool:
        """Record how a build is stopped, unless it ended or a run waits for it that nobody cancelled; False then."""
        waiting = (
            sa.select(run_builds.c.seq)
            .join(runs, runs.c.id == run_builds.c.run_id)
            .outerjoin(run_cancels, run_cancels.c.run_id == runs.c.id)
            .where(
                run_builds.c.build_name == name,
                runs.c.state.not_in([state.value for state in ENDED]),
                run_cancels.c.run_id.is_(None),
            )
        )
        update = _make_end(name, outcome, at=at).where(~waiting.exists())
        with self._engine.begin() as connection:
            # PostgreSQL: whoever links a run to the build holds its row, too, so that the update sees the link.
            connection.execute(lock_build(name)).first()
            return connection.execute(update).rowcount == 1

    def note_progress(self, name: str, progress: Progress) -> None:
        """Remember how far a build is, for its page."""
        update = builds.update().where(builds.c.name == name).values(progress=render_value(progress))
        with self._engine.begin() as connection:
            connection.execute(update)


def _is_of_another(request: BuildRequest, owner_id: int | None) -> bool:
    """Whether a build was of somebody else than an owner, as far as ids tell."""
    known = None if request.repository is None else request.repository.owner_id
    return known is not None and owner_id is not None and known != owner_id


def _make_end(name: str, outcome: BuildOutcome, *, at: datetime) -> sa.Update:
    return (
        builds.update()
        .where(builds.c.name == name, builds.c.state == _RUNNING)
        .values(
            state=_SUCCEEDED if isinstance(outcome, BuildSucceeded) else _STOPPED,
            outcome=render_value(outcome, BuildOutcome),
            ended_at=render_time(at),
        )
    )


def _select_latest(key: str) -> sa.Select[tuple[object, ...]]:
    return sa.select(builds).where(builds.c.key == key).order_by(builds.c.attempt.desc()).limit(1)


def _make_build(row: sa.Row[tuple[object, ...]]) -> Build:
    outcome: BuildOutcome | None = None
    if row.outcome is not None:
        outcome = parse_value(BuildOutcome, row.outcome)  # type: ignore[arg-type]  # a union is no type to mypy
    return Build(
        name=row.name,
        key=row.key,
        attempt=row.attempt,
        progress=None if row.progress is None else parse_value(Progress, row.progress),
        outcome=outcome,
        started_at=parse_time(row.started_at),
        ended_at=None if row.ended_at is None else parse_time(row.ended_at),
    )
