"""Tokens in the database."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from hublish.adapters.store import TokenStore
from hublish.core.access.tokens import Token, TokenRecords, parse_scope

AT = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)
TOKEN = Token(
    id="0123456789abcdef",
    name="nightly",
    scopes=(parse_scope("build:octo/ts"), parse_scope("read:lab")),
    created_at=AT,
    expires_at=AT + timedelta(days=90),
    secret_sha256="5" * 64,
)


@pytest.fixture
def tokens(engine: sa.Engine) -> TokenRecords:
    return TokenStore(engine)


def test_token_comes_back_as_it_was_stored(tokens: TokenRecords) -> None:
    """An unknown id is None; the newest stands first."""
    second = dataclasses.replace(TOKEN, id="f" * 16)
    tokens.insert_token(TOKEN)
    tokens.insert_token(second)

    assert tokens.read_token(TOKEN.id) == TOKEN
    assert tokens.read_token("0" * 16) is None
    assert tokens.list_tokens() == (second, TOKEN)


def test_token_is_revoked_once(tokens: TokenRecords) -> None:
    """The first time stays; one that is not there is told."""
    tokens.insert_token(TOKEN)
    revoked = [
        tokens.revoke_token(TOKEN.id, at=AT),
        tokens.revoke_token(TOKEN.id, at=AT + timedelta(days=1)),
        tokens.revoke_token("0" * 16, at=AT),
    ]

    assert revoked == [True, True, False]
    assert tokens.read_token(TOKEN.id) == dataclasses.replace(TOKEN, revoked_at=AT)
