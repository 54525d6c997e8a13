"""GitHub's own list of what it delivered to the App, and which of it hublish has missed.

GitHub never repeats a delivery by itself and keeps each for three days. Decides only what has to be fetched; a fetched
delivery takes the road of every other one.

Source: GitHub REST API, "GitHub App webhooks"; GitHub, "Handling failed webhook deliveries".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from hublish.core.github.events import is_handled

KEPT = timedelta(days=3)
"""How long GitHub keeps a delivery."""

GUID_PATTERN = re.compile(r"[0-9A-Za-z-]{1,64}")
EVENT_PATTERN = re.compile(r"[a-z0-9_]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDelivery:
    """One attempt to deliver, as GitHub lists it.

    Attributes:
        id: GitHub's number of the attempt; each has its own.
        guid: the same for all attempts at one delivery.
        event: name of the event.
        action: "" for an event without one.
        delivered_at: when it was tried, aware UTC.
        answered: True when the webhook's receiver took it (2xx).
    """

    id: int
    guid: str
    event: str
    action: str
    delivered_at: datetime
    answered: bool


class DeliveryLog(Protocol):
    """What GitHub remembers of the App's deliveries."""

    def list_deliveries(self, *, since: datetime) -> Iterator[ListedDelivery]:
        """All attempts since then, the newest first."""

    def fetch_payload(self, delivery_id: int) -> bytes | None:
        """The payload of an attempt as JSON; None when GitHub has it no more."""


def select_handled(listed: Iterable[ListedDelivery]) -> Iterator[ListedDelivery]:
    """Leave out what hublish would ignore, and names that could be no delivery's."""
    for delivery in listed:
        named = GUID_PATTERN.fullmatch(delivery.guid) and EVENT_PATTERN.fullmatch(delivery.event)
        if named and is_handled(delivery.event, delivery.action):
            yield delivery


def find_missed(
    listed: Iterable[ListedDelivery], *, known: frozenset[str], serving_since: datetime | None
) -> tuple[ListedDelivery, ...]:
    """Choose the deliveries to fetch.

    Args:
        listed: attempts, the newest first.
        known: GUIDs that are stored already.
        serving_since: when the first delivery that is stored came; None when there is none. What was answered before
            that was answered by another database, and is not done again.

    Returns:
        One attempt for each GUID that was missed, the oldest first.
    """
    missed: dict[str, ListedDelivery] = {}
    elsewhere: set[str] = set()
    for delivery in listed:
        if delivery.guid in known:
            continue
        missed.setdefault(delivery.guid, delivery)
        if delivery.answered and (serving_since is None or delivery.delivered_at < serving_since):
            elsewhere.add(delivery.guid)
    return tuple(reversed([delivery for guid, delivery in missed.items() if guid not in elsewhere]))
