"""The seam to the workflow engine, as far as it is pure: faults as data, and where the history lies."""

from __future__ import annotations

import pytest

from hublish.errors import NotAllowed
from hublish.workflows.durable import Fault, make_fault, make_workflow_database


def test_own_error_keeps_what_people_need_and_loses_secrets() -> None:
    """Code, message and hint; a token in the message is masked before it is stored."""
    error = NotAllowed("no: https://user:secret@host/path", hint="ask")
    expected = Fault(code="NotAllowed", message="no: https://***@host/path", hint="ask")

    assert make_fault(error) == expected


def test_unexpected_error_shows_only_its_class() -> None:
    """Its text may hold anything; the log has it."""
    expected = Fault(
        code="Unexpected",
        message="hublish met an error it does not know: KeyError",
        hint="This is a fault of hublish; its log at this time says more.",
    )

    assert make_fault(KeyError("ghs_secret")) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////var/lib/hublish/hublish.sqlite", "sqlite:////var/lib/hublish/hublish-workflows.sqlite"),
        ("sqlite:///data/h.db", "sqlite:///data/h-workflows.db"),
        ("sqlite://", "sqlite://"),
        ("postgresql://hublish:secret@db/hublish", "postgresql://hublish:secret@db/hublish"),
    ],
)
def test_history_lies_beside_the_database(url: str, expected: str) -> None:
    """In a file of its own, or in the same PostgreSQL database, password included."""

    assert make_workflow_database(url) == expected
