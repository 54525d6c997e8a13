"""How a database is opened and its tables are made; what goes wrong with it is told in hublish's words from here on."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from hublish.adapters.store.pool import choose_pool
from hublish.adapters.store.schema import metadata, runs_by_name
from hublish.errors import DatabaseFailed, clip

BUSY_TIMEOUT_SECONDS = 30
SCHEMA_LOCK = 0x6875626C697368
"""Number of the advisory lock under which tables are made: replicas that start together would both try."""


def open_database(url: str) -> sa.Engine:
    """Open a database.

    Args:
        url: `sqlite:///path` or `postgresql://...` (read as psycopg 3).
    Returns:
        An engine whose connections may be used from any thread; what goes wrong with them is raised as DatabaseFailed.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "postgresql" and parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite":
        engine = sa.create_engine(parsed, poolclass=choose_pool(parsed), pool_pre_ping=True)
    else:
        busy = {"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
        engine = sa.create_engine(parsed, poolclass=choose_pool(parsed), connect_args=busy)
        event.listen(engine, "connect", _prepare_sqlite)
    # One place for all stores: no class of the client leaves this room, whichever statement failed.
    event.listen(engine, "handle_error", _make_failure, retval=True)
    return engine


def _make_failure(context: sa.ExceptionContext) -> DatabaseFailed | None:
    if context.is_pre_ping:
        # The pool asks whether a connection still lives; it must see the driver's error to replace a dead one.
        return None
    # Locked, full, gone away: what the driver calls operational may pass, everything else would fail again.
    return DatabaseFailed(
        f"the database could not be read or written: {clip(str(context.original_exception))}",
        hint="check that the database runs, and that its disk has room",
        transient=isinstance(context.sqlalchemy_exception, sa.exc.OperationalError),
    )


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # WAL lets the pages read while a webhook is written. synchronous=NORMAL keeps every committed row when the process
    # is killed; only a power cut may lose the last ones, which GitHub keeps for three days.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def ensure_schema(engine: sa.Engine) -> None:
    """Create the tables that are missing, and the indexes that came later than their table.

    Raises:
        DatabaseFailed: the database cannot be reached or written.
    """
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SCHEMA_LOCK)))
            metadata.create_all(connection)
            # It came later than its table; of a table that is there already no index is made above.
            connection.execute(sa.schema.CreateIndex(runs_by_name, if_not_exists=True))
    except DatabaseFailed as error:
        raise DatabaseFailed(
            f"the database {engine.url.render_as_string(hide_password=True)} cannot be prepared: {error.message}",
            hint="check `database` in the settings, and that the folder exists and is writable",
        ) from error
