"""Followed tags in the database."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from hublish.adapters.store import BaseWatchStore, RunStore
from hublish.core.basewatch import BaseWatch
from hublish.core.status import RunState
from tests.contract.store.test_runs import AT, RUN

WATCH = BaseWatch(
    name="registry.example.org/base/python:3.11", digest=None, next_look_at=datetime(2026, 11, 21, tzinfo=UTC)
)


def test_last_look_at_a_tag_is_kept(engine: sa.Engine) -> None:
    """The first with or without a digest, then each later one in its place; an unknown tag is None."""
    watches = BaseWatchStore(engine)
    later = dataclasses.replace(WATCH, digest="sha256:" + "a" * 64, next_look_at=WATCH.next_look_at + timedelta(days=1))
    before = watches.read_watch(WATCH.name)
    watches.store_watch(WATCH)
    first = watches.read_watch(WATCH.name)
    watches.store_watch(later)

    assert (before, first, watches.read_watch(WATCH.name)) == (None, WATCH, later)


def test_repositories_that_delivered_something_are_named_once(engine: sa.Engine) -> None:
    """Those whose runs all failed are not."""
    runs = RunStore(engine)
    wanted = [("r1", "octo/b", True), ("r2", "octo/a", True), ("r3", "octo/b", True), ("r4", "octo/c", False)]
    for run_id, repository, delivered in wanted:
        runs.ensure_run(dataclasses.replace(RUN, id=run_id, key=run_id, repository=repository))
        states = (RunState.PLANNING, RunState.BUILDING, RunState.DELIVERING, RunState.DELIVERED)
        for state in states if delivered else (RunState.FAILED,):
            runs.move_run(run_id, state, at=AT)

    assert runs.list_delivered_names() == ("octo/a", "octo/b")
