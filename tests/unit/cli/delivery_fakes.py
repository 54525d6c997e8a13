"""Stored webhooks for the tests of the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from hublish.core.records import DeliveryEntry, DeliveryState
from hublish.workflows.rehearsal import Rehearsal

DRAFT = Rehearsal(decision="ignored", reason="the release is a draft", trigger=None)
ENTRY = DeliveryEntry(
    id=17,
    guid="4b1c2d60-7b5e-11f1",
    event="release",
    times=2,
    state=DeliveryState.ACCEPTED,
    reason="",
    run_id="3f0c9a",
    received_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)


@dataclass(slots=True, kw_only=True)
class FakeDeliveries:
    """Stored webhooks; keeps what was asked."""

    entries: tuple[DeliveryEntry, ...] = (ENTRY,)
    rehearsal: Rehearsal = DRAFT
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def list_entries(self, limit: int) -> tuple[DeliveryEntry, ...]:
        return self.entries[:limit]

    def find_entry(self, name: str) -> DeliveryEntry | None:
        return next((entry for entry in self.entries if name in (entry.guid, str(entry.id))), None)

    def read_body(self, entry: DeliveryEntry) -> bytes:
        return b'{"action": "published"}'

    def repeat(self, entry: DeliveryEntry) -> None:
        self.calls.append(("repeat", entry.id))

    def bring(self, event: str, body: bytes) -> str:
        self.calls.append(("bring", event, body))
        return "by-hand-1"

    def rehearse(self, event: str, body: bytes, *, again: bool) -> Rehearsal:
        self.calls.append(("rehearse", event, body, again))
        return self.rehearsal
