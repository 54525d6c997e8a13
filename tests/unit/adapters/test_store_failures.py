"""What goes wrong with the database leaves the store as hublish's own error."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from hublish.adapters.store import DeliveryStore, ensure_schema, open_database
from hublish.adapters.store.lock import _open_advisory_lock
from hublish.adapters.store.pool import BoundedPool
from hublish.errors import DatabaseFailed

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_full_database_may_pass(tmp_path: Path) -> None:
    """A write that finds no room is an error that may pass, and the database works on once there is room."""
    engine = open_database(f"sqlite:///{tmp_path}/hublish.sqlite")
    ensure_schema(engine)
    pages = {"limit": 40}
    event.listen(
        engine, "begin", lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages['limit']}")
    )
    store = DeliveryStore(engine)
    with pytest.raises(DatabaseFailed) as caught:
        store.insert_delivery(guid="a", event="release", body=bytes(1 << 20), at=NOW)
    pages["limit"] = 4000

    assert (caught.value.message, caught.value.transient) == (
        "the database could not be read or written: database or disk is full",
        True,
    )
    assert store.insert_delivery(guid="a", event="release", body=bytes(1 << 20), at=NOW) is True


def test_broken_rule_of_the_schema_does_not_pass(tmp_path: Path) -> None:
    """An error that a repetition would meet again is not called transient."""
    engine = open_database(f"sqlite:///{tmp_path}/hublish.sqlite")
    ensure_schema(engine)
    with pytest.raises(DatabaseFailed) as caught, engine.begin() as connection:
        connection.execute(sa.text("insert into build_requests (key, request) values (null, null)"))

    assert (caught.value.message, caught.value.transient) == (
        "the database could not be read or written: NOT NULL constraint failed: build_requests.key",
        False,
    )


def test_database_that_cannot_be_opened_says_where_it_was_looked_for(tmp_path: Path) -> None:
    """A folder that does not exist is named, with the setting that names it."""
    url = f"sqlite:///{tmp_path}/missing/hublish.sqlite"
    with pytest.raises(DatabaseFailed) as caught:
        ensure_schema(open_database(url))

    assert caught.value.message == (
        f"the database {url} cannot be prepared: the database could not be read or written: unable to open database file"
    )
    assert caught.value.hint == "check `database` in the settings, and that the folder exists and is writable"


def test_dead_connection_is_seen_as_dead_when_the_pool_asks(tmp_path: Path) -> None:
    """The pool's own question before a use gets the driver's answer, so that a dead connection is replaced."""
    engine = open_database(f"sqlite:///{tmp_path}/hublish.sqlite")
    with engine.connect() as connection:
        driver_connection = connection.connection.driver_connection
    driver_connection.close()
    # Only PostgreSQL is asked so in use; its dialect goes through this very method.
    alive = engine.dialect._do_ping_w_event(driver_connection)

    assert alive is False


def make_narrow_engine(path: Path) -> sa.Engine:
    """A database with one connection, for which nobody waits; it has the functions of PostgreSQL's locks."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, check_same_thread=False)
        for name in ("pg_try_advisory_lock", "pg_advisory_unlock"):
            connection.create_function(name, 1, lambda _key: 1)
        return connection

    pool = BoundedPool(connect, pool_size=1, max_overflow=0, timeout=0)
    return sa.create_engine("sqlite+pysqlite://", pool=pool)


def test_pool_without_a_free_connection_may_have_one_soon(tmp_path: Path) -> None:
    """Every database whose connections are bounded says so in hublish's words."""
    engine = make_narrow_engine(tmp_path / "narrow.sqlite")
    with engine.connect(), pytest.raises(DatabaseFailed) as caught:
        engine.connect()
    bounded = [open_database(url).pool for url in ("postgresql://localhost/x", f"sqlite:///{tmp_path}/x.sqlite")]

    assert (caught.value.message, caught.value.transient) == (
        "no connection to the database became free in 0 seconds",
        True,
    )
    assert [type(pool) for pool in bounded] == [BoundedPool, BoundedPool]


def test_held_name_takes_no_connection_from_others(tmp_path: Path) -> None:
    """A lock may be held for a day: the one connection is free for statements and for further locks meanwhile."""
    engine = make_narrow_engine(tmp_path / "narrow.sqlite")
    with _open_advisory_lock(engine, 7) as first, _open_advisory_lock(engine, 8) as second:
        taken = first(), second()
        with engine.connect() as connection:
            answer = connection.execute(sa.select(1)).scalar_one()

    assert (taken, answer) == ((True, True), 1)
