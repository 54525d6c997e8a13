"""What the operator says about registries, and how long and in what pieces hublish talks to them. Values only."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryRule:
    """One line of the operator's `registries` map; a host that has one is "listed".

    Attributes:
        plain_http: speak HTTP without TLS to this host; off, because credentials and images would travel in the open.
        auth_file: docker-style `config.json` with this host's credentials; None asks the default files.
        token_hosts: hosts (`host[:port]`) beside the registry's own that may be sent its credentials when they are the
            realm of its token service; empty, because a registry must not be able to send a password elsewhere.
    """

    plain_http: bool = False
    auth_file: Path | None = None
    token_hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferSizes:
    """In what pieces bodies travel.

    Attributes:
        monolithic_bytes: a blob up to this size goes in one PUT first: a registry hashes it as it comes, where it reads
            pieces again at their end (docker-registry 2.8 takes a blob 1.7 times as fast).
        chunk_bytes: size of one PATCH of a larger blob, or of one whose PUT broke off: what is lost at most when the
            connection drops then.
        read_bytes: how much is read, sent and reported as progress at a time.
    """

    monolithic_bytes: int = 256 * 1024 * 1024
    chunk_bytes: int = 32 * 1024 * 1024
    read_bytes: int = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one call is tried; each call starts with a fresh budget.

    Attributes:
        attempts: tries without progress before giving up; a piece that arrived starts the count anew.
        first_delay_seconds: pause before the second try; doubled before each further one.
        longest_delay_seconds: no pause is longer, a server's `Retry-After` excepted (see `total_seconds`).
        total_seconds: a call fails once it would still wait after this time; the time that the bytes of a blob take
            at `slowest_bytes_per_second` comes on top.
        slowest_bytes_per_second: slowest push of a blob that is waited for.
        pace_seconds: while a blob is read, its speed is judged each time it was waited for that long; what its reader does
            between two pieces does not count.
        slowest_pace_bytes_per_second: slowest reading that is waited for. Far lower than of pushes, as many blobs share a
            line, and high enough that a server which drips comes to an end.
        connect_seconds: time-out of a connection's start.
        read_seconds: longest silence of a server.
        sleep: waits.
        clock: monotonic seconds.
        jitter: a number from 0 up to 1; a pause is between half and all of its length, so that replicas spread.
    """

    attempts: int = 6
    first_delay_seconds: float = 0.5
    longest_delay_seconds: float = 20.0
    total_seconds: float = 300.0
    slowest_bytes_per_second: int = 128 * 1024
    pace_seconds: float = 300.0
    slowest_pace_bytes_per_second: int = 8 * 1024
    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random
