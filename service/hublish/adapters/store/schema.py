"""Tables, and how a database is opened. Times are stored as ISO 8601 text in UTC, which sorts and reads everywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite

from hublish.adapters.store.pool import choose_pool
from hublish.errors import DatabaseFailed, clip

metadata = sa.MetaData()
_DUE = sa.text("state = 'received'")

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("guid", sa.String(64), nullable=False),
    sa.Column("body_sha256", sa.String(64), nullable=False),
    sa.Column("event", sa.String(64), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("run_id", sa.String(32)),
    sa.Column("received_at", sa.String(32), nullable=False),
    # The GUID is outside GitHub's signature: only together with the body does it name a delivery.
    sa.UniqueConstraint("guid", "body_sha256"),
    # Only the few due rows are ever searched for; a partial index stays tiny however long the history is.
    sa.Index("deliveries_due", "id", sqlite_where=_DUE, postgresql_where=_DUE),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(32), nullable=False, unique=True),
    sa.Column("key", sa.String(255), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("repository", sa.String(255), nullable=False),
    sa.Column("ref", sa.String(255), nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("sha", sa.String(40)),
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("ended_at", sa.String(32)),
    sa.UniqueConstraint("key", "attempt"),
)
runs_by_name = sa.Index("runs_by_name", sa.func.lower(runs.c.repository), runs.c.seq)

run_steps = sa.Table(
    "run_steps",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.String(32), nullable=False),
    sa.Column("name", sa.String(512), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("started_at", sa.String(32), nullable=False),
    sa.Column("ended_at", sa.String(32)),
    sa.UniqueConstraint("run_id", "name"),
)

run_builds = sa.Table(
    "run_builds",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.String(32), nullable=False),
    sa.Column("build_name", sa.String(64), nullable=False),
    sa.Column("image", sa.String(255), nullable=False),
    sa.UniqueConstraint("run_id", "image"),
)

run_titles = sa.Table(
    "run_titles",
    metadata,
    sa.Column("run_id", sa.String(32), primary_key=True),
    sa.Column("title", sa.String(255), primary_key=True),
)

run_cancels = sa.Table(
    "run_cancels",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.String(32), nullable=False, unique=True),
    sa.Column("by_run", sa.String(32), nullable=False, index=True),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("requested_at", sa.String(32), nullable=False),
)

builds = sa.Table(
    "builds",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(32), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("progress", sa.Text),
    sa.Column("outcome", sa.Text),
    sa.Column("started_at", sa.String(32), nullable=False),
    sa.Column("ended_at", sa.String(32)),
    sa.UniqueConstraint("key", "attempt"),
)

build_requests = sa.Table(
    "build_requests",
    metadata,
    sa.Column("key", sa.String(32), primary_key=True),
    sa.Column("request", sa.Text, nullable=False),
)

image_owners = sa.Table(
    "image_owners",
    metadata,
    sa.Column("name", sa.String(512), primary_key=True),
    sa.Column("repo_id", sa.BigInteger, nullable=False),
    sa.Column("claimed_at", sa.String(32), nullable=False),
)

images = sa.Table(
    "images",
    metadata,
    sa.Column("name", sa.String(512), primary_key=True),
    sa.Column("digest", sa.String(80), primary_key=True),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("delivered_at", sa.String(32), nullable=False),
)

floating_tags = sa.Table(
    "floating_tags",
    metadata,
    sa.Column("name", sa.String(512), primary_key=True),
    sa.Column("tag", sa.String(128), primary_key=True),
    sa.Column("release", sa.String(255), nullable=False),
    sa.Column("moved_at", sa.String(32), nullable=False),
)

build_queue = sa.Table(
    "build_queue",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(255), nullable=False),
    sa.Column("repo_id", sa.BigInteger, nullable=False),
    sa.Column("strategy", sa.String(32), nullable=False),
    sa.Column("fork", sa.Boolean, nullable=False),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("replica", sa.String(255), nullable=False),
    sa.Column("entered_at", sa.String(32), nullable=False),
    sa.Column("started_at", sa.String(32)),
)

queue_rounds = sa.Table(
    "queue_rounds",
    metadata,
    # One row: the latest round of which a build was started. It outlives the tickets it was taken from.
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("served", sa.Integer, nullable=False),
)

build_times = sa.Table(
    "build_times",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("repo_id", sa.BigInteger, nullable=False),
    sa.Column("strategy", sa.String(32), nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Index("build_times_of_repo", "repo_id", "strategy"),
)

replicas = sa.Table(
    "replicas",
    metadata,
    sa.Column("id", sa.String(255), primary_key=True),
    sa.Column("rooms", sa.Text, nullable=False),
    sa.Column("started_at", sa.String(32), nullable=False),
    sa.Column("seen_at", sa.String(32), nullable=False),
)

api_tokens = sa.Table(
    "api_tokens",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(16), nullable=False, unique=True),
    sa.Column("name", sa.String(39), nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("secret_sha256", sa.String(64), nullable=False),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("expires_at", sa.String(32), nullable=False),
    sa.Column("revoked_at", sa.String(32)),
)

base_watches = sa.Table(
    "base_watches",
    metadata,
    sa.Column("name", sa.String(512), primary_key=True),
    sa.Column("digest", sa.String(80)),
    sa.Column("next_look_at", sa.String(32), nullable=False),
)

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


def render_time(at: datetime) -> str:
    """Aware time -> sortable text in UTC with microseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime:
    """What `render_time` made -> aware UTC time."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def lock_build(name: str) -> sa.Select[Any]:
    """A query that holds a build's row until the transaction ends; SQLite lets in one writer anyway."""
    return sa.select(builds.c.name).where(builds.c.name == name).with_for_update()


def insert_selected(engine: sa.Engine, table: sa.Table, query: sa.Select[Any]) -> sa.Executable:
    """An INSERT of what a query finds, by the names of its columns; it does nothing when a unique key is taken."""
    names = query.selected_columns.keys()
    if engine.dialect.name == "sqlite":
        return sqlite.insert(table).from_select(names, query).on_conflict_do_nothing()
    insert = postgresql.insert(table).from_select(names, query).on_conflict_do_nothing()
    return insert.execution_options(preserve_rowcount=True)


def insert_ignore(engine: sa.Engine, table: sa.Table, **values: object) -> sa.Executable:
    """An INSERT that does nothing when a unique key is taken, in the engine's dialect."""
    if engine.dialect.name == "sqlite":
        return sqlite.insert(table).values(**values).on_conflict_do_nothing()
    # SQLAlchemy asks for the new row's number as well, and the count of rows would be lost over that.
    insert = postgresql.insert(table).values(**values).on_conflict_do_nothing()
    return insert.execution_options(preserve_rowcount=True)
