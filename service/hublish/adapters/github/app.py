"""The GitHub App itself: who it is, its tokens, and the loop that repeats what may pass.

A token is minted for one repository and one `Scope`, kept in memory until five minutes before it ends, never logged
and never given to anybody but `token_for_clone`'s caller. Each operation is written so that its first step looks up
what an earlier try left behind; the whole operation is repeated, never a single POST.

Source: GitHub REST API, "Authenticating as a GitHub App" and "Create an installation access token for an app".
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TypeVar

from github import Auth, GithubException
from jwt import PyJWTError

from hublish.adapters.github.connection import make_requester_class
from hublish.adapters.github.failures import explain_refused_token, is_suspended, make_suspended
from hublish.adapters.github.permissions import Scope
from hublish.adapters.github.reinstalled import find_reinstalled, is_removed
from hublish.adapters.github.session import Reply, Session, make_path
from hublish.core.repository import Repository
from hublish.errors import GitHubFailed, NotAllowed, SettingsInvalid
from hublish.network import Network, Pools

ResultT = TypeVar("ResultT")

_TOKEN_MARGIN = timedelta(minutes=5)
# Minting one more costs one request; a service of thousands of repositories must not keep them all.
_MOST_TOKENS = 1024
_JWT_SECONDS = 300
_JWT_MARGIN = timedelta(minutes=1)
_TALKATIVE_LOGGERS = ("github.Requester", "urllib3.connectionpool")


class _TokenReply(Reply):
    token: str
    expires_at: datetime


class _AppReply(Reply):
    id: int
    slug: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppIdentity:
    """Who the App is: its id, its slug, and the login its comments and commits bear."""

    app_id: int
    slug: str
    bot_login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long calls wait.

    Attributes:
        timeout_seconds: limit of one request; GitHub itself gives up after ten.
        seconds_between_writes: pause between two writes of one operation; GitHub asks for one second.
        attempts: tries of one operation.
        backoff_seconds: first pause between tries; doubled each time.
        deadline_seconds: limit of one operation over all tries and pauses.
        download_seconds: limit of one tarball's download; large repositories over slow lines need minutes.
    """

    timeout_seconds: int = 15
    seconds_between_writes: float = 1.0
    attempts: int = 5
    backoff_seconds: float = 1.0
    deadline_seconds: float = 120.0
    download_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class _TokenKey:
    installation_id: int
    repository: int | str
    scope: Scope


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"_Token(expires_at={self.expires_at!r})"


def _now() -> datetime:
    return datetime.now(UTC)


class GitHubApp:
    """Opens sessions for repositories. Safe for threads: every operation has its own session."""

    def __init__(
        self,
        *,
        api_url: str,
        app_id: int,
        private_key_pem: bytes,
        patience: Patience | None = None,
        network: Network | None = None,
        user_agent: str = "hublish",
        clock: Callable[[], datetime] = _now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.api_url = api_url.rstrip("/")
        self.user_agent = user_agent
        self.patience = patience or Patience()
        # The operator names GitHub's address, and GitHub its own others: none of them is refused for being private.
        self.pools = Pools(network or Network(), hint="")
        self._make_requester = make_requester_class(self.pools)
        self._app_id = app_id
        self._private_key_pem = private_key_pem
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._tokens: dict[_TokenKey, _Token] = {}
        self._jwt: _Token | None = None
        self._identity: AppIdentity | None = None

    def fetch_identity(self) -> AppIdentity:
        """Who the App is, asked once. Raises GitHubFailed; SettingsInvalid when the private key is unusable."""
        if self._identity is None:
            reply = self.run_as_app(lambda session: session.read(_AppReply, make_path("app")))
            self._identity = AppIdentity(app_id=reply.id, slug=reply.slug, bot_login=f"{reply.slug}[bot]")
        return self._identity

    def token_for_clone(self, repository: Repository) -> str:
        """A token that can read the contents of this one repository, for at least five minutes.

        Raises:
            NotAllowed: the App is not installed there, or lacks the permission.
            GitHubFailed: GitHub failed.
        """
        key = _TokenKey(repository.installation_id, repository.id, Scope.CONTENTS_READ)
        return self._repeat(lambda: self._fetch_token(key))

    def run(self, repository: Repository, scope: Scope, operation: Callable[[Session], ResultT]) -> ResultT:
        """Run an operation on a repository with a token of that scope; repeated while failures may pass.

        Args:
            repository: the one repository the token is good for.
            scope: the permissions the operation needs.
            operation: idempotent; called anew for each try.

        Returns:
            What the operation returned.

        Raises:
            HublishError: what the operation raised, or the last failure.
        """
        try:
            return self._run_with_key(_TokenKey(repository.installation_id, repository.id, scope), operation)
        except NotAllowed as refused:
            again = self.run_as_app(lambda app: find_reinstalled(app, repository)) if is_removed(refused) else None
            if again is None:
                raise
            return self._run_with_key(_TokenKey(again, repository.id, scope), operation)

    def run_named(
        self, installation_id: int, name: str, scope: Scope, operation: Callable[[Session], ResultT]
    ) -> ResultT:
        """As `run`, for a repository known by its name only (without owner)."""
        return self._run_with_key(_TokenKey(installation_id, name, scope), operation)

    def _run_with_key(self, key: _TokenKey, operation: Callable[[Session], ResultT]) -> ResultT:
        def attempt() -> ResultT:
            token = self._fetch_token(key)
            try:
                return self._run_once(Auth.Token(token), operation)
            except GitHubFailed as failed:
                if failed.status == HTTPStatus.UNAUTHORIZED:
                    # The token was revoked, or the installation suspended for a while: the next try mints anew.
                    self._forget_token(key, token)
                    failed.transient = True
                if is_suspended(failed):
                    raise make_suspended() from failed
                raise

        return self._repeat(attempt)

    def run_as_app(self, operation: Callable[[Session], ResultT]) -> ResultT:
        """Run an operation with the App's own JWT; repeated while failures may pass."""
        return self._repeat(lambda: self._run_once(self._make_app_auth(), operation))

    def _repeat(self, attempt: Callable[[], ResultT]) -> ResultT:
        deadline = self._clock() + timedelta(seconds=self.patience.deadline_seconds)
        pause_seconds = self.patience.backoff_seconds
        for tries_left in range(self.patience.attempts - 1, -1, -1):
            try:
                return attempt()
            except GitHubFailed as failed:
                wait_seconds = max(pause_seconds, failed.retry_after_seconds or 0.0)
                late = self._clock() + timedelta(seconds=wait_seconds) > deadline
                if not failed.transient or late or tries_left == 0:
                    raise
                self._sleep(wait_seconds)
                pause_seconds *= 2
        raise GitHubFailed("No attempt was made: `Patience.attempts` must be at least 1.")

    def _run_once(self, auth: Auth.Auth, operation: Callable[[Session], ResultT]) -> ResultT:
        _silence_client_logs()
        requester = self._make_requester(
            auth=auth,
            base_url=self.api_url,
            timeout=self.patience.timeout_seconds,
            user_agent=self.user_agent,
            per_page=100,
            # Neither has a say: certificates and connections are the pools'.
            verify=True,
            pool_size=None,
            # Retries are made by `_repeat`, for whole operations; PyGithub would repeat a POST without a look-up.
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=self.patience.seconds_between_writes,
        )
        try:
            return operation(Session(requester, clock=self._clock))
        finally:
            requester.close()

    def _make_app_auth(self) -> Auth.AppAuthToken:
        # Each signature reads and checks the private key anew, some 50 ms that stop every other thread: webhooks would
        # wait. So one is kept while it is good.
        with self._lock:
            if self._jwt is None or self._jwt.expires_at - _JWT_MARGIN <= self._clock():
                self._jwt = _Token(self._sign_jwt(), self._clock() + timedelta(seconds=_JWT_SECONDS))
            return Auth.AppAuthToken(self._jwt.value)

    def _sign_jwt(self) -> str:
        try:
            auth = Auth.AppAuth(self._app_id, self._private_key_pem.decode("ascii"), jwt_expiry=_JWT_SECONDS)
            return auth.create_jwt()
        except (ValueError, TypeError, PyJWTError, GithubException) as exc:
            raise SettingsInvalid(
                "Expected an RSA private key in PEM form for the GitHub App, but it cannot be used to sign.",
                hint="Set `github.private_key_file` to the .pem file that GitHub generated for the App.",
            ) from exc

    def _forget_token(self, key: _TokenKey, token: str) -> None:
        with self._lock:
            kept = self._tokens.get(key)
            if kept is not None and kept.value == token:
                del self._tokens[key]

    def _fetch_token(self, key: _TokenKey) -> str:
        with self._lock:
            kept = self._tokens.get(key)
        if kept is not None and kept.expires_at - _TOKEN_MARGIN > self._clock():
            return kept.value
        wanted = (
            {"repository_ids": [key.repository]}
            if isinstance(key.repository, int)
            else {"repositories": [key.repository]}
        )
        path = make_path("app", "installations", key.installation_id, "access_tokens")
        body = {**wanted, "permissions": key.scope.permissions}
        try:
            reply = self._run_once(
                self._make_app_auth(), lambda session: session.write(_TokenReply, "POST", path, body=body)
            )
        except GitHubFailed as failed:
            raise explain_refused_token(failed, key.scope) from failed
        with self._lock:
            self._keep_token(key, _Token(reply.token, reply.expires_at))
        return reply.token

    def _keep_token(self, key: _TokenKey, token: _Token) -> None:
        now = self._clock()
        self._tokens = {kept: known for kept, known in self._tokens.items() if known.expires_at - _TOKEN_MARGIN > now}
        while len(self._tokens) >= _MOST_TOKENS:
            del self._tokens[next(iter(self._tokens))]
        self._tokens[key] = token


def _silence_client_logs() -> None:
    # At DEBUG level PyGithub logs whole answers, a minted token among them, and urllib3 the queries of addresses,
    # where the address of a private tarball holds a credential.
    for name in _TALKATIVE_LOGGERS:
        logger = logging.getLogger(name)
        if logger.level < logging.INFO:
            logger.setLevel(logging.INFO)
