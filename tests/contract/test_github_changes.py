"""The port ChangeReader against the GitHub sandbox."""

from __future__ import annotations

import pytest

from hublish.adapters.github import GitHubChanges
from hublish.adapters.github.changes import COMPARED_FILES
from hublish.errors import GitHubFailed
from tests.contract.github_parts import Scene
from tests.sandbox.contract import check_calls

pytestmark = pytest.mark.github


@pytest.fixture
def changes(scene: Scene) -> GitHubChanges:
    return GitHubChanges(scene.app)


def test_changes_are_listed_since_the_commits_parted(scene: Scene, changes: GitHubChanges) -> None:
    """Added, changed and removed files of a branch, against a commit or the name of a branch."""
    before = scene.head
    files = {".hublish.yaml": "version: 1\n", "README.md": "# new\n"}
    sha = scene.github.commit_files(scene.name, files, branch="feature", delete=["images/a.yaml"])
    expected = {*files, "images/a.yaml"}

    assert changes.list_changes(scene.repository, base=before, sha=sha) == expected
    assert changes.list_changes(scene.repository, base="main", sha=sha) == expected
    assert check_calls(scene.github.calls(caller="installation")) == ()


def test_renamed_file_is_listed_under_both_names(scene: Scene, changes: GitHubChanges) -> None:
    """A config that is renamed away is a change of the config."""
    files = [{"filename": "b.yaml", "previous_filename": ".hublish.yaml", "status": "renamed"}]
    scene.github.add_fault(path_regex="/compare/", status=200, body={"files": files})

    assert changes.list_changes(scene.repository, base="main", sha=scene.head) == {"b.yaml", ".hublish.yaml"}


def test_changes_of_a_fork_are_read_in_the_repository(scene: Scene, changes: GitHubChanges) -> None:
    """The head of its pull request can be compared and listed without a word to the fork."""
    fork = scene.github.fork(scene.name, login="bob")
    sha = scene.github.commit_files(fork, {"Pipfile": "[packages]\n"}, message="fork", login="bob")
    scene.github.open_pull_request(scene.name, title="Change", head="bob:main", login="bob")

    assert changes.list_changes(scene.repository, base=scene.head, sha=sha) == {"Pipfile"}
    assert "Pipfile" in (changes.list_files(scene.repository, sha) or ())
    assert not [call for call in scene.github.calls(caller="installation") if fork in call.path]


def test_changes_that_cannot_be_told_are_none(scene: Scene, changes: GitHubChanges) -> None:
    """A commit that is gone, and a list as long as GitHub makes it."""
    assert changes.list_changes(scene.repository, base="f" * 40, sha=scene.head) is None

    files = [{"filename": f"{number}.txt"} for number in range(COMPARED_FILES)]
    scene.github.add_fault(path_regex="/compare/", status=200, body={"files": files})

    assert changes.list_changes(scene.repository, base="main", sha=scene.head) is None


def test_files_of_a_commit_are_listed(scene: Scene, changes: GitHubChanges) -> None:
    """Regular files only: no folders, links and submodules."""
    expected = {"README.md", "images/a.yaml", "images/b.yaml", "images/sub/c.yaml"}

    assert changes.list_files(scene.repository, scene.head) == expected

    tree = [{"path": "a", "mode": "120000"}, {"path": "b", "mode": "100755"}, {"path": "c", "mode": "160000"}]
    scene.github.add_fault(path_regex="/git/trees/", status=200, body={"tree": tree, "truncated": False})

    assert changes.list_files(scene.repository, scene.head) == {"b"}


def test_tree_that_github_cuts_short_is_none(scene: Scene, changes: GitHubChanges) -> None:
    """Half a list would hide a config."""
    scene.github.add_fault(path_regex="/git/trees/", status=200, body={"tree": [], "truncated": True})

    assert changes.list_files(scene.repository, scene.head) is None


def test_refusal_is_an_error(scene: Scene, changes: GitHubChanges) -> None:
    """Only a missing commit is None."""
    scene.github.add_fault(path_regex="/compare/", status=403, body={"message": "no"}, times=9)
    with pytest.raises(GitHubFailed):
        changes.list_changes(scene.repository, base="main", sha=scene.head)
