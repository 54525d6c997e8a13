"""The tokens of the HTTP API, for the operator at the machine, and the key that their secrets are made from."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hublish.adapters.store import TokenStore
from hublish.bootstrap.signing import ensure_key_file
from hublish.bootstrap.storage import open_storage
from hublish.core.access.tokens import Token, TokenRecords, hash_secret, make_secret, parse_wish
from hublish.errors import SettingsInvalid
from hublish.settings import Settings

KEY_FILE = "api-key"
KEY_BYTES = 32
ID_BYTES = 8


class Tokens:
    """The tokens that the settings' database holds; a running service heeds a change at the next request."""

    def __init__(self, records: TokenRecords, *, load_key: Callable[[], bytes], now: Callable[[], datetime]) -> None:
        self._records = records
        self._load_key = load_key
        self._now = now

    def create(self, *, name: str, scopes: Sequence[str], days: int) -> tuple[Token, str]:
        """Make a token; returns it with its secret, which is shown nowhere again.

        Raises:
            ValueInvalid: the name or a scope is none, or there is no scope or too many.
            SettingsInvalid: the key cannot be read or written, or is too short.
        """
        parsed = parse_wish(name, scopes)
        now = self._now().replace(microsecond=0)
        token = Token(
            id=secrets.token_hex(ID_BYTES),
            name=name,
            scopes=parsed,
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        secret = make_secret(self._load_key(), token)
        token = replace(token, secret_sha256=hash_secret(secret))
        self._records.insert_token(token)
        return token, secret

    def list_tokens(self) -> tuple[Token, ...]:
        """All tokens, the newest first."""
        return self._records.list_tokens()

    def revoke(self, token_id: str) -> bool:
        """End a token at once; False when there is none of that id."""
        return self._records.revoke_token(token_id, at=self._now())


def open_tokens(settings: Settings, *, make: bool) -> Tokens:
    """Open the tokens that `settings` name; arguments and errors as of `open_storage`."""
    store = TokenStore(open_storage(settings, make=make))
    return Tokens(store, load_key=lambda: load_api_key(settings), now=lambda: datetime.now(UTC))


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
