"""A server on loopback that keeps the webhooks it gets: the other end of the sandbox's deliveries."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One webhook as it came: headers (lower-case names) and raw body."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> str:
        """The event's name."""
        return self.headers["x-github-event"]

    @property
    def payload(self) -> dict[str, Any]:
        """The parsed body."""
        payload: dict[str, Any] = json.loads(self.body)
        return payload

    @property
    def name(self) -> str:
        """The event with its action, e.g. "release published"."""
        action = self.payload.get("action")
        return self.event if action is None else f"{self.event} {action}"

    def is_signed(self, secret: str) -> bool:
        """Whether the signature over the raw body is right."""
        digest = hmac.new(secret.encode(), self.body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(self.headers.get("x-hub-signature-256", ""), f"sha256={digest}")


class WebhookReceiver:
    """Answers every POST with `status`, after `delay_seconds`, and keeps it in `received`."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self.url = f"http://127.0.0.1:{server.server_address[1]}/webhook"
        self.received: list[Received] = []
        self.status = 202
        self.delay_seconds = 0.0

    @classmethod
    def start(cls) -> Self:
        """Listen on a free port of loopback."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
        receiver = cls(server)
        server.RequestHandlerClass = receiver._make_handler()
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return receiver

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def names(self) -> list[str]:
        """The events received, with their actions, in order."""
        return [item.name for item in self.received]

    def _make_handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                time.sleep(receiver.delay_seconds)
                receiver.received.append(Received(headers=headers, body=body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                return None

        return Handler
