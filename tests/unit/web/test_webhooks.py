"""The webhook door."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from hublish.errors import DatabaseFailed, WebhookRefused
from hublish.web import webhooks
from hublish.web.app import make_app
from hublish.web.webhooks import make_webhook_router, read_body, verify_signature
from tests.unit.web.asgi import Answer, ask

SECRETS = (b"new secret", b"old secret")
BODY = b'{"action": "published"}'
LIMIT = 64


def sign(body: bytes = BODY, secret: bytes = SECRETS[0]) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


class Door:
    """The door with everything behind it written down."""

    def __init__(self, writer: ThreadPoolExecutor) -> None:
        self.stored: list[tuple[str, str, bytes]] = []
        self.woken = 0
        self.fresh = True
        self.error: Exception | None = None
        self.database_works = threading.Event()
        self.database_works.set()
        router = make_webhook_router(
            secrets=SECRETS, limit_bytes=LIMIT, store=self.store, writer=writer, wake=self.wake
        )
        self.app = make_app((router,), start=lambda: None, stop=lambda: None, health=dict)

    def store(self, guid: str, event: str, body: bytes) -> bool:
        self.database_works.wait(240)
        if self.error is not None:
            raise self.error
        self.stored.append((guid, event, body))
        return self.fresh

    def wake(self) -> None:
        self.woken += 1

    def post(
        self,
        body: Sequence[bytes] = (BODY,),
        *,
        signature: str | None = None,
        headers: Mapping[str, str] | None = None,
        hang_up: bool = False,
    ) -> Answer:
        given = {
            "X-GitHub-Delivery": "0b989ba4-242f-11e5-81e1-c7b6966d2516",
            "X-GitHub-Event": "release",
            "X-Hub-Signature-256": sign(b"".join(body)) if signature is None else signature,
            **(headers or {}),
        }
        return ask(self.app, "/webhook", method="POST", headers=given, body=body, hang_up=hang_up)


@pytest.fixture
def door() -> Iterator[Door]:
    with ThreadPoolExecutor(1) as writer:
        yield Door(writer)


def test_signed_delivery_is_stored_and_answered_with_202(door: Door) -> None:
    """The raw bytes are stored under GUID and event, and the inbox is woken."""
    answer = door.post([BODY[:5], BODY[5:]])

    assert (answer.status, json.loads(answer.body)) == (202, {"status": "stored"})
    assert door.stored == [("0b989ba4-242f-11e5-81e1-c7b6966d2516", "release", BODY)]
    assert door.woken == 1


def test_delivery_that_came_before_is_known_and_looked_at_again(door: Door) -> None:
    """A redelivery is no error."""
    door.fresh = False
    answer = door.post()

    assert (answer.status, json.loads(answer.body)) == (202, {"status": "known"})
    assert door.woken == 1


def test_old_secret_counts_while_it_is_listed(door: Door) -> None:
    """A secret can be changed without losing a delivery."""

    assert door.post(signature=sign(secret=SECRETS[1])).status == 202


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        sign(secret=b"wrong"),
        sign(body=b"other"),
        sign().upper(),
        sign() + "0",
        " " + sign()[7:],
        "sha1=" + hmac.new(SECRETS[0], BODY, hashlib.sha1).hexdigest(),
        "sha256=" + "0" * 64,
    ],
)
def test_delivery_that_is_not_ours_is_refused_unread(door: Door, signature: str) -> None:
    """Missing, malformed, wrong, SHA-1: 401 and nothing is stored, whatever else is wrong with it."""
    answer = door.post(signature=signature, headers={"X-GitHub-Event": "Not An Event"})
    expected = {
        "error": "the delivery is not signed with this App's webhook secret",
        "hint": "compare the App's webhook secret with `github.webhook_secret_files`",
    }

    assert (answer.status, json.loads(answer.body)) == (401, expected)
    assert (door.stored, door.woken) == ([], 0)


def test_absent_signature_is_refused() -> None:
    """None is as wrong as an empty header."""
    with pytest.raises(WebhookRefused) as caught:
        verify_signature(BODY, None, secrets=SECRETS)

    assert caught.value.status == 401


@pytest.mark.parametrize("declared", [str(LIMIT + 1), "9" * 5000])
def test_delivery_that_declares_too_much_is_refused_before_it_is_read(door: Door, declared: str) -> None:
    """413, however absurd the number."""
    answer = door.post(headers={"Content-Length": declared})

    assert (answer.status, json.loads(answer.body)["error"]) == (413, "a delivery holds at most 64 bytes")
    assert door.stored == []


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "1"}, {"Content-Length": "-1"}, {"Content-Length": "x"}])
def test_delivery_that_grows_too_large_is_refused_on_the_way(door: Door, headers: dict[str, str]) -> None:
    """What was declared, if anything, is not believed."""
    answer = door.post([b"x" * LIMIT, b"x"], headers=headers)

    assert answer.status == 413
    assert door.stored == []


def test_delivery_at_the_limit_is_taken(door: Door) -> None:
    """The limit itself is allowed."""

    assert door.post([b"x" * LIMIT], headers={"Content-Length": str(LIMIT)}).status == 202


def test_sender_that_hangs_up_is_no_fault_of_the_service(door: Door) -> None:
    """Nothing is stored of half a body."""
    answer = door.post([BODY], hang_up=True)

    assert (answer.status, door.stored) == (400, [])


@pytest.mark.parametrize(
    "headers",
    [
        {"X-GitHub-Delivery": ""},
        {"X-GitHub-Delivery": "x" * 65},
        {"X-GitHub-Delivery": "a b"},
        {"X-GitHub-Event": ""},
        {"X-GitHub-Event": "Release"},
        {"X-GitHub-Event": "../x"},
    ],
)
def test_signed_delivery_without_githubs_headers_is_refused(door: Door, headers: dict[str, str]) -> None:
    """They are outside the signature, so that their form is checked."""
    answer = door.post(headers=headers)
    expected = "X-GitHub-Delivery and X-GitHub-Event are expected on a delivery"

    assert (answer.status, json.loads(answer.body)["error"]) == (400, expected)
    assert door.stored == []


def test_database_that_fails_is_a_503_that_can_be_redelivered(door: Door) -> None:
    """GitHub shows it and lets people press the button; nothing of the cause is told."""
    door.error = DatabaseFailed("disk full at /var/lib")
    answer = door.post()
    expected = {"error": "the delivery could not be stored", "hint": "redeliver it later"}

    assert (answer.status, json.loads(answer.body), answer.headers["retry-after"]) == (503, expected, "30")
    assert door.woken == 0


def test_database_that_hangs_is_a_503_before_github_gives_up(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer does not wait for the writer for ever."""
    monkeypatch.setattr(webhooks, "STORE_TIMEOUT_SECONDS", 0.05)
    door.database_works.clear()
    status = door.post().status
    door.database_works.set()

    assert status == 503


def test_door_is_for_posting_only(door: Door) -> None:
    """A GET changes nothing and says so."""

    assert ask(door.app, "/webhook").status == 405


def test_body_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends without an end and without a signature does not hold the door's memory for ever."""
    monkeypatch.setattr(webhooks, "BODY_TIMEOUT_SECONDS", 0.05)

    class Dripping:
        headers: Mapping[str, str] = {}

        async def stream(self) -> AsyncIterator[bytes]:
            while True:
                yield b"x"
                await asyncio.sleep(0.01)

    with pytest.raises(WebhookRefused) as caught:
        asyncio.run(read_body(Dripping(), limit_bytes=1000))

    assert (caught.value.status, caught.value.message) == (408, "the delivery's body came too slowly")
