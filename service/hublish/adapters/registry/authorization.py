"""Who gets which credential: Basic to the registry itself, bearer tokens from its token service, cached per scope.

A registry names its token service; a realm on another host gets no credentials unless the operator lists that host
under the registry's `token_hosts`. A token or password never enters a message or a log.

Source: the "Token Authentication Specification" and "OAuth2 Token Authentication" of the distribution project.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from hublish.adapters.registry.challenge import Challenge
from hublish.adapters.registry.credential import Credential, CredentialFiles
from hublish.adapters.registry.failure import Answer, Purpose, make_refusal
from hublish.adapters.registry.policy import HostPolicy, host_of
from hublish.errors import RegistryFailed, clip

DEFAULT_TOKEN_SECONDS = 60.0
TOKEN_MARGIN_SECONDS = 15.0
CLIENT_ID = "hublish"
# Asking for one more costs one request; every repository that is pushed to or mounted from has its own.
_MOST_GRANTS = 1024
_TURNS = 16


class TokenDoor(Protocol):
    """How a token service is asked: one try, no redirects."""

    def __call__(
        self, purpose: Purpose, *, method: str, url: str, headers: Mapping[str, str], body: bytes | None, private: bool
    ) -> Answer:
        """The whole answer. `private` allows a private address. Raises RegistryFailed when none comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grant:
    header: str
    ends_at: float


class Authorization:
    """The `Authorization` headers of all registries. Safe to share between threads."""

    def __init__(
        self, *, policy: HostPolicy, files: CredentialFiles, ask: TokenDoor, clock: Callable[[], float]
    ) -> None:
        self._policy = policy
        self._files = files
        self._ask = ask
        self._clock = clock
        self._grants: dict[tuple[str, tuple[str, ...]], _Grant] = {}
        self._notes: dict[str, str] = {}
        self._challenges: dict[str, tuple[Challenge, ...]] = {}
        self._lock = threading.Lock()
        # Sixteen connections that are refused at once need one token, not sixteen; by key, so that a slow token service
        # holds up its own registry and few others.
        self._turns = tuple(threading.Lock() for _ in range(_TURNS))

    def header(self, purpose: Purpose, scopes: tuple[str, ...]) -> str | None:
        """What is known to be wanted for these scopes, so that the first request is not refused; None if unknown."""
        with self._lock:
            grant = self._grants.get((purpose.host, scopes))
        return grant.header if grant is not None and grant.ends_at > self._clock() else None

    def prepare(self, purpose: Purpose, scopes: tuple[str, ...]) -> str | None:
        """As `header`; where the registry asked for a token before, one for other scopes is fetched unasked.

        Raises: as `answer`.
        """
        with self._lock:
            challenges = self._challenges.get(purpose.host)
        known = self.header(purpose, scopes)
        # Without scopes it is the challenge's own that count, and those are of another request.
        if known is not None or challenges is None or not scopes:
            return known
        return self.answer(purpose, scopes, challenges, refused=None)

    def answer(
        self, purpose: Purpose, scopes: tuple[str, ...], challenges: tuple[Challenge, ...], *, refused: str | None
    ) -> str | None:
        """Answer a registry's challenge.

        Args:
            purpose: what the refused request was for.
            scopes: what a token must allow, e.g. ("repository:team/ts:pull,push",); empty takes the challenge's own.
            challenges: of the refused answer; a bearer challenge goes before a basic one.
            refused: the header that the request was sent with; None when it had none.

        Returns:
            The header to repeat the request with; None when there is no credential or scheme that fits.

        Raises:
            RegistryFailed: the token service refused or answered something else.
            NotAllowed: its realm is a place where requests may not go.
        """
        with self._turns[hash((purpose.host, scopes)) % _TURNS]:
            known = self.header(purpose, scopes)
            if known is not None and known != refused:
                return known
            grant = self._find_grant(purpose, scopes, challenges)
        return None if grant is None else grant.header

    def _find_grant(
        self, purpose: Purpose, scopes: tuple[str, ...], challenges: tuple[Challenge, ...]
    ) -> _Grant | None:
        by_scheme = {challenge.scheme: challenge for challenge in reversed(challenges)}
        rule = self._policy.rule(purpose.host)
        credential = self._files.find(purpose.host, purpose.repository, None if rule is None else rule.auth_file)
        if "bearer" in by_scheme:
            grant = self._fetch_grant(purpose, scopes, by_scheme["bearer"], credential)
        elif "basic" in by_scheme and credential is not None and credential.identity_token is None:
            grant = _Grant(header=credential.basic, ends_at=float("inf"))
        else:
            return None
        with self._lock:
            self._keep_grant((purpose.host, scopes), grant)
            if "bearer" in by_scheme and self._policy.rule(purpose.host) is not None:
                self._challenges[purpose.host] = challenges
        return grant

    def _keep_grant(self, key: tuple[str, tuple[str, ...]], grant: _Grant) -> None:
        now = self._clock()
        self._grants = {kept: known for kept, known in self._grants.items() if known.ends_at > now}
        while len(self._grants) >= _MOST_GRANTS:
            del self._grants[next(iter(self._grants))]
        self._grants[key] = grant

    def note(self, purpose: Purpose) -> str:
        """One sentence on credentials that were withheld from the registry's token service; "" when none were."""
        with self._lock:
            return self._notes.get(purpose.host, "")

    def _fetch_grant(
        self, purpose: Purpose, scopes: tuple[str, ...], challenge: Challenge, credential: Credential | None
    ) -> _Grant:
        realm = challenge.parameters.get("realm", "")
        self._policy.verify_url(realm)
        host = host_of(urlsplit(realm))
        rule = self._policy.rule(purpose.host)
        own = host == host_of(urlsplit(self._policy.base_url(purpose.host)))
        listed = rule is not None and host in rule.token_hosts
        trusted = own or listed
        note = ""
        if credential is not None and not trusted:
            credential = None
            note = (
                f"The token service is on another host, {clip(host)}, and therefore got no credentials; list it under "
                f"token_hosts of {purpose.host} in the operator's `registries` map if it should."
            )
            with self._lock:
                self._notes[purpose.host] = note
        method, url, headers, body = _make_token_request(realm, challenge, scopes, credential)
        service = Purpose(host=purpose.host, repository=purpose.repository, action=f"token from {clip(host)}")
        answer = self._ask(service, method=method, url=url, headers=headers, body=body, private=trusted)
        if answer.status != 200:  # noqa: PLR2004 - OK
            raise make_refusal(service, answer, expected="200 OK", note=note)
        return self._parse_token(service, answer)

    def _parse_token(self, purpose: Purpose, answer: Answer) -> _Grant:
        try:
            document = json.loads(answer.body)
            token = document.get("token") or document.get("access_token")
            seconds = float(document.get("expires_in") or DEFAULT_TOKEN_SECONDS)
        except (ValueError, TypeError, AttributeError, RecursionError) as exc:
            raise RegistryFailed(f"{purpose.subject}: expected JSON with a token, got something else.") from exc
        # A token goes into a header: a line break in it would be the service's own header.
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
            raise RegistryFailed(f"{purpose.subject}: expected JSON with a token, got none that fits a header.")
        margin = min(TOKEN_MARGIN_SECONDS, seconds / 2)
        return _Grant(header=f"Bearer {token}", ends_at=self._clock() + seconds - margin)


def _make_token_request(
    realm: str, challenge: Challenge, scopes: tuple[str, ...], credential: Credential | None
) -> tuple[str, str, dict[str, str], bytes | None]:
    wanted = scopes or tuple(challenge.parameters.get("scope", "").split())
    service = challenge.parameters.get("service")
    fields = [] if service is None else [("service", service)]
    if credential is not None and credential.identity_token is not None:
        form = [
            *fields,
            ("grant_type", "refresh_token"),
            ("client_id", CLIENT_ID),
            ("refresh_token", credential.identity_token),
            ("scope", " ".join(wanted)),
        ]
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return "POST", realm, headers, urlencode(form).encode()
    query = urlencode([*fields, *(("scope", scope) for scope in wanted)])
    separator = "&" if urlsplit(realm).query else "?"
    headers = {} if credential is None else {"Authorization": credential.basic}
    return "GET", f"{realm}{separator}{query}" if query else realm, headers, None
