"""The databases every store is held to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from hublish.adapters.store import ensure_schema, open_database
from tests.sandbox.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty database is; a further kind of database is a further parameter here and nothing else."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.make_database()


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    """An empty database with its tables."""
    engine = open_database(url)
    ensure_schema(engine)
    yield engine
    engine.dispose()
