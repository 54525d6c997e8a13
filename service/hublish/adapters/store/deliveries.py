"""Deliveries in the database: stored before they are answered, looked at once per arrival."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hublish.adapters.store.schema import deliveries, insert_ignore, parse_time, render_time
from hublish.core.records import Delivery, DeliveryEntry, DeliveryState

_FETCHED = ""
"""Stands for the hash of a body that GitHub's API gave: its bytes are not those that were signed."""
_GUIDS_PER_QUERY = 500
_NUMBER_DIGITS = 10
"""Longer ones fit no row number; a GUID may be all digits."""
_ENTRY = tuple(
    deliveries.c[name] for name in ("id", "guid", "event", "times", "state", "reason", "run_id", "received_at")
)


class DeliveryStore:
    """`hublish.core.records.DeliveryRecords` on a database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        # SQLite lets one writer in and makes the others sleep up to 100 ms at a time; a webhook's answer would wait for
        # that. Its two writers stand in line here instead, where the next one goes on at once.
        self._writing = threading.Lock()

    def insert_delivery(self, *, guid: str, event: str, body: bytes, at: datetime) -> bool:
        """Store a webhook; False when this guid and body came before (it is then due again)."""
        digest = hashlib.sha256(body).hexdigest()
        insert = self._make_insert(guid=guid, digest=digest, event=event, body=body, at=at)
        again = {"times": deliveries.c.times + 1, "state": DeliveryState.RECEIVED.value}
        same = self._make_update(guid, digest).values(**again)
        # What was fetched before it came is the same delivery, and has its signed bytes from now on.
        fetched = self._make_update(guid, _FETCHED).values(**again, event=event, body=body, body_sha256=digest)
        with self._writing, self._engine.begin() as connection:
            if any(connection.execute(update).rowcount for update in (same, fetched)):
                return False
            if connection.execute(insert).rowcount == 1:
                return True
            # Another replica was faster.
            connection.execute(same)
            return False

    def insert_missed_delivery(self, *, guid: str, event: str, body: bytes, at: datetime) -> bool:
        """Store what GitHub kept of a webhook that never came; False when this guid is stored already."""
        known = sa.select(deliveries.c.id).where(deliveries.c.guid == guid).limit(1)
        insert = self._make_insert(guid=guid, digest=_FETCHED, event=event, body=body, at=at)
        with self._writing, self._engine.begin() as connection:
            if connection.execute(known).first() is not None:
                return False
            return connection.execute(insert).rowcount == 1

    def _make_insert(self, *, guid: str, digest: str, event: str, body: bytes, at: datetime) -> sa.Executable:
        return insert_ignore(
            self._engine,
            deliveries,
            guid=guid,
            body_sha256=digest,
            event=event,
            body=body,
            times=1,
            state=DeliveryState.RECEIVED.value,
            received_at=render_time(at),
        )

    def _make_update(self, guid: str, digest: str) -> sa.Update:
        return deliveries.update().where(deliveries.c.guid == guid, deliveries.c.body_sha256 == digest)

    def list_known_guids(self, guids: Sequence[str]) -> frozenset[str]:
        """Those of `guids` that are stored."""
        known: set[str] = set()
        with self._engine.connect() as connection:
            for start in range(0, len(guids), _GUIDS_PER_QUERY):
                some = guids[start : start + _GUIDS_PER_QUERY]
                query = sa.select(deliveries.c.guid).where(deliveries.c.guid.in_(some)).distinct()
                known.update(connection.execute(query).scalars())
        return frozenset(known)

    def find_first_arrival(self) -> datetime | None:
        """When the first delivery of all was stored, aware UTC."""
        query = sa.select(deliveries.c.received_at).order_by(deliveries.c.id).limit(1)
        with self._engine.connect() as connection:
            first = connection.execute(query).scalar()
        return None if first is None else parse_time(first)

    def list_due_deliveries(self, limit: int) -> tuple[Delivery, ...]:
        """Deliveries nobody has looked at since they (last) came, oldest first."""
        query = (
            sa.select(deliveries)
            .where(deliveries.c.state == DeliveryState.RECEIVED.value)
            .order_by(deliveries.c.id)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return tuple(
                Delivery(
                    id=row.id,
                    guid=row.guid,
                    event=row.event,
                    body=row.body,
                    times=row.times,
                    received_at=parse_time(row.received_at),
                )
                for row in connection.execute(query)
            )

    def finish_delivery(
        self, delivery_id: int, *, times: int, state: DeliveryState, reason: str, run_id: str | None
    ) -> None:
        """Record what became of a delivery, unless it came again since (`times` moved on)."""
        update = (
            deliveries.update()
            .where(deliveries.c.id == delivery_id, deliveries.c.times == times)
            .values(state=state.value, reason=reason, run_id=run_id)
        )
        with self._writing, self._engine.begin() as connection:
            connection.execute(update)

    def list_entries(self, limit: int) -> tuple[DeliveryEntry, ...]:
        """What became of the latest deliveries, newest first."""
        query = sa.select(*_ENTRY).order_by(deliveries.c.id.desc()).limit(limit)
        with self._engine.connect() as connection:
            return tuple(_make_entry(row) for row in connection.execute(query))

    def find_entry(self, name: str) -> DeliveryEntry | None:
        """A delivery by its GUID or our number; the newest where a GUID came with several bodies."""
        wanted = deliveries.c.guid == name
        if name.isascii() and name.isdigit() and len(name) < _NUMBER_DIGITS:
            wanted |= deliveries.c.id == int(name)
        query = sa.select(*_ENTRY).where(wanted).order_by(deliveries.c.id.desc()).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else _make_entry(row)

    def read_body(self, delivery_id: int) -> bytes:
        """The body of a delivery; b"" when there is no such delivery."""
        query = sa.select(deliveries.c.body).where(deliveries.c.id == delivery_id)
        with self._engine.connect() as connection:
            return bytes(connection.execute(query).scalar() or b"")

    def repeat_delivery(self, delivery_id: int) -> None:
        """Let a delivery be due as if it had come again."""
        update = (
            deliveries.update()
            .where(deliveries.c.id == delivery_id)
            .values(times=deliveries.c.times + 1, state=DeliveryState.RECEIVED.value)
        )
        with self._writing, self._engine.begin() as connection:
            connection.execute(update)

    def count_deliveries(self) -> dict[str, int]:
        """Number of deliveries by state."""
        query = sa.select(deliveries.c.state, sa.func.count()).group_by(deliveries.c.state)
        with self._engine.connect() as connection:
            return {state: count for state, count in connection.execute(query)}  # noqa: C416  # rows are no tuples


def _make_entry(row: sa.Row[Any]) -> DeliveryEntry:
    return DeliveryEntry(
        id=row.id,
        guid=row.guid,
        event=row.event,
        times=row.times,
        state=DeliveryState(row.state),
        reason=row.reason,
        run_id=row.run_id,
        received_at=parse_time(row.received_at),
    )
