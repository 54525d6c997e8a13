"""The sandbox's GitHub keeps releases, reactions, checks and archives as GitHub does where the bare emulator would not."""

from __future__ import annotations

import io
import subprocess
import tarfile
import urllib.request
from pathlib import Path

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


# -- releases, reactions, comments, checks ----------------------------------------------------------------------------


def test_release_creates_its_tag(repo: GitHubSandbox) -> None:
    """The tag stands at the target when the release is answered."""
    sha = repo.commit_files(REPO, {"a.txt": "1\n"}, branch="stable")
    repo.publish_release(REPO, "v1.0", target="stable")

    assert sha == repo.ref_sha(REPO, "tags/v1.0")


def test_release_keeps_an_existing_tag(repo: GitHubSandbox) -> None:
    """A tag that is there stays where it is."""
    sha = repo.create_tag(REPO, "v1.0")
    repo.commit_files(REPO, {"a.txt": "1\n"})
    repo.publish_release(REPO, "v1.0")

    assert sha == repo.ref_sha(REPO, "tags/v1.0")


def test_release_of_an_unknown_target_is_refused(repo: GitHubSandbox) -> None:
    """Neither tag nor branch: 422, and no release."""
    body = {"tag_name": "v1", "target_commitish": "nowhere"}
    status = repo.api("POST", f"/repos/{REPO}/releases", body, login="alice").status

    assert (status, repo.releases(REPO)) == (422, [])


def test_annotated_tag_is_a_git_object(repo: GitHubSandbox) -> None:
    """Its SHA is that of the object, and it leads to the commit."""
    sha = repo.create_annotated_tag(REPO, "v1.0")
    tag = repo.api("GET", f"/repos/{REPO}/git/tags/{sha}", login="alice").body

    assert (sha, repo.ref_sha(REPO, "heads/main")) == (repo.ref_sha(REPO, "tags/v1.0"), tag["object"]["sha"])


@pytest.mark.parametrize("kind", ["issues", "issues/comments", "comments", "releases"])
def test_reaction_is_kept_once(repo: GitHubSandbox, kind: str) -> None:
    """The same reaction again is answered 200 with the same id."""
    issue = repo.open_issue(REPO, "Hello")
    comment = repo.comment(REPO, issue, "World")
    release = repo.publish_release(REPO, "v1.0")
    sha = repo.ref_sha(REPO, "heads/main")
    path = f"/repos/{REPO}/commits/{sha}/comments"
    commit_comment = repo.api("POST", path, {"body": "Here"}, login="alice").body["id"]
    subjects = {"issues": issue, "issues/comments": comment, "comments": commit_comment, "releases": release}
    path = f"/repos/{REPO}/{kind}/{subjects[kind]}/reactions"
    token = repo.make_installation_token(REPO)
    first, second = (repo.api("POST", path, {"content": "eyes"}, token=token) for _ in range(2))
    rows = repo.api("GET", path, token=token).body

    assert (201, 200, first.body["id"]) == (first.status, second.status, second.body["id"])
    assert [(row["user"]["login"], row["content"]) for row in rows] == [("hublish-sandbox[bot]", "eyes")]


def test_reaction_needs_the_permission(repo: GitHubSandbox) -> None:
    """An installation token without issues: write is 403."""
    issue = repo.open_issue(REPO, "Hello")
    token = repo.make_installation_token(REPO, {"permissions": {"issues": "read"}})

    assert repo.api("POST", f"/repos/{REPO}/issues/{issue}/reactions", {"content": "eyes"}, token=token).status == 403


def test_comment_of_the_app_says_so(repo: GitHubSandbox) -> None:
    """`performed_via_github_app` names the App for its comments, and is null for a person's."""
    issue = repo.open_issue(REPO, "Hello")
    repo.comment(REPO, issue, "by a person")
    token = repo.make_installation_token(REPO)
    repo.api("POST", f"/repos/{REPO}/issues/{issue}/comments", {"body": "by the App"}, token=token)
    apps = [row["performed_via_github_app"] for row in repo.comments(REPO, issue)]

    assert [None, repo.app_id] == [app and app["id"] for app in apps]


def test_annotations_of_an_update_are_appended(repo: GitHubSandbox) -> None:
    """They are listed as an array; more than 50 in a call are refused."""
    token = repo.make_installation_token(REPO)
    path = f"/repos/{REPO}/check-runs"
    sha = repo.ref_sha(REPO, "heads/main")

    def make_output(count: int, message: str) -> dict[str, object]:
        place = {"path": "Pipfile", "start_line": 1, "end_line": 1, "annotation_level": "failure"}
        return {"title": "t", "summary": "s", "annotations": [{**place, "message": message}] * count}

    check = {"name": "hublish / ts", "head_sha": sha, "output": make_output(1, "first")}
    created = repo.api("POST", path, check, token=token).body
    repo.api("PATCH", f"{path}/{created['id']}", {"output": make_output(1, "second")}, token=token)
    refused = repo.api("PATCH", f"{path}/{created['id']}", {"output": make_output(51, "third")}, token=token)
    repo.clear_calls()  # The refused call breaks the contract, as it must.
    messages = [row["message"] for row in repo.annotations(REPO, created["id"])]

    assert (refused.status, messages) == (422, ["first", "second"])
    assert repo.app_id == created["app"]["id"]


def test_statuses_combine(repo: GitHubSandbox) -> None:
    """The newest status of each context counts."""
    token = repo.make_installation_token(REPO)
    sha = repo.ref_sha(REPO, "heads/main")
    for context, state in (("a", "pending"), ("b", "success"), ("a", "success")):
        repo.api("POST", f"/repos/{REPO}/statuses/{sha}", {"state": state, "context": context}, token=token)
    combined = repo.api("GET", f"/repos/{REPO}/commits/{sha}/status", token=token).body

    assert (
        combined["state"],
        combined["total_count"],
        [row["context"] for row in repo.statuses(REPO, str(sha))],
    ) == ("success", 2, ["a", "b", "a"])


def test_number_of_an_issue_is_not_its_id(repo: GitHubSandbox) -> None:
    """Ids of each kind are far apart, so that one taken for another meets nothing."""
    number = repo.open_issue(REPO, "Hello")

    assert (number, repo.issue(REPO, number)["id"] > 2_000_000_000) == (1, True)


# -- git --------------------------------------------------------------------------------------------------------------


def test_archive_is_behind_a_redirect(repo: GitHubSandbox) -> None:
    """The API answers 302; the bytes are a tarball with GitHub's folder name and the commit in its header."""
    sha = repo.commit_files(REPO, {"run.sh": "#!/bin/sh\n"}, executable=("run.sh",), symlinks={"link": "run.sh"})
    answer = repo.api("GET", f"/repos/{REPO}/tarball/main", login="alice")
    with urllib.request.urlopen(answer.headers["location"]) as response:
        content = io.BytesIO(response.read())
    with tarfile.open(fileobj=content) as archive:
        members = {member.name: (member.type, member.mode & 0o111) for member in archive.getmembers()}
    folder = f"alice-notebooks-{sha[:7]}"

    assert (302, sha) == (answer.status, archive.pax_headers["comment"])
    assert members == {
        folder: (tarfile.DIRTYPE, 0o111),
        f"{folder}/Pipfile": (tarfile.REGTYPE, 0),
        f"{folder}/link": (tarfile.SYMTYPE, 0o111),
        f"{folder}/run.sh": (tarfile.REGTYPE, 0o111),
    }


def test_archive_of_an_unknown_ref_is_not_there(repo: GitHubSandbox) -> None:
    """404 at the API, not behind the redirect."""
    assert repo.api("GET", f"/repos/{REPO}/tarball/nowhere", login="alice").status == 404


def test_private_archive_needs_the_redirects_token(repo: GitHubSandbox) -> None:
    """The address without its query is 404."""
    repo.create_repo("alice/secret", private=True)
    location = repo.api("GET", "/repos/alice/secret/tarball/main", login="alice").headers["location"]
    path = location.removeprefix(repo.api_url)
    statuses = [repo.api("GET", place).status for place in (path, path.split("?")[0])]

    assert statuses == [200, 404]


def test_clone_with_an_installation_token(repo: GitHubSandbox, tmp_path: Path) -> None:
    """A shallow clone of a private repository's tag works with a token only, and passes git's own check."""
    repo.create_repo("alice/secret", files={"a.txt": "1\n"}, private=True)
    repo.create_annotated_tag("alice/secret", "v1")
    host = repo.api_url.removeprefix("http://")
    token = repo.make_installation_token("alice/secret", {"permissions": {"contents": "read"}})

    def clone(url: str, name: str) -> int:
        command = ["git", "clone", "-q", "--depth", "1", "-b", "v1", url, str(tmp_path / name)]
        environment = {"GIT_TERMINAL_PROMPT": "0", "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
        return subprocess.run(command, check=False, capture_output=True, env=environment).returncode

    codes = [
        clone(f"http://x-access-token:{token}@{host}/alice/secret.git", "with"),
        clone(f"http://{host}/alice/secret.git", "without"),
    ]
    check = subprocess.run(["git", "-C", str(tmp_path / "with"), "fsck"], check=False, capture_output=True)

    assert (codes, check.returncode, (tmp_path / "with" / "a.txt").read_text()) == ([0, 128], 0, "1\n")
