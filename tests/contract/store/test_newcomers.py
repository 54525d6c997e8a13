"""Repositories that wait for their onboarding: each once for an installation, the longest waiting first."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from hublish.adapters.store import NewcomerStore
from hublish.core.onboarding.ports import Newcomer, NewcomerState

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LATER = AT + timedelta(minutes=1)
TS = Newcomer(repo_id=7, installation_id=70, full_name="octo/ts")
APPS = Newcomer(repo_id=8, installation_id=70, full_name="octo/apps")


def test_newcomers_wait_in_the_order_they_came(engine: sa.Engine) -> None:
    """What is finished is due no more; the list may be given again."""
    store = NewcomerStore(engine)
    added = [store.add_newcomers(given, at=AT) for given in ((APPS,), (TS, APPS))]
    due = []
    while (newcomer := store.find_due_newcomer(LATER)) is not None:
        due.append(newcomer)
        store.finish_newcomer(newcomer.repo_id, NewcomerState.PASSED, reason="", at=LATER)

    assert added == [1, 1]
    assert due == [APPS, TS]
    assert store.add_newcomers((TS, APPS), at=LATER) == 0
    assert store.find_due_newcomer(LATER) is None


def test_another_installation_brings_a_repository_anew(engine: sa.Engine) -> None:
    """The App that was removed and installed again looks again, with nothing left of the tries before."""
    store = NewcomerStore(engine)
    store.add_newcomers((TS,), at=AT)
    store.put_off_newcomer(7, until=AT)
    store.finish_newcomer(7, NewcomerState.FAILED, reason="gone", at=AT)
    again = dataclasses.replace(TS, installation_id=71, full_name="octo/ts2")

    assert store.add_newcomers((again,), at=AT) == 1
    assert store.find_due_newcomer(AT) == again


def test_newcomer_that_is_put_off_waits_and_counts_its_tries(engine: sa.Engine) -> None:
    """Others come first meanwhile."""
    store = NewcomerStore(engine)
    store.add_newcomers((TS, APPS), at=AT)
    store.put_off_newcomer(7, until=LATER)
    first = store.find_due_newcomer(AT)
    store.finish_newcomer(8, NewcomerState.PASSED, reason="", at=AT)

    assert first == APPS
    assert store.find_due_newcomer(AT) is None
    assert store.find_due_newcomer(LATER) == dataclasses.replace(TS, tries=1)


def test_proposals_are_counted_since_a_time(engine: sa.Engine) -> None:
    """Only what has a pull request counts."""
    store = NewcomerStore(engine)
    store.add_newcomers((TS, APPS), at=AT)
    store.finish_newcomer(7, NewcomerState.PROPOSED, reason="pull request #1", at=AT)
    store.finish_newcomer(8, NewcomerState.PASSED, reason="it is a fork", at=AT)

    assert [store.count_proposals(since) for since in (AT, LATER)] == [1, 0]


def test_long_lists_given_at_once_are_stored_once(engine: sa.Engine) -> None:
    """An installation on hundreds of repositories, stored by two replicas in two orders."""
    many = tuple(Newcomer(repo_id=number, installation_id=70, full_name=f"octo/{number}") for number in range(1, 451))
    with ThreadPoolExecutor(2) as pool:
        added = list(pool.map(lambda given: NewcomerStore(engine).add_newcomers(given, at=AT), (many, many[::-1])))

    assert sum(added) == 450
