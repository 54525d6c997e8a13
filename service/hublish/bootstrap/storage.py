"""The service's database, opened by the operator at the machine.

Whoever makes a file owns it. So a command that only looks makes none: run by root before the service ever started, it
would leave a database that the service cannot write.
"""

from __future__ import annotations

import sqlalchemy as sa

from hublish.adapters.store import ensure_schema, open_database, open_existing_database
from hublish.settings import Settings


def open_storage(settings: Settings, *, make: bool) -> sa.Engine:
    """Open the database that `settings` name.

    Args:
        settings: the operator's.
        make: make it where there is none, as the service does at its first start.

    Raises:
        DatabaseFailed: it cannot be reached, or there is none and none is to be made.
    """
    if not make:
        return open_existing_database(settings.database)
    # The SQLite file lies there; sources of private repositories and bodies of webhooks are nobody else's business.
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = open_database(settings.database)
    ensure_schema(engine)
    return engine
