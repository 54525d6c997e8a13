"""Asking an ASGI application without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Application = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status, headers by lower-case name, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def ask(
    app: Application,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: Sequence[bytes] = (b"",),
    hang_up: bool = False,
) -> Answer:
    """Send one request; `body` in the parts it arrives in, `hang_up` ends it before its last part."""
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    incoming: list[dict[str, object]] = [{"type": "http.request", "body": part, "more_body": True} for part in body]
    incoming[-1]["more_body"] = hang_up
    incoming.append({"type": "http.disconnect"})
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, object]:
        return incoming.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def run() -> None:
        await app(scope, receive, send)

    asyncio.run(run())
    start = sent[0]
    return Answer(
        status=start["status"],
        headers={name.decode(): value.decode() for name, value in start["headers"]},
        body=b"".join(message.get("body", b"") for message in sent[1:]),
    )


def live(app: Application, during: Callable[[], None]) -> list[str]:
    """Start the application, call `during`, and stop it; returns the types of the messages it sent."""
    sent: list[str] = []

    async def run() -> None:
        started, stop = asyncio.Event(), asyncio.Event()
        messages = iter(("startup", "shutdown"))

        async def receive() -> dict[str, object]:
            message = next(messages)
            if message == "shutdown":
                await stop.wait()
            return {"type": f"lifespan.{message}"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message["type"])
            started.set()

        task = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send))
        await started.wait()
        during()
        stop.set()
        await task

    asyncio.run(run())
    return sent
