"""Payloads of GitHub, as far as they are read."""

from __future__ import annotations

import json
from typing import Any

from hublish.core.github.events import Event, parse_event
from hublish.core.repository import Repository

SHA = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = Repository(
    id=7, owner="org", name="ts", installation_id=99, default_branch="main", private=True, owner_id=3
)
BASE: dict[str, Any] = {
    "repository": {
        "id": 7,
        "name": "ts",
        "owner": {"id": 3, "login": "org", "type": "Organization"},
        "default_branch": "main",
        "private": True,
    },
    "sender": {"login": "alice", "type": "User"},
    "installation": {"id": 99},
}


RELEASE: dict[str, Any] = {
    "id": 5,
    "tag_name": "v1.2",
    "draft": False,
    "prerelease": False,
    "published_at": "2026-11-21T10:00:00Z",
    "html_url": "https://github.com/org/ts/releases/tag/v1.2",
}


ISSUE: dict[str, Any] = {
    "id": 11,
    "number": 3,
    "title": "Deliver Container Image",
    "body": "Tag: v1.2",
    "updated_at": "2026-11-21T10:00:00Z",
    "html_url": "https://github.com/org/ts/issues/3",
}


COMMENT: dict[str, Any] = {"id": 13, "body": "/build", "html_url": "https://github.com/org/ts/issues/3#issuecomment-13"}


QUESTION = {**ISSUE, "title": "A question", "body": None}


def parse(event: str, action: str, **parts: Any) -> Event:
    return parse_event(event=event, body=json.dumps({**BASE, "action": action, **parts}).encode())
