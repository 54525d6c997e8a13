"""Tables. Times are stored as ISO 8601 text in UTC, which sorts and reads everywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

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
