"""What GitHub remembers of the App's deliveries: the list, newest first, and the payload of one.

Pages are followed by the cursor in the `Link` header, never by its address. Nothing is decided here.

Source: GitHub REST API, "GitHub App webhooks".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from pydantic import AwareDatetime

from hublish.adapters.github.app import GitHubApp
from hublish.adapters.github.session import PAGE_SIZE, Reply, Session, make_path, parse_reply
from hublish.core.github.deliveries import ListedDelivery
from hublish.errors import GitHubFailed
from hublish.telemetry import get_logger

PAGE_LIMIT = 1000
"""At most 100,000 attempts are looked at; an App has fewer in three days."""
_PATH = ("app", "hook", "deliveries")
_NEXT = re.compile(r'<([^<>]*)>;\s*rel="next"')

_log = get_logger(__name__)


class _ItemReply(Reply):
    id: int
    guid: str
    event: str
    action: str | None = None
    delivered_at: AwareDatetime
    status_code: int


class _Request(Reply):
    payload: dict[str, object] | None = None


class _DetailReply(Reply):
    request: _Request


class GitHubDeliveries:
    """Implements the port DeliveryLog."""

    def __init__(self, app: GitHubApp) -> None:
        self._app = app

    def list_deliveries(self, *, since: datetime) -> Iterator[ListedDelivery]:
        """All attempts since then, the newest first; each page has a budget of its own. Raises GitHubFailed."""
        cursor: str | None = None
        for _ in range(PAGE_LIMIT):
            page, cursor = self._fetch_page(cursor)
            for item in page:
                if item.delivered_at < since:
                    return
                yield _make_listed(item)
            if cursor is None:
                return
        _log.warning("list of deliveries cut", pages=PAGE_LIMIT)

    def fetch_payload(self, delivery_id: int) -> bytes | None:
        """The payload of an attempt as JSON; None when GitHub has it no more. Raises GitHubFailed."""
        path = make_path(*_PATH, delivery_id)
        detail = self._app.run_as_app(lambda session: session.find(_DetailReply, path))
        if detail is None or detail.request.payload is None:
            return None
        # ASCII, because JSON may hold halves of characters, which no encoding has.
        return json.dumps(detail.request.payload, separators=(",", ":")).encode("ascii")

    def _fetch_page(self, cursor: str | None) -> tuple[list[_ItemReply], str | None]:
        path = make_path(*_PATH)
        query = {"per_page": str(PAGE_SIZE), **({} if cursor is None else {"cursor": cursor})}

        def read(session: Session) -> tuple[Mapping[str, str], object]:
            return session.send("GET", path, query=query)

        headers, value = self._app.run_as_app(read)
        if not isinstance(value, list):
            raise GitHubFailed(f"GET {path} at GitHub: expected a list, but the answer holds none.")
        return [parse_reply(_ItemReply, item, call=f"GET {path}") for item in value], _find_cursor(headers)


def _find_cursor(headers: Mapping[str, str]) -> str | None:
    following = _NEXT.search(headers.get("link", ""))
    return None if following is None else next(iter(parse_qs(urlsplit(following[1]).query).get("cursor", ())), None)


def _make_listed(item: _ItemReply) -> ListedDelivery:
    return ListedDelivery(
        id=item.id,
        guid=item.guid,
        event=item.event,
        action=item.action or "",
        delivered_at=item.delivered_at,
        answered=item.status_code // 100 == 2,  # noqa: PLR2004  # the class of all successes
    )
