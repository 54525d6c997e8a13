"""The stored deliveries of the service, for the operator at the machine: looked at, repeated, rehearsed, brought by hand."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from hublish.adapters.store import DeliveryStore, find_file
from hublish.bootstrap.ports import make_services
from hublish.bootstrap.storage import open_storage
from hublish.core.github.deliveries import EVENT_PATTERN
from hublish.core.github.events import parse_event
from hublish.core.records import DeliveryEntry
from hublish.errors import ValueInvalid, clip
from hublish.settings import Settings
from hublish.workflows.rehearsal import Rehearsal, rehearse


class Deliveries:
    """The deliveries that the settings' database holds; a running service takes up what is due within a second."""

    def __init__(self, settings: Settings, engine: sa.Engine) -> None:
        self._settings = settings
        self._store = DeliveryStore(engine)

    def list_entries(self, limit: int) -> tuple[DeliveryEntry, ...]:
        """What became of the latest deliveries, newest first."""
        return self._store.list_entries(limit)

    def find_entry(self, name: str) -> DeliveryEntry | None:
        """A delivery by its GUID or number."""
        return self._store.find_entry(name)

    def read_body(self, entry: DeliveryEntry) -> bytes:
        """Its payload."""
        return self._store.read_body(entry.id)

    def repeat(self, entry: DeliveryEntry) -> None:
        """Let the service look at it again, as if GitHub had delivered it again."""
        self._store.repeat_delivery(entry.id)

    def bring(self, event: str, body: bytes) -> str:
        """Store a payload as if GitHub had delivered it; returns its GUID, the same for the same payload.

        Raises:
            ValueInvalid: the event is no event's name, or the payload is too large.
            WebhookRefused: the payload is no JSON object.
        """
        self._verify(event, body)
        guid = f"by-hand-{hashlib.sha256(event.encode() + b' ' + body).hexdigest()[:32]}"
        self._store.insert_delivery(guid=guid, event=event, body=body, at=datetime.now(UTC))
        return guid

    def rehearse(self, event: str, body: bytes, *, again: bool) -> Rehearsal:
        """What it would come to; nothing is stored or sent. Raises as `bring`, and what reading from GitHub raises."""
        self._verify(event, body)
        services = make_services(self._settings)
        try:
            return rehearse(services, event=event, body=body, again=again)
        finally:
            services.engine.close()

    def _verify(self, event: str, body: bytes) -> None:
        if not EVENT_PATTERN.fullmatch(event):
            raise ValueInvalid(f"Expected the name of an event, such as `release`, but got {clip(event)!r}.")
        limit = self._settings.limits.webhook_bytes
        if len(body) > limit:
            raise ValueInvalid(f"The payload has {len(body)} bytes; at most {limit} are taken.")
        parse_event(event=event, body=body)


def open_deliveries(settings: Settings, *, make: bool) -> Deliveries:
    """Open the deliveries that `settings` name; arguments and errors as of `open_storage`."""
    return Deliveries(settings, open_storage(settings, make=make))


def rehearse_payload(settings: Settings, event: str, body: bytes) -> Rehearsal:
    """Rehearse a payload that nobody stored; arguments and errors as of `Deliveries.rehearse`.

    Before the service ever started that happens in a folder of its own, which is removed: neither database, keys nor
    caches are made where the service will look for its own.
    """
    file = find_file(settings.database)
    if file is None or os.path.lexists(file):
        return open_deliveries(settings, make=False).rehearse(event, body, again=False)
    with TemporaryDirectory(prefix="hublish-", ignore_cleanup_errors=True) as folder:
        places = {"data": Path(folder), "database": f"sqlite:///{folder}/hublish.sqlite"}
        return open_deliveries(settings.model_copy(update=places), make=True).rehearse(event, body, again=False)
