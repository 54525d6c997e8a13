"""Tables and their indexes: what is asked for often is not searched for in a whole table."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from hublish.adapters.store import ensure_schema, open_database
from hublish.adapters.store.schema import runs


def test_runs_of_a_name_are_found_by_an_index(tmp_path: Path) -> None:
    """Whatever case the name is written in; the newest come first without sorting."""
    engine = open_database(f"sqlite:///{tmp_path}/hublish.sqlite")
    ensure_schema(engine)
    named = sa.select(runs.c.id).where(sa.func.lower(runs.c.repository) == "octo/ts").order_by(runs.c.seq.desc())
    query = str(named.compile(engine, compile_kwargs={"literal_binds": True}))
    with engine.connect() as connection:
        plan = [row.detail for row in connection.execute(sa.text(f"EXPLAIN QUERY PLAN {query}"))]
    engine.dispose()

    assert plan == ["SEARCH runs USING INDEX runs_by_name (<expr>=?)"]
