"""The port StandingReader against the GitHub sandbox."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.adapters.github import GitHubReader, GitHubStanding
from hublish.core.onboarding.ports import Newcomer, Standing
from hublish.errors import SourceMissing
from tests.contract.github_parts import Scene
from tests.sandbox.contract import check_calls

pytestmark = pytest.mark.github
BRANCH = "hublish/onboarding"


@pytest.fixture
def standings(scene: Scene) -> GitHubStanding:
    return GitHubStanding(scene.app)


def make_newcomer(scene: Scene) -> Newcomer:
    """The scene's repository as its installation brought it."""
    repository = scene.repository
    return Newcomer(repo_id=repository.id, installation_id=repository.installation_id, full_name=scene.name)


def test_repository_is_read_as_it_stands(scene: Scene, standings: GitHubStanding) -> None:
    """Its ids and names; once archived, that too."""
    before = standings.fetch_standing(make_newcomer(scene))
    scene.github.change_repo(scene.name, archived=True)

    assert before == Standing(repository=scene.repository, fork=False, archived=False)
    assert standings.fetch_standing(make_newcomer(scene)) == Standing(
        repository=scene.repository, fork=False, archived=True
    )
    assert check_calls(scene.github.calls(caller="installation")) == ()


def test_renamed_repository_is_found_and_its_old_name_alone_is_not(scene: Scene, standings: GitHubStanding) -> None:
    """It is known by its number: who takes the old name is somebody else."""
    newcomer = make_newcomer(scene)
    scene.github.rename_repo(scene.name, "new")
    expected = dataclasses.replace(scene.repository, name="new")
    found = standings.fetch_standing(newcomer)
    scene.github.create_repo(scene.name)
    with pytest.raises(SourceMissing):
        standings.fetch_standing(newcomer)

    assert found == Standing(repository=expected, fork=False, archived=False)


def test_fork_is_told(scene: Scene, standings: GitHubStanding) -> None:
    """A fork on an account that has the App."""
    scene.github.create_user("carol")
    fork = scene.github.fork(scene.name, login="carol")
    installation = GitHubReader(scene.app).find_installation(fork)
    assert installation is not None
    repo_id = scene.github.api("GET", f"/repos/{fork}", login="carol").body["id"]

    assert standings.fetch_standing(Newcomer(repo_id=repo_id, installation_id=installation, full_name=fork)).fork


def test_repository_that_is_gone_is_missing(scene: Scene, standings: GitHubStanding) -> None:
    """GitHub answers with 404."""
    scene.github.add_fault(method="GET", path_regex=f"^/repos/{scene.name}$", status=404)
    with pytest.raises(SourceMissing, match=r"the repository org/ts cannot be seen at GitHub"):
        standings.fetch_standing(make_newcomer(scene))


def test_proposal_is_found_in_every_state(scene: Scene, standings: GitHubStanding) -> None:
    """Open, and closed with its branch deleted; a pull request from another branch is none."""
    before = standings.has_proposal(scene.repository, BRANCH)
    scene.github.commit_files(scene.name, {"a": "1"}, branch="other")
    scene.github.open_pull_request(scene.name, title="Other", head="other", login="alice")
    other = standings.has_proposal(scene.repository, BRANCH)
    scene.github.commit_files(scene.name, {"a": "1"}, branch=BRANCH)
    number = scene.github.open_pull_request(scene.name, title="Ours", head=BRANCH, login="alice")
    pull = f"/repos/{scene.name}/pulls/{number}"
    opened = standings.has_proposal(scene.repository, BRANCH)
    scene.github.api("PATCH", pull, {"state": "closed"}, login="alice")
    scene.github.delete_ref(scene.name, f"heads/{BRANCH}")

    assert (before, other, opened) == (False, False, True)
    assert standings.has_proposal(scene.repository, BRANCH)
    assert check_calls(scene.github.calls(caller="installation")) == ()
