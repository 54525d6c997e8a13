"""Requests to an index: redirects by the rules, retries with a fresh budget and one deadline, sizes capped.

Nothing of urllib3 leaves this module: its errors become IndexFailed, transient when the same request may succeed later.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, ProxyError, SSLError
from urllib3.response import BaseHTTPResponse

from hublish.adapters.index.rules import LIST_IT, IndexBase, IndexRules, host_of, origin_of, show_url, split_url
from hublish.errors import HublishError, IndexFailed, clip
from hublish.network import Network, Pools, find_proxy_refusal, join_url

T = TypeVar("T")
_CHUNK_BYTES = 1 << 16
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_NOT_MODIFIED = 304
_LONGEST_RETRY_AFTER_SECONDS = 60.0
_USER_AGENT = "hublish (pip-compatible simple API client)"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexTiming:
    """How patient a call is; every call gets all of it anew.

    Attributes:
        connect_seconds: longest wait for a connection.
        read_seconds: longest silence of the server.
        page_seconds: the whole of one page, retries included.
        file_seconds: the whole of one file, retries included; large wheels over slow lines need minutes.
        attempts: tries in all.
        backoff_seconds: wait before the second try; doubled for each further one, with jitter.
    """

    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    page_seconds: float = 120.0
    file_seconds: float = 1800.0
    attempts: int = 5
    backoff_seconds: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One thing to fetch.

    Attributes:
        url: absolute URL.
        base: the index it belongs to; its credentials go to its own origin only.
        hashed: True when the SHA-256 of the answer is known beforehand.
        headers: headers besides User-Agent and Authorization.
        seconds: deadline of the whole call.
    """

    url: str
    base: IndexBase
    hashed: bool
    headers: Mapping[str, str]
    seconds: float

    @property
    def where(self) -> str:
        """Host and path for error texts."""
        return show_url(split_url(self.url))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response that is 200, 304, 404 or 410 and has not been read yet.

    Attributes:
        status: HTTP status.
        headers: of the response.
        url: after redirects.
        chunks: the body in pieces, decompressed; raises IndexFailed when it breaks off or takes too long.
    """

    status: int
    headers: Mapping[str, str]
    url: str
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexTransport:
    """Sends requests; safe to share between threads.

    Attributes:
        rules: who may be asked.
        timing: how long.
        pools: connections, by proxy and guard.
        clock, sleep, jitter: monotonic seconds, waiting, and a number in [0, 1).
    """

    rules: IndexRules
    timing: IndexTiming = IndexTiming()
    pools: Pools = field(default_factory=lambda: Pools(Network(), hint=LIST_IT), repr=False)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def run(self, request: Request, use: Callable[[Answer], T]) -> T:
        """Send a request and give its answer to `use`; again while the failure is transient and time is left.

        Args:
            request: what to fetch.
            use: reads the answer; called anew for each try.

        Raises:
            IndexFailed: the last failure, transient when another call may succeed.
            NotAllowed: the URL or a redirect breaks a rule.
        """
        deadline = self.clock() + request.seconds
        attempt = 1
        while True:
            try:
                with self._open(request, deadline) as answer:
                    return use(answer)
            except _Postponed as exc:
                failure, wait = exc.failure, exc.seconds
            except IndexFailed as exc:
                failure, wait = exc, self._wait_seconds(attempt)
            if not failure.transient or attempt >= self.timing.attempts or self.clock() + wait > deadline:
                raise failure
            self.sleep(wait)
            attempt += 1

    def _wait_seconds(self, attempt: int) -> float:
        return self.timing.backoff_seconds * float(2 ** (attempt - 1)) * (0.5 + self.jitter())

    @contextmanager
    def _open(self, request: Request, deadline: float) -> Iterator[Answer]:
        url = request.url
        for _ in range(_MOST_REDIRECTS + 1):
            response = self._send(request, url, deadline)
            try:
                if response.status in _REDIRECTS and "location" in response.headers:
                    url = join_url(url, response.headers["location"])
                    continue
                _verify_status(response, show_url(split_url(url)), host_of(split_url(request.base.url)))
                chunks = self._read_chunks(response, deadline, show_url(split_url(url)))
                yield Answer(status=response.status, headers=response.headers, url=url, chunks=chunks)
                return
            finally:
                # A response read to its end has given its connection back already, one without a body does so here; the
                # connection of any other is of no use to anyone.
                if response.status == _NOT_MODIFIED:
                    response.drain_conn()
                response.close()
        raise IndexFailed(f"{request.where} redirects more than {_MOST_REDIRECTS} times")

    def _send(self, request: Request, url: str, deadline: float) -> BaseHTTPResponse:
        guarded = self.rules.verify_hop(url, base=request.base, hashed=request.hashed)
        headers = {"User-Agent": _USER_AGENT, **request.headers}
        if request.base.authorization is not None and origin_of(url) == origin_of(request.base.url):
            headers["Authorization"] = request.base.authorization
        timeout = urllib3.Timeout(connect=self.timing.connect_seconds, read=self.timing.read_seconds)
        self._verify_time(deadline, show_url(split_url(url)))
        try:
            return self.pools.find(url, public_only=guarded).request(
                "GET", url, headers=headers, redirect=False, retries=False, preload_content=False, timeout=timeout
            )
        except (HTTPError, OSError) as exc:
            raise _wrap(exc, show_url(split_url(url))) from exc

    def _read_chunks(self, response: BaseHTTPResponse, deadline: float, where: str) -> Iterator[bytes]:
        try:
            # `stream` would wait for a whole chunk, so that a server that drips could outlast any deadline.
            while chunk := response.read1(_CHUNK_BYTES, decode_content=True):
                self._verify_time(deadline, where)
                yield chunk
        except (HTTPError, OSError) as exc:
            raise _wrap(exc, where) from exc

    def _verify_time(self, deadline: float, where: str) -> None:
        if self.clock() > deadline:
            raise IndexFailed(f"{where} took too long", hint="The index is slow; try again later.", transient=True)


class _Postponed(HublishError):
    """The server asks for a pause; never leaves this module."""

    def __init__(self, failure: IndexFailed, seconds: float) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.seconds = seconds


def _verify_status(response: BaseHTTPResponse, where: str, host: str) -> None:
    status = response.status
    if status in (200, 304, 404, 410):
        return
    if status in (401, 403):
        raise IndexFailed(
            f"the index refused {where} with status {status}",
            hint=f"Give {clip(host)} an auth_file under `indexes` in the settings, or check the login.",
        )
    transient = status >= 500 or status in (408, 429)  # noqa: PLR2004 - the HTTP classes are clearer as numbers
    failure = IndexFailed(f"the index answered {where} with status {status}", transient=transient)
    pause = response.headers.get("retry-after", "")
    if transient and pause.isascii() and pause.isdigit():
        raise _Postponed(failure, min(float(pause), _LONGEST_RETRY_AFTER_SECONDS))
    raise failure


def _wrap(exc: HTTPError | OSError, where: str) -> IndexFailed:
    if isinstance(exc, SSLError):
        return IndexFailed(
            f"{where} has a certificate that is not trusted: {clip(str(exc))}",
            hint="Name your certificate authority's file (PIP_CERT or SSL_CERT_FILE).",
        )
    refused = find_proxy_refusal(exc)
    if refused is not None:
        hint = "Check `proxy` in the settings; on the command line HTTPS_PROXY, HTTP_PROXY and NO_PROXY."
        return IndexFailed(f"{where} was refused by the proxy with {refused}", hint=hint, transient=True)
    # urllib3 counts a refused connection among its time-outs, so that it is asked for first.
    if isinstance(exc, NewConnectionError | ProxyError):
        return IndexFailed(f"{where} could not be reached", transient=True)
    late = isinstance(exc, urllib3.exceptions.TimeoutError | TimeoutError)
    return IndexFailed(f"{where} {'did not answer in time' if late else 'broke off'}", transient=True)
