"""Tokens of the HTTP API in the database; never a secret."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hublish.adapters.store.schema import api_tokens, parse_time, render_time
from hublish.core.access.tokens import Token, parse_scope


class TokenStore:
    """`hublish.core.access.tokens.TokenRecords` on a database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def insert_token(self, token: Token) -> None:
        """Store a new token."""
        insert = api_tokens.insert().values(
            id=token.id,
            name=token.name,
            scopes=" ".join(str(scope) for scope in token.scopes),
            secret_sha256=token.secret_sha256,
            created_at=render_time(token.created_at),
            expires_at=render_time(token.expires_at),
        )
        with self._engine.begin() as connection:
            connection.execute(insert)

    def read_token(self, token_id: str) -> Token | None:
        """A token by its id, revoked and expired ones too."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(api_tokens).where(api_tokens.c.id == token_id)).first()
        return None if row is None else _make_token(row)

    def list_tokens(self) -> tuple[Token, ...]:
        """All tokens, the newest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(api_tokens).order_by(api_tokens.c.seq.desc()))
            return tuple(_make_token(row) for row in rows)

    def revoke_token(self, token_id: str, *, at: datetime) -> bool:
        """End a token; the first time stays. False when there is none of that id."""
        ended = sa.func.coalesce(api_tokens.c.revoked_at, render_time(at))
        update = api_tokens.update().where(api_tokens.c.id == token_id).values(revoked_at=ended)
        with self._engine.begin() as connection:
            return connection.execute(update).rowcount == 1


def _make_token(row: sa.Row[Any]) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        scopes=tuple(parse_scope(scope) for scope in row.scopes.split()),
        created_at=parse_time(row.created_at),
        expires_at=parse_time(row.expires_at),
        secret_sha256=row.secret_sha256,
        revoked_at=None if row.revoked_at is None else parse_time(row.revoked_at),
    )
