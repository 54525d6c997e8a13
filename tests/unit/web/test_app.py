"""The application around the routes: start, stop, health, failures."""

from __future__ import annotations

import json

from fastapi import APIRouter

from hublish.errors import DatabaseFailed
from hublish.web.app import make_app
from tests.unit.web.asgi import ask, live


def make(parts: dict[str, str] | None = None, *routers: APIRouter, events: list[str] | None = None):
    seen = [] if events is None else events
    return make_app(
        routers, start=lambda: seen.append("start"), stop=lambda: seen.append("stop"), health=lambda: parts or {}
    )


def test_workflows_start_before_the_first_request_and_stop_after_the_last() -> None:
    """The application's life spans theirs."""
    events: list[str] = []
    sent = live(make(events=events), lambda: events.append("requests"))

    assert events == ["start", "requests", "stop"]
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_health_is_good_when_every_part_is() -> None:
    """200 with the parts."""
    answer = ask(make({"database": "ok"}), "/healthz")

    assert (answer.status, json.loads(answer.body)) == (200, {"ok": True, "parts": {"database": "ok"}})


def test_health_names_the_part_that_is_not() -> None:
    """503, so that a load balancer looks elsewhere."""
    answer = ask(make({"database": "DatabaseFailed", "disk": "ok"}), "/healthz")
    expected = {"ok": False, "parts": {"database": "DatabaseFailed", "disk": "ok"}}

    assert (answer.status, json.loads(answer.body)) == (503, expected)


def test_failure_behind_a_page_is_a_plain_sentence() -> None:
    """503 without a word of what failed: a page is for strangers, too."""
    router = APIRouter()

    @router.get("/page")
    def fail() -> None:
        raise DatabaseFailed("postgresql://secret@db is away")

    answer = ask(make({}, router), "/page")

    assert (answer.status, answer.text) == (503, "The page cannot be shown now; try again later.\n")


def test_interface_description_is_not_served() -> None:
    """Neither the framework's pages nor its schema, which load scripts from elsewhere."""

    assert [ask(make(), path).status for path in ("/docs", "/redoc", "/openapi.json")] == [404, 404, 404]
