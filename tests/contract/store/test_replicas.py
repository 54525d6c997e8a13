"""Who is alive: places that end with their process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from hublish.adapters.store import ReplicaStore, ensure_schema, open_database, replicas
from hublish.core.queue import Room
from hublish.core.queue_records import Replica
from hublish.errors import DatabaseFailed

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
LATER = AT + timedelta(seconds=5)
ROOMS = (Room(replica="a", strategies=("layered",), slots=1),)
ON_POSTGRESQL = pytest.mark.parametrize("url", ["postgresql"], indirect=True)
HOLDER = """
import sys, time
from datetime import UTC, datetime
from hublish.adapters.store import ReplicaStore, open_database
store = ReplicaStore(open_database(sys.argv[1]), sys.argv[2])
store.join((), at=datetime.now(UTC))
print("joined", flush=True)
time.sleep(60)
"""


def wait_until_free(engine: sa.Engine, *, places: int) -> None:
    """Wait until PostgreSQL has noticed that a client was killed: no more than `places` are held then."""
    deadline = time.monotonic() + 120
    held = sa.text(
        "select count(*) from pg_locks join pg_database on pg_database.oid = pg_locks.database"
        " where locktype = 'advisory' and datname = current_database()"
    )
    while time.monotonic() < deadline:
        with engine.connect() as connection:
            if connection.scalar(held) <= places:
                return
        time.sleep(0.05)
    raise TimeoutError("the session of a killed client was not ended")


@pytest.fixture(autouse=True)
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "JOIN_SECONDS", 0.3)


@pytest.fixture
def store(engine: sa.Engine) -> Iterator[ReplicaStore]:
    store = ReplicaStore(engine, "a")
    store.join(ROOMS, at=AT)
    yield store
    store.release()


def start_holder(url: str, name: str) -> subprocess.Popen[bytes]:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, url, name], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"joined\n"
    return holder


def test_replica_that_joined_is_listed_and_says_that_it_lives(store: ReplicaStore) -> None:
    """With its slots; joining again changes them, forgetting takes it off the list."""
    kept = store.keep(at=LATER)
    seen = store.list_replicas()
    store.join((), at=LATER)
    again = store.list_replicas()
    store.forget("a")

    assert kept is True
    assert seen == (Replica(id="a", rooms=ROOMS, started_at=AT, seen_at=LATER),)
    assert again == (Replica(id="a", rooms=(), started_at=LATER, seen_at=LATER),)
    assert store.list_replicas() == ()
    assert store.keep(at=LATER) is False


def test_place_is_taken_once(store: ReplicaStore, engine: sa.Engine, url: str) -> None:
    """A second process of that name is refused with what to do; on SQLite any second process is."""
    expected = {
        "sqlite": (
            f"another process uses {engine.url.database}",
            "stop it; several replicas need `database: postgresql://...`, as SQLite serves one process",
        ),
        "postgresql": (
            "another process runs as the replica a",
            "stop it, or give each replica an `executor_id` of its own",
        ),
    }
    with pytest.raises(DatabaseFailed) as caught:
        ReplicaStore(engine, "a").join(ROOMS, at=AT)

    assert (caught.value.message, caught.value.hint) == expected[engine.dialect.name]


def test_place_is_free_after_its_process_was_killed(engine: sa.Engine, url: str) -> None:
    """kill -9: the lock ends with the process, on every database."""
    with start_holder(url, "a") as holder:
        store = ReplicaStore(engine, "a")
        with pytest.raises(DatabaseFailed):
            store.join(ROOMS, at=AT)
        holder.kill()
        holder.wait()
        if engine.dialect.name == "postgresql":
            wait_until_free(engine, places=0)
        store.join(ROOMS, at=AT)
        store.release()


@ON_POSTGRESQL
def test_dead_replica_is_told_from_a_living_one(store: ReplicaStore, engine: sa.Engine, url: str) -> None:
    """Alive while its process is; found dead by one at a time. SQLite serves one process, see the next test."""
    with start_holder(url, "b") as holder:
        with store.hold_dead("b") as alive:
            pass
        holder.kill()
        holder.wait()
        wait_until_free(engine, places=1)
        with store.hold_dead("b") as dead, ReplicaStore(engine, "c").hold_dead("b") as second:
            pass
        with store.hold_dead("b") as again, store.hold_dead("a") as myself:
            pass

    assert (alive, dead, second, again, myself) == (False, True, False, True, False)


def test_every_other_replica_of_a_file_is_dead(tmp_path: Path) -> None:
    """The one process that may use it is this one: whoever else joined was here before."""
    engine = open_database(f"sqlite:///{tmp_path / 'store.sqlite'}")
    ensure_schema(engine)
    store = ReplicaStore(engine, "a")
    with store.hold_dead("old") as old, store.hold_dead("a") as myself:
        pass
    engine.dispose()

    assert (old, myself) == (True, False)


def test_duty_is_done_by_one_at_a_time(store: ReplicaStore, engine: sa.Engine) -> None:
    """Of two replicas that want to do the same, one does; another duty is free."""
    other = ReplicaStore(engine, "b")
    with store.hold_duty("sweep") as mine, other.hold_duty("sweep") as second, other.hold_duty("else") as third:
        pass
    with other.hold_duty("sweep") as later:
        pass

    assert (mine, second, third, later) == (True, engine.dialect.name == "sqlite", True, True)


@ON_POSTGRESQL
def test_place_is_taken_back_after_the_session_was_cut(store: ReplicaStore, engine: sa.Engine) -> None:
    """A database that was restarted frees all locks; the owner comes back for its own."""
    with engine.connect() as connection:
        cut = "select pg_terminate_backend(pid, 120000) from pg_locks where locktype = 'advisory'"
        connection.execute(sa.text(cut))

    assert store.keep(at=LATER) is True
    with ReplicaStore(engine, "b").hold_dead("a") as dead:
        pass
    assert dead is False


def test_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A path of the settings that is wrong."""
    engine = open_database(f"sqlite:///{tmp_path}/nowhere/store.sqlite")
    with pytest.raises(DatabaseFailed, match=r"store\.sqlite-replica cannot be written: No such file"):
        ReplicaStore(engine, "a").join(ROOMS, at=AT)
    engine.dispose()


def test_database_in_memory_has_one_user() -> None:
    """It belongs to tests, and nobody else can see it."""
    engine = open_database("sqlite://")
    ensure_schema(engine)
    store = ReplicaStore(engine, "a")
    store.join(ROOMS, at=AT)

    assert store.keep(at=LATER) is True
    store.release()
    engine.dispose()
