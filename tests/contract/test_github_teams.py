"""Membership of teams against the GitHub sandbox: who is in one, and what the App must be allowed to ask."""

from __future__ import annotations

import pytest

from hublish.adapters.github import GitHubReader
from tests.contract.github_parts import Scene

pytestmark = pytest.mark.github


@pytest.fixture
def reader(scene: Scene) -> GitHubReader:
    """A reader of a scene whose organization has the team data with alice in it."""
    scene.github.create_team("org", "data", members=["alice"])
    scene.github.clear_calls()
    return GitHubReader(scene.app)


@pytest.mark.parametrize(
    ("team", "login", "member"),
    [("data", "alice", True), ("data", "bob", False), ("data", "nobody", False), ("other", "alice", False)],
)
def test_member_of_a_team_is_told_from_others(
    scene: Scene, reader: GitHubReader, *, team: str, login: str, member: bool
) -> None:
    """A team or a login that does not exist is no error: nobody is in it."""
    assert reader.is_team_member(scene.repository, team, login) is member


def test_token_of_the_question_can_do_nothing_else(scene: Scene, reader: GitHubReader) -> None:
    """It is minted for the one repository, with the right to read members."""
    reader.is_team_member(scene.repository, "data", "alice")
    bodies = [call.request_body for call in scene.github.calls() if call.path.endswith("/access_tokens")]

    assert bodies == [{"repository_ids": [scene.repository.id], "permissions": {"members": "read", "metadata": "read"}}]


def test_invited_person_is_no_member_yet(scene: Scene, reader: GitHubReader) -> None:
    """GitHub calls somebody who has not answered "pending"."""
    path = "/memberships/bob$"
    body = {"url": "https://api.github.com/x", "role": "member", "state": "pending"}
    scene.github.add_fault(method="GET", path_regex=path, status=200, body=body)

    assert reader.is_team_member(scene.repository, "data", "bob") is False
