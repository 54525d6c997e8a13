"""HTTP to registries: one request with authentication and guarded redirects, or a call repeated with a budget.

It decides which answers are repeated and where a redirect may lead; what a status means is said by its callers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import urlsplit

import urllib3
import urllib3.exceptions

from hublish.adapters.registry.authorization import Authorization
from hublish.adapters.registry.budget import Budget
from hublish.adapters.registry.challenge import parse_challenges
from hublish.adapters.registry.credential import CredentialFiles
from hublish.adapters.registry.failure import (
    Answer,
    Purpose,
    make_breakdown,
    make_refusal,
    parse_error_codes,
    parse_retry_after,
)
from hublish.adapters.registry.policy import LIST_IT, HostPolicy, host_of
from hublish.adapters.registry.rule import Patience
from hublish.errors import HublishError, NotAllowed, RegistryFailed, clip
from hublish.network import Network, Pools, join_url

BODY_LIMIT_BYTES = 64 * 1024
REDIRECT_LIMIT = 5
UNAUTHORIZED = 401
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request.

    Attributes:
        purpose: for messages, credentials and the host they belong to.
        method: HTTP method; only GET and HEAD follow redirects.
        url: absolute.
        scopes: what a bearer token must allow.
        headers: more headers.
        make_body: makes the body anew for each try; None sends none.
        body_bytes: its length.
        elsewhere: whether a redirect may leave the registry for any public https host, as blob stores need.
    """

    purpose: Purpose
    method: str
    url: str
    scopes: tuple[str, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    make_body: Callable[[], Iterable[bytes]] | None = None
    body_bytes: int = 0
    elsewhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Setback:
    """A try that failed: the error, what the registry's codes were, and how long it asks to wait."""

    failure: RegistryFailed
    codes: frozenset[str] = frozenset()
    retry_after_seconds: float | None = None


class Transport:
    """The way to all registries. Safe to share between threads."""

    def __init__(
        self, *, policy: HostPolicy, files: CredentialFiles, patience: Patience, network: Network, user_agent: str
    ) -> None:
        self.policy = policy
        self.patience = patience
        self._user_agent = user_agent
        self._timeout = urllib3.Timeout(connect=patience.connect_seconds, read=patience.read_seconds)
        self._pools = Pools(network, hint=LIST_IT)
        self.authorization = Authorization(policy=policy, files=files, ask=self._ask_token, clock=patience.clock)

    def close(self) -> None:
        """Close idle connections."""
        self._pools.close()

    def open(self, request: Request) -> urllib3.BaseHTTPResponse:
        """Send a request once: a challenge is answered once, redirects are followed; any status is returned.

        The caller reads and closes the response.

        Raises:
            RegistryFailed: no answer came, or the token service failed.
            NotAllowed: the URL, or where it leads, is a place where requests may not go.
        """
        header = self.authorization.prepare(request.purpose, request.scopes)
        response, url = self._follow(request, header)
        # A blob store elsewhere that asks for credentials is no registry: it gets none.
        if response.status != UNAUTHORIZED or not self._is_own(request.purpose, url):
            return response
        challenges = parse_challenges(response.headers.getlist("www-authenticate"))
        try:
            again = self.authorization.answer(request.purpose, request.scopes, challenges, refused=header)
        except HublishError:
            response.close()
            raise
        if again is None or (again == header and again.startswith("Basic ")):
            return response
        _discard(response)
        return self._follow(request, again)[0]

    def attempt(self, request: Request, *, expected: frozenset[int], limit: int = BODY_LIMIT_BYTES) -> Answer | Setback:
        """Send a request once and read its answer.

        Args:
            request: what to send.
            expected: statuses that are no failure.
            limit: longest body in bytes.

        Raises:
            NotAllowed: the URL, or where it leads, is a place where requests may not go.
        """
        try:
            response = self.open(request)
            try:
                answer = self._read(request.purpose, response, limit=limit)
            finally:
                _release(response)
        except RegistryFailed as failure:
            return Setback(failure=failure)
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            return Setback(failure=make_breakdown(request.purpose, exc))
        if answer.status in expected:
            return answer
        codes = frozenset(code for code, _ in parse_error_codes(answer.body))
        wanted = " or ".join(str(status) for status in sorted(expected))
        return Setback(
            failure=make_refusal(
                request.purpose, answer, expected=wanted, note=self.authorization.note(request.purpose)
            ),
            codes=codes,
            retry_after_seconds=parse_retry_after(answer.headers.get("retry-after")),
        )

    def call(self, request: Request, *, expected: frozenset[int], limit: int = BODY_LIMIT_BYTES) -> Answer:
        """Send a request with a fresh budget until an expected answer comes. Arguments as for `attempt`.

        Raises:
            RegistryFailed: refused, or the budget is used up.
            NotAllowed: the URL, or where it leads, is a place where requests may not go.
        """
        budget = Budget(self.patience)
        while True:
            result = self.attempt(request, expected=expected, limit=limit)
            if isinstance(result, Answer):
                return result
            budget.wait(result.failure, retry_after_seconds=result.retry_after_seconds)

    def locate(self, request: Request, answer: Answer, *, base: str) -> str:
        """The absolute URL in an answer's `Location`, verified; what it stands for may be on another https host.

        Raises:
            RegistryFailed: there is none.
            NotAllowed: it leads where requests may not go.
        """
        location = answer.headers.get("location")
        if not location:
            raise RegistryFailed(f"{request.purpose.subject}: expected a Location header, got none.")
        url = join_url(base, location)
        self.policy.verify_url(url)
        return url

    def _follow(self, request: Request, header: str | None) -> tuple[urllib3.BaseHTTPResponse, str]:
        current = request
        for _ in range(REDIRECT_LIMIT):
            response = self._send(current, header if self._is_own(request.purpose, current.url) else None)
            location = response.headers.get("location")
            if response.status not in _REDIRECTS or location is None or request.method not in ("GET", "HEAD"):
                return response, current.url
            _discard(response)
            target = join_url(current.url, location)
            self._verify_redirect(request, target)
            current = replace(current, url=target)
        raise RegistryFailed(f"{request.purpose.subject}: expected at most {REDIRECT_LIMIT} redirects, got more.")

    def _verify_redirect(self, request: Request, target: str) -> None:
        self.policy.verify_url(target)
        host = host_of(urlsplit(target))
        known = self._is_own(request.purpose, target) or self.policy.rule(host) is not None
        if not known and not request.elsewhere:
            raise NotAllowed(
                f"{request.purpose.subject}: expected an answer of the registry, got a redirect to {clip(host)}.",
                hint="List that host in the operator's `registries` map if it belongs to the registry.",
            )

    def _send(self, request: Request, header: str | None) -> urllib3.BaseHTTPResponse:
        self.policy.verify_url(request.url)
        headers = {"User-Agent": self._user_agent, "Accept-Encoding": "identity", **request.headers}
        if header is not None:
            headers["Authorization"] = header
        body = None
        if request.make_body is not None or request.method in ("POST", "PUT", "PATCH"):
            headers["Content-Length"] = str(request.body_bytes)
            body = None if request.make_body is None else request.make_body()
        public_only = not self.policy.may_be_private(request.url)
        try:
            pool = self._pools.find(request.url, public_only=public_only)
            send = partial(pool.urlopen, request.method, request.url, headers=headers, body=body, timeout=self._timeout)
            return send(retries=False, redirect=False, preload_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            raise make_breakdown(request.purpose, exc) from exc

    def _ask_token(
        self, purpose: Purpose, *, method: str, url: str, headers: Mapping[str, str], body: bytes | None, private: bool
    ) -> Answer:
        public_only = not (private or self.policy.may_be_private(url))
        sent = {"User-Agent": self._user_agent, "Accept-Encoding": "identity", **headers}
        try:
            pool = self._pools.find(url, public_only=public_only)
            send = partial(pool.urlopen, method, url, headers=sent, body=body, timeout=self._timeout)
            response = send(retries=False, redirect=False, preload_content=False)
            try:
                return self._read(purpose, response, limit=BODY_LIMIT_BYTES)
            finally:
                response.close()
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            raise make_breakdown(purpose, exc) from exc

    def _is_own(self, purpose: Purpose, url: str) -> bool:
        base = urlsplit(self.policy.base_url(purpose.host))
        parts = urlsplit(url)
        return parts.scheme == base.scheme and host_of(parts) == host_of(base)

    def _read(self, purpose: Purpose, response: urllib3.BaseHTTPResponse, *, limit: int) -> Answer:
        """Read a body up to `limit`, within the total deadline even when it comes byte by byte."""
        ends_at = self.patience.clock() + self.patience.total_seconds
        body = bytearray()
        while piece := response.read1(limit + 1 - len(body)):
            body += piece
            if len(body) > limit:
                raise RegistryFailed(f"{purpose.subject}: expected at most {limit} bytes, got more.")
            if self.patience.clock() > ends_at:
                raise RegistryFailed(
                    f"{purpose.subject}: expected an answer in time, got it too slowly.", transient=True
                )
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status, headers=headers, body=bytes(body))


def find_length(response: urllib3.BaseHTTPResponse) -> int | None:
    """The length that an answer states for its body; None when it states none that is a number."""
    length = response.headers.get("content-length", "")
    return int(length) if re.fullmatch(r"[0-9]{1,18}", length) is not None else None


def _discard(response: urllib3.BaseHTTPResponse) -> None:
    """Pass over a short body so that the connection serves again; a long or unknown one is not worth it."""
    length = find_length(response)
    if length is not None and length <= BODY_LIMIT_BYTES:
        response.drain_conn()
    else:
        response.close()


def _release(response: urllib3.BaseHTTPResponse) -> None:
    """Give a connection back; one that still holds bytes of an answer, or whose server said so, is closed instead."""
    if response.headers.get("connection", "").lower() == "close" or not response.closed:
        response.close()
    response.release_conn()
