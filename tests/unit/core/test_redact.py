"""Secrets in text."""

from __future__ import annotations

import pytest

from hublish.core.redact import redact

TOKEN = "ghs_" + "A1b2" * 10
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"token {TOKEN} was used", "token *** was used"),
        ("ghp_x", "***"),
        ("github_pat_11AA_bb.cc-dd", "***"),
        (f"x-access-token%3A{TOKEN}%40host", "x-access-token%3A***%40host"),
        (f"TOKEN_{TOKEN}", "TOKEN_***"),
        (JWT, "***"),
        (f"a={JWT};", "a=***;"),
        ("https://user:pass@host/path", "https://***@host/path"),
        ("https://user:p@ss@host/path?x=1", "https://***@host/path?x=1"),
        ("postgresql://me:secret@db:5432/x", "postgresql://***@db:5432/x"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***"),
        ("{'Authorization': 'Bearer abc.def', 'a': 1}", "{'Authorization': 'Bearer ***', 'a': 1}"),
        ('{"authorization":"token abc","a":1}', '{"authorization":"token ***","a":1}'),
    ],
)
def test_secret_is_masked_wherever_it_stands(text: str, expected: str) -> None:
    """Tokens by their shape, JSON web tokens, credentials in URLs and headers become three stars."""

    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "she laughs_loudly and high_fives",
        "registry.example.org/team/ts@sha256:abc",
        "https://host/path@v1?mail=a@b",
        "git@github.com:org/ts.git",
        "the authorization is missing",
        "",
    ],
)
def test_text_without_a_secret_stays_as_it_is(text: str) -> None:
    """Words that look a little like a token, digests and addresses survive."""

    assert redact(text) == text
