"""The tokens of the HTTP API, for the operator at the machine, and the key that their secrets are made from."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hublish.adapters.store import TokenStore, ensure_schema, open_database
from hublish.bootstrap.signing import ensure_key_file
from hublish.core.access.tokens import (
    NAME_PATTERN,
    SCOPES_LIMIT,
    Token,
    TokenRecords,
    hash_secret,
    make_secret,
    parse_scope,
)
from hublish.errors import SettingsInvalid, ValueInvalid, clip
from hublish.settings import Settings

KEY_FILE = "api-key"
KEY_BYTES = 32
ID_BYTES = 8


class Tokens:
    """The tokens that the settings' database holds; a running service heeds a change at the next request."""

    def __init__(self, records: TokenRecords, *, key: bytes, now: Callable[[], datetime]) -> None:
        self._records = records
        self._key = key
        self._now = now

    def create(self, *, name: str, scopes: Sequence[str], days: int) -> tuple[Token, str]:
        """Make a token; returns it with its secret, which is shown nowhere again.

        Raises:
            ValueInvalid: the name or a scope is none, or there is no scope or too many.
        """
        if not NAME_PATTERN.fullmatch(name):
            raise ValueInvalid(
                f"Expected a name of 1 to 39 letters, digits or ._- characters, but got {clip(name, limit=80)!r}."
            )
        parsed = tuple(dict.fromkeys(parse_scope(scope) for scope in scopes))
        if not 1 <= len(parsed) <= SCOPES_LIMIT:
            raise ValueInvalid(f"A token has 1 to {SCOPES_LIMIT} scopes; {len(parsed)} were given.")
        now = self._now().replace(microsecond=0)
        token = Token(
            id=secrets.token_hex(ID_BYTES),
            name=name,
            scopes=parsed,
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        secret = make_secret(self._key, token)
        token = replace(token, secret_sha256=hash_secret(secret))
        self._records.insert_token(token)
        return token, secret

    def list_tokens(self) -> tuple[Token, ...]:
        """All tokens, the newest first."""
        return self._records.list_tokens()

    def revoke(self, token_id: str) -> bool:
        """End a token at once; False when there is none of that id."""
        return self._records.revoke_token(token_id, at=self._now())


def open_tokens(settings: Settings) -> Tokens:
    """Open the tokens that `settings` name. Raises DatabaseFailed: the database cannot be reached."""
    # As the service does at its first start: the SQLite file lies there.
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = open_database(settings.database)
    ensure_schema(engine)
    return Tokens(TokenStore(engine), key=load_api_key(settings), now=lambda: datetime.now(UTC))


def load_api_key(settings: Settings) -> bytes:
    """Load the key that the secrets of tokens are made from; one is made where there is none.

    Raises:
        SettingsInvalid: it cannot be read or written, or is too short.
    """
    path = settings.api.key_file or settings.data / KEY_FILE
    body = ensure_key_file(path, make_body=lambda: secrets.token_hex(KEY_BYTES).encode() + b"\n", what="API key")
    key = body.strip()
    if len(key) < KEY_BYTES:
        raise SettingsInvalid(
            f"the API key {path} has {len(key)} bytes; at least {KEY_BYTES} are expected",
            hint="Name a file that does not exist, and a key is made; or `openssl rand -hex 32 > FILE`.",
        )
    return key
