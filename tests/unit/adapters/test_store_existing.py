"""A database that a service made is opened as it is; where there is none, none is made."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from hublish.adapters.store import RunStore, ensure_schema, find_file, open_database, open_existing_database
from hublish.errors import DatabaseFailed


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////var/lib/h.sqlite", Path("/var/lib/h.sqlite")),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("postgresql://db.example.org/h", None),
    ],
)
def test_only_sqlite_has_a_file(url: str, expected: Path | None) -> None:
    """What lies in memory or on a server has none."""
    assert find_file(url) == expected


def test_database_of_a_service_is_opened(tmp_path: Path) -> None:
    """And read; nothing but its own file lies there afterwards."""
    url = f"sqlite:///{tmp_path}/h.sqlite"
    made = open_database(url)
    ensure_schema(made)
    made.dispose()
    engine = open_existing_database(url)
    runs = RunStore(engine).list_runs(10)
    engine.dispose()

    assert runs == ()
    assert [path.name for path in tmp_path.iterdir()] == ["h.sqlite"]


def test_database_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    """Which file is missing, and who makes it."""
    with pytest.raises(DatabaseFailed) as caught:
        open_existing_database(f"sqlite:///{tmp_path}/h.sqlite")

    assert caught.value.message == f"there is no database at {tmp_path}/h.sqlite"
    assert caught.value.hint == "start the service, which makes it; or check `database` in the settings"
    assert list(tmp_path.iterdir()) == []


def test_file_that_cannot_be_reached_is_told_apart(tmp_path: Path) -> None:
    """It may be there, so nobody is told to make it."""
    (tmp_path / "h.sqlite").symlink_to("h.sqlite")
    with pytest.raises(DatabaseFailed) as caught:
        open_existing_database(f"sqlite:///{tmp_path}/h.sqlite")

    assert caught.value.message.startswith(f"the database {tmp_path}/h.sqlite cannot be opened: ")
    assert caught.value.hint == "run the command as the user of the service"


def test_tables_that_are_missing_are_told_and_not_made(tmp_path: Path) -> None:
    """As after an upgrade before the service was started again."""
    url = f"sqlite:///{tmp_path}/h.sqlite"
    engine = open_database(url)
    ensure_schema(engine)
    names = sa.inspect(engine).get_table_names()
    with engine.begin() as connection:
        connection.execute(sa.text("drop table api_tokens"))
    with pytest.raises(DatabaseFailed) as caught:
        open_existing_database(url)
    left = sa.inspect(engine).get_table_names()
    engine.dispose()

    assert caught.value.message == f"the database {url} lacks 1 of {len(names)} tables"
    assert caught.value.hint == (
        "start the service of this version, which makes them; or check `database` in the settings"
    )
    assert "api_tokens" not in left
