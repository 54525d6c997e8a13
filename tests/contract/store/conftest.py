"""The databases every store is held to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from hublish.adapters.store import ensure_schema, open_database


@pytest.fixture(params=["sqlite"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty database with its tables; a further kind of database is a further parameter here and nothing else."""
    urls = {"sqlite": f"sqlite:///{tmp_path / 'store.sqlite'}"}
    engine = open_database(urls[request.param])
    ensure_schema(engine)
    yield engine
    engine.dispose()
