"""What the tests of the API share: the door over real records, a token, and a client that signs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import timedelta

from fastapi import FastAPI

from hublish.core.access.signing import SignedRequest, make_signature
from hublish.core.access.tokens import Token, hash_secret, make_secret, parse_scope
from hublish.web.api import PREFIX, make_api
from hublish.web.auth import Doorkeeper
from hublish.workflows.orders import Orders
from tests.unit.web.asgi import Answer, ask
from tests.unit.workflows.parts import AT, Stage

KEY = b"k" * 32
ORDER: dict[str, object] = {"repo": "octo/ts", "ref": "v1"}
BUILDS = f"{PREFIX}/builds"


class Door:
    """The API over real records, one token, and a client that signs."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.started: list[str] = []
        self.now = AT
        self.ids = iter(("a1", "a2", "a3", "a4"))
        self.services = dataclasses.replace(stage.services, now=lambda: self.now, make_run_id=lambda: next(self.ids))
        self.app = FastAPI()
        doorkeeper = Doorkeeper(
            self.services.tokens, key=KEY, requests_per_minute=20, now=lambda: self.now, clock=lambda: 0.0
        )
        self.app.mount(PREFIX, make_api(Orders(self.services, start_run=self.started.append), doorkeeper))
        self.token = self.add_token("build:octo/ts")

    def add_token(self, *scopes: str, token_id: str = "0123456789abcdef") -> Token:
        """Store a token of these scopes."""
        token = Token(
            id=token_id,
            name="nightly",
            scopes=tuple(parse_scope(scope) for scope in scopes),
            created_at=AT,
            expires_at=AT + timedelta(days=1),
        )
        token = dataclasses.replace(token, secret_sha256=hash_secret(make_secret(KEY, token)))
        self.services.tokens.insert_token(token)
        return token

    def send(
        self,
        target: str = BUILDS,
        *,
        body: bytes | dict[str, object] = b"",
        key: str = "",
        token: Token | None = None,
        method: str | None = None,
        tamper: Callable[[dict[str, str]], object] = lambda _headers: None,
    ) -> Answer:
        """Sign a request and send it; `tamper` may change its headers afterwards."""
        token = token or self.token
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        method = method or ("POST" if raw else "GET")
        stamp = str(int(self.now.timestamp()))
        request = SignedRequest(method=method, target=target, timestamp=stamp, idempotency_key=key, body=raw)
        headers = {
            "X-Hublish-Token": token.id,
            "X-Hublish-Timestamp": stamp,
            "X-Hublish-Signature": make_signature(make_secret(KEY, token), request),
            **({"Idempotency-Key": key} if key else {}),
        }
        tamper(headers)
        return ask(self.app, target, method=method, headers=headers, body=(raw,))


def read_problem(answer: Answer) -> tuple[int, str, str]:
    """Status, code and detail of a refusal, which has to be a whole problem."""
    document = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (document["status"], set(document)) == (answer.status, {"type", "title", "status", "detail", "code", "hint"})
    return answer.status, document["code"], document["detail"]


def make_document(**changes: object) -> dict[str, object]:
    """The build of ORDER as the API shows it at first."""
    return {
        "id": "a1", "status": "received", "repo": "octo/ts", "ref": "v1", "commit": None, "actor": "nightly", "images": [],
        "answer": None, "url": "https://hublish.example.com/runs/a1", "created_at": "2026-11-21T12:00:00Z",
        "ended_at": None, **changes,
    }  # fmt: skip
