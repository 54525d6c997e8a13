"""How a database is opened and its tables are made; what goes wrong with it is told in hublish's words from here on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from hublish.adapters.store.pool import choose_pool
from hublish.adapters.store.schema import metadata, runs_by_name
from hublish.errors import DatabaseFailed, clip

BUSY_TIMEOUT_SECONDS = 30
SCHEMA_LOCK = 0x6875626C697368
"""Number of the advisory lock under which tables are made: replicas that start together would both try."""
_ELSEWHERE = "or check `database` in the settings"


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


def find_file(url: str) -> Path | None:
    """Find the file of an SQLite database by its URL; None for a database that is a server's or nowhere."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(parsed.database)


def open_existing_database(url: str) -> sa.Engine:
    """Open a database that a service has made; neither a file nor a table is made where there is none.

    Args:
        url: as for `open_database`.
    Raises:
        DatabaseFailed: there is none, it cannot be reached, or it lacks tables of this version.
    """
    file = find_file(url)
    if file is not None:
        _verify_file(file)
    engine = open_database(url)
    missing = metadata.tables.keys() - set(sa.inspect(engine).get_table_names())
    if missing:
        shown = engine.url.render_as_string(hide_password=True)
        raise DatabaseFailed(
            f"the database {shown} lacks {len(missing)} of {len(metadata.tables)} tables",
            hint=f"start the service of this version, which makes them; {_ELSEWHERE}",
        )
    return engine


def _verify_file(file: Path) -> None:
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatabaseFailed(
            f"there is no database at {file}",
            hint=f"start the service, which makes it; {_ELSEWHERE}",
        ) from error
    except OSError as error:
        raise DatabaseFailed(
            f"the database {file} cannot be opened: {error.strerror}",
            hint="run the command as the user of the service",
        ) from error


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
