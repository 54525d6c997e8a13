"""The seam to the workflow engine, as far as it is pure: faults as data, and where the history lies."""

from __future__ import annotations

import asyncio

import pytest

from hublish.errors import DatabaseFailed, GitHubFailed, NotAllowed
from hublish.workflows.durable import (
    LONGEST_WAIT_SECONDS,
    Fault,
    make_fault,
    make_workflow_database,
    wait_as_asked,
)


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


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (GitHubFailed("limited", transient=True, retry_after_seconds=1800.0), [1800.0]),
        (GitHubFailed("limited", transient=True, retry_after_seconds=86400.0), [LONGEST_WAIT_SECONDS]),
        (GitHubFailed("away", transient=True), []),
        (DatabaseFailed("away", transient=True), []),
    ],
)
def test_limit_is_waited_out_before_the_next_try(error: Exception, expected: list[float]) -> None:
    """As long as GitHub asked, at most an hour; other failures wait by the engine's own pauses."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    asyncio.run(wait_as_asked(error, sleep=sleep))

    assert waited == expected
