"""A PostgreSQL of its own on loopback: Debian's server, data in a temporary folder, run as the user `postgres`."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import psycopg.sql

from tests.sandbox.ports import Port

SECONDS = 300


class Postgres:
    """A running server with the empty database `postgres`; a context manager."""

    def __init__(self) -> None:
        # Not in pytest's folder: that one is closed to other users.
        self.folder = Path(tempfile.mkdtemp(prefix="hublish-postgres-"))
        self.url = ""
        self._port = Port()

    @staticmethod
    def find() -> Path | None:
        """The folder of the newest server's programs; None when none is installed."""
        return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: float(path.parent.name))

    def make_database(self) -> str:
        """Make an empty database; returns its URL. The server is shared by many tests, a database is one's own."""
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(name)))
        return self.url.removesuffix("/postgres") + f"/{name}"

    def __enter__(self) -> Self:
        shutil.chown(self.folder, "postgres")
        port = self._port.number
        self._run("initdb", "-D", "data", "-A", "trust", "-U", "hublish", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=off -c max_connections=200"
        self._run("pg_ctl", "-D", "data", "-w", "-t", str(SECONDS), "-l", "log", "-o", options, "start")
        self.url = f"postgresql://hublish@127.0.0.1:{port}/postgres"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            ["runuser", "-u", "postgres", "--", str((self.find() or Path()) / program), *arguments],
            cwd=self.folder, check=True, timeout=SECONDS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
