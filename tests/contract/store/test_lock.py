"""One holder at a time for a name, whatever the database."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from hublish.adapters.store import open_database
from hublish.adapters.store.lock import hold
from hublish.errors import DatabaseFailed, EngineFailed
from tests.sandbox.postgres import Postgres

NAME = "tags of registry.example.org/team/ts"
HOLDER = """
import sys, time
from hublish.adapters.store import open_database
from hublish.adapters.store.lock import hold
with hold(open_database(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["sqlite", "memory", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param != "postgresql":
        return f"sqlite:///{tmp_path / 'store.sqlite'}" if request.param == "sqlite" else "sqlite://"
    server: Postgres = request.getfixturevalue("postgres")
    return server.make_database()


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    engine = open_database(url)
    yield engine
    engine.dispose()


def test_holders_follow_each_other(engine: sa.Engine) -> None:
    """Eight threads, never two inside; another name is free meanwhile where the database tells names apart."""
    inside = threading.Lock()
    together = []

    def enter(_: int) -> None:
        with hold(engine, NAME):
            together.append(not inside.acquire(blocking=False))
            time.sleep(0.005)
            inside.release()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(enter, range(8)))

    assert together == [False] * 8


def test_other_name_is_free(engine: sa.Engine) -> None:
    """A slow registry holds up its own images only; a database in memory belongs to tests and has one lock."""
    if engine.url.database is None:
        return
    with hold(engine, NAME), hold(engine, "tags of registry.example.org/team/other", longest_wait_seconds=0):
        pass


def test_names_of_a_file_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """However many there are: a base that is built for half an hour holds up its own build only."""
    engine = open_database(f"sqlite:///{tmp_path / 'store.sqlite'}")
    with hold(engine, NAME):
        for number in range(600):
            with hold(engine, f"name {number}", longest_wait_seconds=0):
                pass
    engine.dispose()


def test_wait_is_given_up_when_it_is_to_stop(engine: sa.Engine) -> None:
    """A wait for half an hour must not outlive what it is for."""

    def stop() -> None:
        raise EngineFailed("the service stops")

    with hold(engine, NAME), pytest.raises(EngineFailed), hold(engine, NAME, verify_running=stop):
        pass
    with hold(engine, NAME, longest_wait_seconds=0):
        pass


def test_wait_ends(engine: sa.Engine) -> None:
    """Who waits too long is told to try again, by a name that says what is held."""
    with hold(engine, NAME), pytest.raises(DatabaseFailed) as caught, hold(engine, NAME, longest_wait_seconds=0):
        pass

    assert (caught.value.message, caught.value.transient) == (f"{NAME} is held by another run", True)
    with hold(engine, NAME, longest_wait_seconds=0):
        pass


def test_killed_holder_leaves_nothing(engine: sa.Engine, url: str) -> None:
    """Another process holds; when it is killed, the next one is in at once."""
    if engine.url.database is None:
        return
    with subprocess.Popen([sys.executable, "-c", HOLDER, url, NAME], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DatabaseFailed), hold(engine, NAME, longest_wait_seconds=0):
            pass
        holder.kill()
        holder.wait()
        with hold(engine, NAME, longest_wait_seconds=120):
            pass


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A path of the settings that is wrong."""
    engine = open_database(f"sqlite:///{tmp_path}/nowhere/store.sqlite")
    with (
        pytest.raises(DatabaseFailed, match=r"store\.sqlite-locks cannot be written: No such file"),
        hold(engine, NAME),
    ):
        pass
    engine.dispose()
