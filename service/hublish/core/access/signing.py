"""What of a request is signed with a token's secret, and how: the client and the service make the same text of it.

```
METHOD
path with query
seconds since 1970
idempotency key, or nothing
sha256 of the body in hex
```
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

WINDOW_SECONDS = 300
"""How far a request's time may be from the service's: clocks differ, and a copy of a request is worth nothing later."""
IDEMPOTENCY_PATTERN = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """A request as far as it is signed.

    Attributes:
        method: upper-case.
        target: path and query exactly as sent, e.g. "/api/v1/builds?repo=octo/ts".
        timestamp: as sent.
        idempotency_key: as sent; "" for none.
        body: raw bytes; b"" for none.
    """

    method: str
    target: str
    timestamp: str
    idempotency_key: str
    body: bytes


def make_signature(secret: str, request: SignedRequest) -> str:
    """Sign a request; returns `sha256=<64 hex digits>`."""
    digest = hashlib.sha256(request.body).hexdigest()
    text = f"{request.method}\n{request.target}\n{request.timestamp}\n{request.idempotency_key}\n{digest}"
    return "sha256=" + hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def is_signed(secret: str, request: SignedRequest, signature: str) -> bool:
    """Tell whether a signature is that of the request; in constant time."""
    well_formed = _SIGNATURE.fullmatch(signature) is not None
    return hmac.compare_digest(make_signature(secret, request), signature if well_formed else "") and well_formed


def is_timely(timestamp: str, *, now_seconds: float) -> bool:
    """Tell whether a request was made now, give or take the window."""
    return _TIMESTAMP.fullmatch(timestamp) is not None and abs(int(timestamp) - now_seconds) <= WINDOW_SECONDS
