"""What the sandbox's package index does wrong on demand, and what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Fault:
    """What goes wrong, on paths that `path_regex` is found in, `times` times.

    Attributes:
        status: answer this status instead.
        headers: headers added to that answer.
        body: answer these bytes instead of the right ones (with `status`: as its body).
        delay_seconds: wait before the answer.
        gate: wait for this event before the answer.
        truncate_at: send only so many bytes of the body, then drop the connection.
        drop: drop the connection without an answer.
        drip_seconds: wait so long after each byte of the body.
    """

    path_regex: str
    times: int = 1
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay_seconds: float = 0.0
    gate: threading.Event | None = None
    truncate_at: int | None = None
    drop: bool = False
    drip_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as it came in and the status it got."""

    method: str
    path: str
    headers: Mapping[str, str]
    status: int | None
