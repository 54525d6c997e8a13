"""What goes wrong with the database leaves the store as hublish's own error."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from hublish.adapters.store import DeliveryStore, ensure_schema, open_database
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
