"""The webhook door: cap, verify, store, answer 202; in this order and nothing more.

The signature is checked over the raw bytes, in constant time, before anything in them is looked at. A delivery that
was answered with 202 is in the database; everything else happens later and elsewhere.

Source: GitHub, "Validating webhook deliveries"; only SHA-256 signatures count.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from collections.abc import Callable
from concurrent.futures import Executor

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from hublish.core.github.deliveries import EVENT_PATTERN, GUID_PATTERN
from hublish.errors import HublishError, WebhookRefused
from hublish.telemetry import get_logger

SIGNATURE_HEADER = "x-hub-signature-256"
_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")
_LONGEST_LENGTH = 15
STORE_TIMEOUT_SECONDS = 8.0
"""Below the ten seconds after which GitHub gives up: better a clear 503, which GitHub shows and lets people redeliver."""

BODY_TIMEOUT_SECONDS = 10.0
"""GitHub itself gives up then; bodies that drip would otherwise be held, unsigned as they still are, without an end."""

StoreDelivery = Callable[[str, str, bytes], bool]
"""`(guid, event, body)`; False when this very delivery came before."""

_log = get_logger(__name__)


def verify_signature(body: bytes, header: str | None, *, secrets: tuple[bytes, ...]) -> None:
    """Verify a delivery's signature against one or two secrets (two while a secret is being changed).

    Args:
        body: raw bytes as received.
        header: value of `X-Hub-Signature-256`, or None.
        secrets: at least one.
    Raises:
        WebhookRefused: status 401; missing, malformed or wrong signature.
    """
    match = _SIGNATURE.fullmatch(header or "")
    given = match[1] if match else ""
    # Every secret is tried and compared in full, so that the time says nothing about which one was near.
    good = [hmac.compare_digest(hmac.new(secret, body, hashlib.sha256).hexdigest(), given) for secret in secrets]
    if not match or not any(good):
        raise WebhookRefused(
            "the delivery is not signed with this App's webhook secret",
            status=401,
            hint="compare the App's webhook secret with `github.webhook_secret_files`",
        )


async def read_body(request: Request, *, limit_bytes: int) -> bytes:
    """Read a body of at most `limit_bytes`, without ever holding more.

    Raises:
        WebhookRefused: status 413 where it is larger, 408 where it comes too slowly, 400 where the sender hung up.
    """
    declared = request.headers.get("content-length", "")
    too_large = WebhookRefused(f"a delivery holds at most {limit_bytes} bytes", status=413)
    if declared.isdecimal() and (len(declared) > _LONGEST_LENGTH or int(declared) > limit_bytes):
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > limit_bytes:
                    raise too_large
                parts.append(part)
    except TimeoutError as error:
        raise WebhookRefused("the delivery's body came too slowly", status=408) from error
    except ClientDisconnect as error:
        raise WebhookRefused("the delivery ended before its body was complete", status=400) from error
    return b"".join(parts)


def make_webhook_router(
    *, secrets: tuple[bytes, ...], limit_bytes: int, store: StoreDelivery, writer: Executor, wake: Callable[[], None]
) -> APIRouter:
    """Make the route that GitHub posts to.

    Args:
        secrets: the App's webhook secrets.
        limit_bytes: largest body.
        store: stores a delivery; blocks.
        writer: where `store` runs; one thread, so that writers never wait for each other's locks.
        wake: called after a delivery was stored.
    """
    router = APIRouter()

    @router.post("/webhook", status_code=202)
    async def receive(request: Request) -> JSONResponse:
        try:
            body = await read_body(request, limit_bytes=limit_bytes)
            verify_signature(body, request.headers.get(SIGNATURE_HEADER), secrets=secrets)
            guid, event = _read_headers(request)
        except WebhookRefused as error:
            _log.warning("delivery refused", status=error.status, reason=error.message)
            return JSONResponse({"error": error.message, "hint": error.hint}, status_code=error.status)
        loop = asyncio.get_running_loop()
        try:
            stored = loop.run_in_executor(writer, store, guid, event, body)
            fresh = await asyncio.wait_for(stored, STORE_TIMEOUT_SECONDS)
        except (HublishError, TimeoutError):
            _log.exception("delivery not stored", guid=guid)
            return JSONResponse(
                {"error": "the delivery could not be stored", "hint": "redeliver it later"},
                status_code=503,
                headers={"Retry-After": "30"},
            )
        wake()
        return JSONResponse({"status": "stored" if fresh else "known"}, status_code=202)

    return router


def _read_headers(request: Request) -> tuple[str, str]:
    guid, event = request.headers.get("x-github-delivery", ""), request.headers.get("x-github-event", "")
    if not GUID_PATTERN.fullmatch(guid) or not EVENT_PATTERN.fullmatch(event):
        raise WebhookRefused("X-GitHub-Delivery and X-GitHub-Event are expected on a delivery", status=400)
    return guid, event
