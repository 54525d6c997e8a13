"""`hublish token`: made, listed and revoked."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from hublish.core.access.tokens import Token, parse_scope
from tests.unit.cli.conftest import Run
from tests.unit.cli.fakes import FakeHouse

AT = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)
TOKEN = Token(
    id="0123456789abcdef",
    name="nightly",
    scopes=(parse_scope("build:octo/ts"), parse_scope("read:lab")),
    created_at=AT,
    expires_at=AT.replace(year=2027),
)
DOCUMENT = {
    "id": "0123456789abcdef",
    "name": "nightly",
    "scopes": ["build:octo/ts", "read:lab"],
    "created_at": "2026-11-21T10:00:00Z",
    "expires_at": "2027-11-21T10:00:00Z",
    "revoked_at": None,
}


@dataclass
class FakeTokens:
    """One token, or none; keeps what was asked."""

    tokens: tuple[Token, ...] = (TOKEN,)
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def create(self, *, name: str, scopes: list[str], days: int) -> tuple[Token, str]:
        self.calls.append((name, scopes, days))
        return TOKEN, "5ec2e7"

    def list_tokens(self) -> tuple[Token, ...]:
        return self.tokens

    def revoke(self, token_id: str) -> bool:
        self.calls.append((token_id,))
        return token_id == TOKEN.id


@pytest.fixture
def tokens(house: FakeHouse) -> FakeTokens:
    house.tokens = FakeTokens()
    return house.tokens


def test_new_token_is_printed_with_its_secret(run: Run, house: FakeHouse, tokens: FakeTokens) -> None:
    """Once, with what it may do and until when."""
    result = run("token", "create", "--name", "nightly", "--scope", "build:octo/ts", "--scope", "read:lab")

    assert result.stdout == (
        "token    0123456789abcdef\nsecret   5ec2e7\nscopes   build:octo/ts read:lab\nexpires  2027-11-21T10:00:00Z\n"
    )
    assert result.stderr == "The secret is shown this once; whoever has it can order builds.\n"
    assert tokens.calls == [("nightly", ["build:octo/ts", "read:lab"], 90)]
    assert house.made == [True]


def test_new_token_as_a_document(run: Run, tokens: FakeTokens) -> None:
    """For a script that keeps the secret."""
    result = run("token", "create", "--name", "nightly", "--scope", "build:octo/ts", "--days", "7", "--json")

    assert json.loads(result.stdout)["result"] == {**DOCUMENT, "secret": "5ec2e7"}
    assert tokens.calls == [("nightly", ["build:octo/ts"], 7)]


@pytest.mark.parametrize(
    ("name", "scope", "expected"),
    [
        (
            "nightly",
            "foo:octo/ts",
            "Expected a scope, build:OWNER/REPO, build:OWNER, read:OWNER/REPO or read:OWNER, but got 'foo:octo/ts'.",
        ),
        (
            "two words",
            "build:octo/ts",
            "Expected a name of 1 to 39 letters, digits or ._- characters, but got 'two words'.",
        ),
    ],
)
def test_token_that_cannot_be_is_a_mistake_of_the_command_line(
    run: Run, house: FakeHouse, tokens: FakeTokens, *, name: str, scope: str, expected: str
) -> None:
    """What is expected is named; neither database nor key is made."""
    result = run("token", "create", "--name", name, "--scope", scope)

    assert result.stderr.endswith(f"Error: Invalid value: {expected}\n")
    assert (result.exit_code, result.stdout, house.made, tokens.calls) == (2, "", [], [])


def test_tokens_are_listed_in_columns(run: Run, tokens: FakeTokens) -> None:
    """A revoked one with its time; with --json as documents."""
    tokens.tokens = (TOKEN, dataclasses.replace(TOKEN, id="f" * 16, revoked_at=AT))
    line = "nightly\tbuild:octo/ts read:lab\t2026-11-21T10:00:00Z\t2027-11-21T10:00:00Z\t"
    text = run("token", "list")
    document = run("token", "list", "--json")

    assert text.stdout == f"0123456789abcdef\t{line}-\nffffffffffffffff\t{line}2026-11-21T10:00:00Z\n"
    assert json.loads(document.stdout)["result"][0] == DOCUMENT


def test_tokens_are_a_table_for_people(monkeypatch: pytest.MonkeyPatch, run: Run, tokens: FakeTokens) -> None:
    """On a terminal the columns have names, as those of runs and deliveries."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "140")
    text = re.sub(r"\x1b\[[0-9;]*m", "", run("token", "list").stdout)
    head, row = (re.split(r"  +", line.strip()) for line in text.splitlines())

    assert head == ["token", "name", "scopes", "created", "expires", "revoked"]
    assert row == [
        "0123456789abcdef",
        "nightly",
        "build:octo/ts read:lab",
        "2026-11-21T10:00:00Z",
        "2027-11-21T10:00:00Z",
        "-",
    ]


def test_no_tokens_are_told(run: Run, tokens: FakeTokens) -> None:
    """An empty list says so."""
    tokens.tokens = ()

    assert run("token", "list").stdout == "No tokens yet.\n"


def test_token_is_revoked(run: Run, tokens: FakeTokens) -> None:
    """Said in a line."""
    result = run("token", "revoke", TOKEN.id)

    assert (result.exit_code, result.stdout) == (0, "The token 0123456789abcdef is revoked.\n")


def test_token_that_is_not_there_is_told(run: Run, tokens: FakeTokens) -> None:
    """As a fault of the call, so that a script does not take it for done."""
    result = run("token", "revoke", "typo", "--json")

    assert json.loads(result.stdout)["result"] == {"id": "typo", "revoked": False}
    assert result.exit_code == 2
    assert result.stderr == "There is no token 'typo'; `hublish token list` shows those there are.\n"
