"""Deliveries in the database: stored before they are answered, looked at once per arrival."""

from __future__ import annotations

import hashlib
import threading
from datetime import datetime

import sqlalchemy as sa

from hublish.adapters.store.schema import deliveries, insert_ignore, render_time
from hublish.core.records import Delivery, DeliveryState


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
        insert = insert_ignore(
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
        again = (
            deliveries.update()
            .where(deliveries.c.guid == guid, deliveries.c.body_sha256 == digest)
            .values(times=deliveries.c.times + 1, state=DeliveryState.RECEIVED.value)
        )
        with self._writing, self._engine.begin() as connection:
            if connection.execute(insert).rowcount == 1:
                return True
            connection.execute(again)
            return False

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
                Delivery(id=row.id, guid=row.guid, event=row.event, body=row.body, times=row.times)
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

    def count_deliveries(self) -> dict[str, int]:
        """Number of deliveries by state."""
        query = sa.select(deliveries.c.state, sa.func.count()).group_by(deliveries.c.state)
        with self._engine.connect() as connection:
            return {state: count for state, count in connection.execute(query)}  # noqa: C416  # rows are no tuples
