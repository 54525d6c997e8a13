"""The error family, and foreign text in messages."""

from __future__ import annotations

import pytest

from hublish import errors
from hublish.errors import (
    ConfigInvalid,
    DiskFull,
    GitHubFailed,
    HublishError,
    NotAllowed,
    ReferenceInvalid,
    RegistryFailed,
    WebhookRefused,
    clip,
    join_hint,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("a\r\nb\tc", "a b c"),
        ("  a   b  ", "a b"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("user\u202egpj.exe", "user gpj.exe"),
        ("zero\u200bwidth", "zero width"),
        ("lone\ud800surrogate", "lone surrogate"),
        ("é — 漢", "é — 漢"),
        ("x" * 256, "x" * 256),
        ("x" * 257, "x" * 255 + "…"),
    ],
)
def test_foreign_text_becomes_one_printable_line(text: str, expected: str) -> None:
    """Controls, escapes, bidirectional marks and line ends become spaces; what is too long is cut and says so."""

    assert clip(text) == expected


def test_huge_text_is_not_read_to_its_end() -> None:
    """A body of many megabytes costs as little as a short one."""

    assert clip("y" * 50_000_000, limit=10) == "y" * 9 + "…"


def test_code_of_an_error_is_its_class_name() -> None:
    """Codes are shown to users and stored, so every class of the family has its own."""
    family = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, HublishError)]

    assert NotAllowed("no").code == "NotAllowed"
    assert len({item.__name__ for item in family}) == len(family)


@pytest.mark.parametrize(
    ("message", "hint", "line"),
    [
        ("the pod was deleted", "Ask again.", "the pod was deleted. Ask again."),
        ("the build says: stop!", "Ask again.", "the build says: stop! Ask again."),
        ("the pod was deleted", "", "the pod was deleted"),
    ],
)
def test_message_and_hint_are_sentences_in_one_line(message: str, hint: str, line: str) -> None:
    """A message has no full stop of its own."""
    assert join_hint(message, hint) == line


def test_error_is_transient_only_where_it_says_so() -> None:
    """The class has a default, one error may know better."""

    assert NotAllowed("no").transient is False
    assert DiskFull("full").transient is True
    assert DiskFull("full", transient=False).transient is False
    assert RegistryFailed("gone", transient=True).transient is True


def test_errors_carry_what_their_readers_need() -> None:
    """Message and hint for people; offset, findings, status and waiting time for code."""
    github = GitHubFailed("slow down", hint="wait", status=403, retry_after_seconds=60.0)

    assert (str(github), github.message, github.hint) == ("slow down", "slow down", "wait")
    assert (github.status, github.retry_after_seconds) == (403, 60.0)
    assert RegistryFailed("no", status=401).status == 401
    assert ReferenceInvalid("bad", offset=3).offset == 3
    assert ConfigInvalid("bad", findings=()).findings == ()
    assert WebhookRefused("no", status=401).status == 401
