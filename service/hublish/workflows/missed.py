"""Webhooks that never came: looked for in GitHub's own list, at the start and every few minutes, and put into the inbox.

GitHub does not repeat a delivery by itself; without this an outage would lose releases. A delivery is fetched once by
its GUID and then takes the road of every other one, so that what it means is joined as always.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from hublish.core.github.deliveries import KEPT, ListedDelivery, find_missed, select_handled
from hublish.errors import HublishError
from hublish.telemetry import get_logger
from hublish.workflows.rounds import Rounds
from hublish.workflows.services import Services

SWEEP_SECONDS = 300.0
"""One request to GitHub each time when nothing was missed."""
OVERLAP = timedelta(hours=1)
"""What a look goes back behind the one before it: GitHub's list and clocks may lag."""

_log = get_logger(__name__)


class MissedDeliveries:
    """Looks for missed deliveries in a thread of its own."""

    def __init__(self, services: Services, *, limit_bytes: int, wake: Callable[[], None]) -> None:
        """Nothing starts here.

        Args:
            services: the ports.
            limit_bytes: largest body, as for the webhook.
            wake: called after a delivery was stored.
        """
        self._services = services
        self._limit_bytes = limit_bytes
        self._wake = wake
        self._complete_until: datetime | None = None
        self._rounds = Rounds("missed deliveries", self.fetch_missed, seconds=SWEEP_SECONDS)

    def start(self) -> None:
        """Start looking."""
        self._rounds.start()

    def stop(self) -> None:
        """Stop after the delivery at hand."""
        self._rounds.stop()

    def fetch_missed(self) -> int:
        """Store what was missed since the last complete look (at first: in GitHub's three days); returns how many."""
        with self._services.hold_duty("missed deliveries") as free:
            return self._look() if free else 0

    def _look(self) -> int:
        services = self._services
        now = services.now()
        since = now - KEPT if self._complete_until is None else max(now - KEPT, self._complete_until - OVERLAP)
        stored = 0
        try:
            listed = tuple(select_handled(services.delivery_log.list_deliveries(since=since)))
            missed = find_missed(
                listed,
                known=services.deliveries.list_known_guids(tuple({delivery.guid for delivery in listed})),
                serving_since=services.deliveries.find_first_arrival(),
            )
        except HublishError as error:
            _log.warning("missed deliveries not looked for", code=error.code, error=error.message)
            return stored
        complete = True
        for delivery in missed:
            if self._rounds.is_stopping:
                return stored
            try:
                stored += self._fetch(delivery)
            except HublishError as error:
                # It stands in the way of no newer one; the next look goes back to it.
                _log.warning("missed delivery not fetched", guid=delivery.guid, code=error.code, error=error.message)
                complete = False
        if complete:
            self._complete_until = now
        return stored

    def _fetch(self, delivery: ListedDelivery) -> bool:
        """Store one delivery; raises what the next look may get."""
        services = self._services
        try:
            body = services.delivery_log.fetch_payload(delivery.id)
        except HublishError as error:
            if error.transient:
                raise
            _log.warning("missed delivery lost", guid=delivery.guid, code=error.code, error=error.message)
            return False
        if body is None or len(body) > self._limit_bytes:
            reason = "GitHub has it no more" if body is None else "too large"
            _log.warning("missed delivery lost", guid=delivery.guid, reason=reason)
            return False
        stored = services.deliveries.insert_missed_delivery(
            guid=delivery.guid, event=delivery.event, body=body, at=services.now()
        )
        if stored:
            _log.info("missed delivery fetched", guid=delivery.guid, github_event=delivery.event)
            self._wake()
        return stored
