"""The connections of a database's users, of which there are few: whoever gets none in time is told so in hublish's words."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.pool import Pool, PoolProxiedConnection, QueuePool

from hublish.errors import DatabaseFailed


class BoundedPool(QueuePool):
    """SQLAlchemy's own pool. That no connection was free is no failure of the driver, so that no listener hears of it."""

    def connect(self) -> PoolProxiedConnection:
        """Give a connection.

        Raises:
            DatabaseFailed: all of them were in use for too long; transient.
        """
        try:
            return super().connect()
        except sa.exc.TimeoutError as error:
            raise DatabaseFailed(
                f"no connection to the database became free in {self.timeout():g} seconds",
                hint="It is tried again; if it stays, look for what keeps the database waiting.",
                transient=True,
            ) from error


def choose_pool(url: sa.URL) -> type[Pool]:
    """Choose what keeps the connections of a database: its driver's choice, in hublish's words where that is bounded."""
    usual = url.get_dialect()().get_dialect_pool_class(url)
    return BoundedPool if usual is QueuePool else usual
