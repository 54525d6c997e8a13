"""Tokens: what a scope covers, and what a secret follows from."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from hublish.core.access.tokens import Action, Token, hash_secret, make_secret, parse_scope
from hublish.errors import ValueInvalid

KEY = b"k" * 32
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TOKEN = Token(
    id="0123456789abcdef",
    name="nightly",
    scopes=(parse_scope("build:octo/ts"), parse_scope("read:Lab")),
    created_at=AT,
    expires_at=AT + timedelta(days=90),
)


@pytest.mark.parametrize("text", ["build:octo/ts", "build:octo", "read:octo/ts.py", "read:octo"])
def test_scope_is_written_as_it_is_read(text: str) -> None:
    """Action, owner and, unless all are meant, the repository."""
    assert str(parse_scope(text)) == text


@pytest.mark.parametrize(
    "text", ["", "build", "build:", "write:octo/ts", "build:octo/", "build:*", "build:a/b/c", "read:-a", "read:octo/.."]
)
def test_text_that_is_no_scope_is_refused(text: str) -> None:
    """Nothing is guessed where a permission is given."""
    with pytest.raises(
        ValueInvalid, match="Expected a scope, build:OWNER/REPO, build:OWNER, read:OWNER/REPO or read:OWNER, but got"
    ):
        parse_scope(text)


@pytest.mark.parametrize(
    ("action", "full_name", "allowed"),
    [
        (Action.BUILD, "octo/ts", True),
        (Action.BUILD, "Octo/TS", True),
        (Action.READ, "octo/ts", True),
        (Action.BUILD, "octo/other", False),
        (Action.READ, "octo/other", False),
        (Action.READ, "lab/any", True),
        (Action.BUILD, "lab/any", False),
        (Action.READ, "laboratory/any", False),
        (Action.READ, "lab", True),
        (Action.READ, "", False),
    ],
)
def test_token_allows_what_its_scopes_cover(action: Action, full_name: str, *, allowed: bool) -> None:
    """Whoever may build may read; a repository's scope is no owner's, and one name is not the start of another."""
    assert TOKEN.allows(action, full_name) is allowed


def test_secret_follows_from_key_and_token() -> None:
    """The same for the same: nothing has to be stored that could sign."""
    secret = make_secret(KEY, TOKEN)
    later = dataclasses.replace(TOKEN, revoked_at=AT, secret_sha256=hash_secret(secret))

    assert len(secret) == 64
    assert make_secret(KEY, later) == secret
    assert hash_secret(secret) != secret


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "f" * 16},
        {"name": "other"},
        {"scopes": (parse_scope("build:octo"),)},
        {"created_at": AT + timedelta(seconds=1)},
        {"expires_at": AT + timedelta(days=9000)},
    ],
)
def test_token_that_says_more_has_another_secret(changes: dict[str, object]) -> None:
    """Whoever writes to the database can make no token that its holder could use."""
    assert make_secret(KEY, dataclasses.replace(TOKEN, **changes)) != make_secret(KEY, TOKEN)


def test_another_key_makes_other_secrets() -> None:
    """A service with another key serves none of the tokens."""
    assert make_secret(b"o" * 32, TOKEN) != make_secret(KEY, TOKEN)
