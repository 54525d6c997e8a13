"""Rows straight from the service's database, whichever kind it is, without the service's own code in between."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

SQLITE = "sqlite:///"


def read_rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query; none while the database or its tables are not there yet."""
    if not url.startswith(SQLITE):
        try:
            with psycopg.connect(url, connect_timeout=10) as connection:
                return list(connection.execute(query.encode()).fetchall())
        except psycopg.errors.UndefinedTable:
            return []
    if not Path(url.removeprefix(SQLITE)).exists():
        return []
    with closing(sqlite3.connect(f"file:{url.removeprefix(SQLITE)}?mode=ro", uri=True, timeout=10)) as connection:
        try:
            return list(connection.execute(query).fetchall())
        except sqlite3.OperationalError:
            return []
