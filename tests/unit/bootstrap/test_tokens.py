"""Tokens as the operator makes them, and the key behind their secrets."""

from __future__ import annotations

import dataclasses
import stat
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from hublish.bootstrap.tokens import load_api_key, open_tokens
from hublish.core.access.tokens import hash_secret, make_secret
from hublish.errors import SettingsInvalid, ValueInvalid
from hublish.settings import Settings, parse_settings

SCOPES = ["build:octo/ts", "read:octo", "build:octo/ts"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a service that was never started."""
    text = """\
github: {app_id: 1, private_key_file: key.pem, webhook_secret_files: [secret]}
public_url: https://hublish.example.com/
data: data
database: sqlite:///data/hublish.sqlite
"""
    return parse_settings(text.encode(), path=tmp_path / "settings.yaml")


def test_token_is_stored_without_its_secret(settings: Settings, tmp_path: Path) -> None:
    """Neither as it is nor in any form that signs; it follows from the key."""
    tokens = open_tokens(settings, make=True)
    token, secret = tokens.create(name="nightly", scopes=SCOPES, days=90)
    engine = sa.create_engine(settings.database)
    with engine.connect() as connection:
        row = connection.execute(sa.text("select * from api_tokens")).one()
    engine.dispose()

    assert secret == make_secret(load_api_key(settings), token)
    assert secret not in [str(value) for value in row]
    assert token.secret_sha256 == hash_secret(secret)
    assert [str(scope) for scope in token.scopes] == ["build:octo/ts", "read:octo"]
    assert token.expires_at - token.created_at == timedelta(days=90)
    assert tokens.list_tokens() == (token,)


def test_tokens_are_revoked_by_their_id(settings: Settings) -> None:
    """An unknown id is told."""
    tokens = open_tokens(settings, make=True)
    token, _ = tokens.create(name="nightly", scopes=SCOPES, days=1)

    assert [tokens.revoke(token.id), tokens.revoke("none")] == [True, False]
    assert tokens.list_tokens()[0].revoked_at is not None


@pytest.mark.parametrize(
    ("name", "scopes", "expected"),
    [
        ("two words", SCOPES, "Expected a name"),
        ("", SCOPES, "Expected a name"),
        ("x", [], "A token has 1 to 50 scopes; 0 were given."),
        ("x", [f"read:o{number}" for number in range(51)], "A token has 1 to 50 scopes; 51 were given."),
        ("x", ["admin:octo"], "Expected a scope"),
    ],
)
def test_token_that_says_nothing_or_too_much_is_not_made(
    settings: Settings, name: str, scopes: list[str], expected: str
) -> None:
    """Nothing is stored."""
    tokens = open_tokens(settings, make=True)
    with pytest.raises(ValueInvalid, match=expected):
        tokens.create(name=name, scopes=scopes, days=1)

    assert tokens.list_tokens() == ()


def test_key_is_made_once_for_its_owner_only(settings: Settings, tmp_path: Path) -> None:
    """All that is made later follows from it."""
    first, second = load_api_key(settings), load_api_key(settings)
    path = tmp_path / "data" / "api-key"

    assert (first, len(first)) == (second, 64)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_key_that_is_too_short_is_refused(settings: Settings, tmp_path: Path) -> None:
    """It could be guessed; the file is not changed."""
    path = tmp_path / "short"
    path.write_text("secret\n")
    api = settings.api.model_copy(update={"key_file": path})
    with pytest.raises(SettingsInvalid) as caught:
        load_api_key(settings.model_copy(update={"api": api}))

    assert caught.value.message == f"the API key {path} has 6 bytes; at least 32 are expected"
    assert path.read_text() == "secret\n"


def test_secrets_of_two_keys_differ(settings: Settings, tmp_path: Path) -> None:
    """A copied database is of no use without the key file."""
    token, secret = open_tokens(settings, make=True).create(name="nightly", scopes=SCOPES, days=1)
    bare = dataclasses.replace(token, secret_sha256="")

    assert make_secret(b"o" * 64, bare) != secret


def test_tokens_are_read_without_the_key(settings: Settings, tmp_path: Path) -> None:
    """Who only lists or revokes makes none."""
    open_tokens(settings, make=True)
    tokens = open_tokens(settings, make=False)

    assert (tokens.list_tokens(), tokens.revoke("none")) == ((), False)
    assert not (tmp_path / "data" / "api-key").exists()
