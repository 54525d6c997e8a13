"""Webhooks sent by hand: signed as GitHub signs them, or not."""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
from contextlib import closing
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.sandbox.town import Town


def sign(town: Town, body: bytes) -> str:
    """The signature GitHub would send."""
    return "sha256=" + hmac.new(town.github.webhook_secret.encode(), body, hashlib.sha256).hexdigest()


def post(town: Town, body: bytes, **headers: str) -> int:
    """Post a delivery; returns the status."""
    request = Request(f"{town.url}/webhook", data=body, headers=headers, method="POST")
    try:
        with urlopen(request, timeout=120) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return int(error.code)


def post_signed(town: Town, body: bytes, *, event: str, guid: str) -> int:
    """Post a delivery as GitHub does; returns the status."""
    headers = {"X-GitHub-Event": event, "X-GitHub-Delivery": guid, "X-Hub-Signature-256": sign(town, body)}
    return post(town, body, **headers)


def read_deliveries(town: Town) -> list[dict[str, Any]]:
    """The stored deliveries straight from the service's database, oldest first."""
    names = ("guid", "event", "times", "state", "reason", "run_id")
    database = town.folder / "data" / "hublish.sqlite"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        rows = connection.execute(f"select {', '.join(names)} from deliveries order by id").fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows]
