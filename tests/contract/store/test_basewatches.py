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


def test_tags_whose_look_is_due_are_listed(engine: sa.Engine) -> None:
    """From that moment on, and no others."""
    watches = BaseWatchStore(engine)
    later = dataclasses.replace(WATCH, name="b", next_look_at=WATCH.next_look_at + timedelta(microseconds=1))
    watches.store_watch(WATCH)
    watches.store_watch(later)

    assert watches.list_due_watches(WATCH.next_look_at - timedelta(microseconds=1)) == ()
    assert watches.list_due_watches(WATCH.next_look_at) == (WATCH,)
    assert sorted(watch.name for watch in watches.list_due_watches(later.next_look_at)) == ["b", WATCH.name]


def test_last_delivery_under_each_name_is_listed(engine: sa.Engine) -> None:
    """One for each; repositories whose runs all failed have none."""
    runs = RunStore(engine)
    wanted = [("r1", "octo/b", True), ("r2", "octo/a", True), ("r3", "octo/b", True), ("r4", "octo/c", False)]
    wanted += [("r5", "octo/b", False)]
    for run_id, repository, delivered in wanted:
        runs.ensure_run(dataclasses.replace(RUN, id=run_id, key=run_id, repository=repository))
        states = (RunState.PLANNING, RunState.BUILDING, RunState.DELIVERING, RunState.DELIVERED)
        for state in states if delivered else (RunState.FAILED,):
            runs.move_run(run_id, state, at=AT)

    last = runs.list_last_deliveries()

    assert [(run.id, run.repository, run.state) for run in last] == [
        ("r2", "octo/a", RunState.DELIVERED),
        ("r3", "octo/b", RunState.DELIVERED),
    ]
