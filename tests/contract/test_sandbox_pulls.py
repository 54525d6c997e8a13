"""The sandbox's pull requests follow their branches and are refused and merged as on GitHub."""

from __future__ import annotations

import pytest

from tests.sandbox.github import GitHubSandbox

pytestmark = pytest.mark.github

REPO = "alice/notebooks"


@pytest.fixture
def repo(github: GitHubSandbox) -> GitHubSandbox:
    """A GitHub with one repository of alice's, in which bob may write."""
    github.create_repo(REPO, files={"Pipfile": "[packages]\n", "run.sh": "#!/bin/sh\n"}, permissions={"bob": "write"})
    github.clear_calls()
    return github


def test_pull_request_follows_its_branch(repo: GitHubSandbox) -> None:
    """Head, counts and patches are those of the branch now."""
    repo.commit_files(REPO, {"Pipfile": "[packages]\nnumpy = '*'\n"}, branch="work")
    number = repo.open_pull_request(REPO, "Add numpy", head="work")
    sha = repo.commit_files(REPO, {"new.txt": "1\n"}, branch="work")
    pull = repo.pull_request(REPO, number)
    files = [(row["filename"], row["status"], row["patch"]) for row in repo.pull_request_files(REPO, number)]

    assert (sha, 2, 2) == (pull["head"]["sha"], pull["commits"], pull["changed_files"])
    assert sha == repo.ref_sha(REPO, f"pull/{number}/head")
    assert files == [
        ("Pipfile", "modified", "@@ -1,1 +1,2 @@\n [packages]\n+numpy = '*'"),
        ("new.txt", "added", "@@ -0,0 +1,1 @@\n+1"),
    ]


def test_pull_request_from_a_fork_shows_its_files(repo: GitHubSandbox) -> None:
    """A fork starts with the parent's commits; its pull request's head can be fetched from the base repository."""
    repo.create_user("mallory", install=False)
    fork = repo.fork(REPO, login="mallory")
    sha = repo.commit_files(fork, {"evil.txt": "1\n"}, branch="evil")
    number = repo.open_pull_request(REPO, "Hello", head="mallory:evil", login="mallory")
    pull = repo.pull_request(REPO, number)

    assert (
        pull["head"]["repo"]["full_name"],
        [row["filename"] for row in repo.pull_request_files(REPO, number)],
        repo.file_text(REPO, "evil.txt", ref=sha),
    ) == ("mallory/notebooks", ["evil.txt"], "1\n")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("work", "A pull request already exists for alice:work."),
        ("even", "No commits between main and even"),
        ("nowhere", None),
    ],
)
def test_pull_request_is_refused(repo: GitHubSandbox, head: str, expected: str | None) -> None:
    """A second one from a branch, one without commits, one from a branch that is not there."""
    repo.commit_files(REPO, {"a.txt": "1\n"}, branch="work")
    repo.open_pull_request(REPO, "First", head="work")
    sha = repo.ref_sha(REPO, "heads/main")
    repo.api("POST", f"/repos/{REPO}/git/refs", {"ref": "refs/heads/even", "sha": sha}, login="alice")
    body = {"title": "Second", "head": head, "base": "main"}
    answer = repo.api("POST", f"/repos/{REPO}/pulls", body, login="alice")

    assert (422, expected) == (answer.status, answer.body["errors"][0].get("message"))


def test_merge_keeps_what_the_base_got_meanwhile(repo: GitHubSandbox) -> None:
    """All commits of the head and the base's own are in the result."""
    repo.commit_files(REPO, {"one.txt": "1\n"}, branch="work")
    number = repo.open_pull_request(REPO, "Work", head="work")
    repo.commit_files(REPO, {"two.txt": "2\n"}, branch="work", delete=("run.sh",))
    repo.commit_files(REPO, {"base.txt": "3\n"})
    repo.merge_pull_request(REPO, number)
    names = ("one.txt", "two.txt", "base.txt", "run.sh")

    assert [repo.file_text(REPO, name) for name in names] == ["1\n", "2\n", "3\n", None]
    assert (repo.pull_request(REPO, number)["merged"], repo.issue(REPO, number)["state"]) == (True, "closed")


def test_conflicting_merge_is_refused(repo: GitHubSandbox) -> None:
    """A file changed on both sides makes the pull request unmergeable."""
    repo.commit_files(REPO, {"Pipfile": "a\n"}, branch="work")
    number = repo.open_pull_request(REPO, "Work", head="work")
    repo.commit_files(REPO, {"Pipfile": "b\n"})

    assert repo.api("PUT", f"/repos/{REPO}/pulls/{number}/merge", {}, login="alice").status == 405


def test_deleting_the_branch_closes_the_pull_request(repo: GitHubSandbox) -> None:
    """As on GitHub, it is closed and not merged."""
    repo.commit_files(REPO, {"a.txt": "1\n"}, branch="work")
    number = repo.open_pull_request(REPO, "Work", head="work")
    repo.delete_ref(REPO, "heads/work")
    pull = repo.pull_request(REPO, number)

    assert (pull["state"], pull["merged"]) == ("closed", False)


def test_second_fork_is_the_first(repo: GitHubSandbox) -> None:
    """Forking again answers 202 with the fork that is there."""
    repo.create_user("mallory", install=False)
    answers = [repo.api("POST", f"/repos/{REPO}/forks", {}, login="mallory") for _ in range(2)]

    assert [answer.status for answer in answers] == [202, 202]
    assert answers[0].body["id"] == answers[1].body["id"]
