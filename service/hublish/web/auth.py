"""Who sends a request of the HTTP API: the token it names, proved by its signature, in time, and not too often.

The order matters: nothing of a request is believed, and nothing about a token is said, before the signature was verified.
Refused requests are counted by address and good ones by token, so that nobody can use up another one's share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from hublish.core.access.signing import SignedRequest, is_signed, is_timely
from hublish.core.access.tokens import ID_PATTERN, Token, TokenRecords, hash_secret, make_secret
from hublish.errors import ApiRefused, WebhookRefused
from hublish.telemetry import get_logger
from hublish.web.ratelimit import RateLimit
from hublish.web.webhooks import read_body

TOKEN_HEADER = "x-hublish-token"  # noqa: S105  # the name of a header
TIMESTAMP_HEADER = "x-hublish-timestamp"
SIGNATURE_HEADER = "x-hublish-signature"
IDEMPOTENCY_HEADER = "idempotency-key"
BODY_LIMIT_BYTES = 64 << 10
REFUSALS_PER_MINUTE = 30
"""Refused requests of one address that are told why; enough to find one's mistake."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOBODY = Token(id="0" * 16, name="nobody", scopes=(), created_at=_EPOCH, expires_at=_EPOCH, secret_sha256="")

_log = get_logger(__name__)


class Doorkeeper:
    """Verifies requests."""

    def __init__(
        self,
        tokens: TokenRecords,
        *,
        key: bytes,
        requests_per_minute: int,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        """Nothing is read here.

        Args:
            tokens: those that were made.
            key: the operator's, that their secrets follow from.
            requests_per_minute: good requests of one token.
            now: the time, aware UTC.
            clock: seconds that never go back.
        """
        self._tokens = tokens
        self._key = key
        self._now = now
        self._requests = RateLimit(per_minute=requests_per_minute, clock=clock)
        self._refusals = RateLimit(per_minute=REFUSALS_PER_MINUTE, clock=clock)

    async def admit(self, request: Request) -> tuple[Token, SignedRequest]:
        """Admit a request; returns whose it is, and what of it was signed.

        Raises:
            ApiRefused: 401 not signed, not now, or by a token that has ended; 408, 413 its body; 429 too often.
        """
        try:
            signed = await _read_signed(request)
            token = await run_in_threadpool(self._verify, request.headers, signed)
        except ApiRefused:
            # Only now: behind a proxy all have one address, and nobody's bad requests may stand before good ones.
            address = "" if request.client is None else request.client.host
            _verify_pace(self._refusals.take(address), "requests of this address that were refused")
            raise
        _verify_pace(self._requests.take(token.id), "requests of this token")
        return token, signed

    def _verify(self, headers: Mapping[str, str], signed: SignedRequest) -> Token:
        token_id = headers.get(TOKEN_HEADER, "")
        token = self._tokens.read_token(token_id) if ID_PATTERN.fullmatch(token_id) else None
        # An unknown token costs the same comparison as a known one.
        secret = make_secret(self._key, token or _NOBODY)
        good = is_signed(secret, signed, headers.get(SIGNATURE_HEADER, ""))
        if token is None or not good:
            if token is not None and token.secret_sha256 != hash_secret(secret):
                _log.error("token was made with another key or changed since", token=token.id)
            raise ApiRefused(
                "The request is not signed with the secret of a token of this service.",
                status=401,
                reason="SignatureInvalid",
                hint="sign method, path with query, timestamp, idempotency key and body, as the page on the API says",
            )
        self._verify_time(token, signed)
        return token

    def _verify_time(self, token: Token, signed: SignedRequest) -> None:
        now = self._now()
        if not is_timely(signed.timestamp, now_seconds=now.timestamp()):
            raise ApiRefused(
                f"The request's timestamp is too far from this service's time, {int(now.timestamp())}.",
                status=401,
                reason="TimestampInvalid",
                hint="set the clock, and sign each request when it is sent",
            )
        if token.revoked_at is not None or token.expires_at <= now:
            ended = "was revoked" if token.revoked_at is not None else "has expired"
            raise ApiRefused(
                f"The token {ended}.", status=401, reason="TokenEnded", hint="ask the operator for a new one"
            )


async def _read_signed(request: Request) -> SignedRequest:
    try:
        body = await read_body(request, limit_bytes=BODY_LIMIT_BYTES)
    except WebhookRefused as error:
        raise ApiRefused(
            "The body is too large, came too slowly or ended early.", status=error.status, reason="BodyRefused"
        ) from error
    query = request.scope.get("query_string", b"").decode("ascii", "replace")
    path = request.scope.get("raw_path", request.url.path.encode()).partition(b"?")[0].decode("ascii", "replace")
    return SignedRequest(
        method=request.method,
        target=f"{path}?{query}" if query else path,
        timestamp=request.headers.get(TIMESTAMP_HEADER, ""),
        idempotency_key=request.headers.get(IDEMPOTENCY_HEADER, ""),
        body=body,
    )


def _verify_pace(wait_seconds: int, what: str) -> None:
    if wait_seconds:
        raise ApiRefused(
            f"There were too many {what}.",
            status=429,
            reason="TooManyRequests",
            hint=f"ask again in {wait_seconds} seconds",
            retry_after_seconds=wait_seconds,
        )
