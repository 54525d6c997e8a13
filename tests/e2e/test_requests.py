"""How many requests a release costs, from its webhook to the answer and the pull request."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from tests.e2e.answers import wait_for_ref, wait_until
from tests.e2e.deliveries import read_deliveries
from tests.sandbox.github import Call
from tests.sandbox.town import ENDED, SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry]

BUDGET = 25
"""Requests of one release that GitHub counts against the installation's hour."""
WRITES = 13
TOKENS = 6
"""Each kind of call gets a token of its own, for one repository and an hour."""


def list_counted(town: Town) -> list[Call]:
    """Requests that GitHub counts against an installation: "nothing changed" it does not."""
    return [call for call in town.github.calls(caller="installation") if call.status != HTTPStatus.NOT_MODIFIED]


def release(town: Town, tag: str) -> tuple[list[Call], list[Call]]:
    """Publish a release and wait for its end; returns (requests that count, requests as the App itself)."""
    town.github.commit_files(SOURCE_REPO, {f"notes/{tag}.txt": f"{tag}\n"}, message="change")
    town.github.await_deliveries()
    # The push has a run of its own, which ends silently; its requests are not the release's.
    wait_until(lambda: all(row["state"] != "received" for row in read_deliveries(town)))
    wait_until(lambda: all(run["state"] in ENDED for run in town.read_runs(pushes=True)))
    town.github.clear_calls()
    town.github.publish_release(SOURCE_REPO, tag)
    wait_for_ref(town, tag)
    return list_counted(town), list(town.github.calls(caller="app"))


def render(calls: list[Call]) -> str:
    """The requests for a failure's text."""
    return "\n".join(f"{call.method} {call.path} {call.status}" for call in calls)


def test_release_costs_at_most_25_requests(town: Town) -> None:
    """The first, which opens the pull request, and the second, which updates it; tokens are minted once for both."""
    first, first_as_app = release(town, "v1.0")
    second, second_as_app = release(town, "v1.1")
    minted = [call for call in first_as_app if call.path.endswith("/access_tokens")]
    again = [call for call in second_as_app if call.path.endswith("/access_tokens")]

    assert len(first) <= BUDGET, render(first)
    assert len(second) <= BUDGET, render(second)
    assert len([call for call in first if call.method != "GET"]) <= WRITES, render(first)
    assert (len(minted) <= TOKENS, again) == (True, [])
