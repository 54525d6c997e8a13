"""GitHub's published examples of what it sends; `contract/NOTICE.md` names their origin."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "contract" / "webhooks.json.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookExample:
    """One published payload.

    Attributes:
        event: value of the X-GitHub-Event header.
        action: of the payload; None when the event has none.
        number: 1-based among the examples of the event.
        payload: with `installation`, which GitHub sends to Apps and most examples lack.
    """

    event: str
    action: str | None
    number: int
    payload: Mapping[str, Any]


@functools.cache
def load_webhook_examples(*, installation_id: int = 50_000_000) -> tuple[WebhookExample, ...]:
    """GitHub's 329 published payloads, in their order; `installation_id` is put into those that name none."""
    events = json.loads(gzip.decompress(DATA.read_bytes()))
    return tuple(
        WebhookExample(
            event=event["name"],
            action=payload.get("action"),
            number=number,
            payload={"installation": {"id": installation_id, "node_id": "MDIzOkluc3RhbGxhdGlvbg=="}, **payload},
        )
        for event in events
        for number, payload in enumerate(event["examples"], start=1)
    )
