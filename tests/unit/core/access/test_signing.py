"""Signed requests: every part counts, and only now."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.access.signing import WINDOW_SECONDS, SignedRequest, is_signed, is_timely, make_signature

SECRET = "5" * 64
REQUEST = SignedRequest(
    method="POST",
    target="/api/v1/builds?a=b",
    timestamp="1795262400",
    idempotency_key="k1",
    body=b'{"repo": "octo/ts"}',
)
SIGNATURE = "sha256=4b682d183074adb14a063484bce99fe6831bfe535876f6af9cd2319d4333ac3f"


def test_signature_is_golden() -> None:
    """Clients make it by themselves: it never changes."""
    assert make_signature(SECRET, REQUEST) == SIGNATURE


def test_signed_request_is_known() -> None:
    """With the secret that it was signed with."""
    assert is_signed(SECRET, REQUEST, SIGNATURE)


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "PUT"},
        {"target": "/api/v1/builds?a=c"},
        {"target": "/api/v1/builds"},
        {"timestamp": "1795262401"},
        {"idempotency_key": "k2"},
        {"idempotency_key": ""},
        {"body": b'{"repo": "octo/other"}'},
        {"body": b""},
    ],
)
def test_changed_request_is_not_signed(changes: dict[str, object]) -> None:
    """Whatever part of it was changed on the way."""
    assert not is_signed(SECRET, dataclasses.replace(REQUEST, **changes), SIGNATURE)


@pytest.mark.parametrize(
    "signature", ["", "sha256=", SIGNATURE.upper(), SIGNATURE + "0", SIGNATURE[7:], "sha1=" + "0" * 40, "sha256=é"]
)
def test_malformed_signature_is_none(signature: str) -> None:
    """Exactly one way to write it."""
    assert not is_signed(SECRET, REQUEST, signature)


def test_secret_of_another_token_does_not_sign() -> None:
    """A signature belongs to one token."""
    assert not is_signed("6" * 64, REQUEST, SIGNATURE)


@pytest.mark.parametrize(
    ("timestamp", "timely"),
    [
        ("1000", True),
        (str(1000 - WINDOW_SECONDS), True),
        (str(1000 + WINDOW_SECONDS), True),
        (str(1000 - WINDOW_SECONDS - 1), False),
        (str(1001 + WINDOW_SECONDS), False),
        ("", False),
        ("-1000", False),
        ("1e3", False),
        ("9" * 13, False),
    ],
)
def test_only_requests_of_now_count(timestamp: str, *, timely: bool) -> None:
    """A copy is worth nothing after the window; nothing but digits is a time."""
    assert is_timely(timestamp, now_seconds=1000.0) is timely
