"""The sandbox's GitHub answers as GitHub does where the bare emulator would not."""

from __future__ import annotations

import io
import subprocess
import tarfile
import time
import urllib.request
from http.client import RemoteDisconnected
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


# -- tokens -----------------------------------------------------------------------------------------------------------


def test_unknown_token_is_refused(repo: GitHubSandbox) -> None:
    """A token nobody was given is 401, also where no token would do."""
    answer = repo.api("GET", f"/repos/{REPO}", token="ghs_nobody")

    assert (answer.status, answer.body["message"]) == (401, "Bad credentials")


def test_token_is_refused_after_its_life(repo: GitHubSandbox) -> None:
    """An installation token that expired is 401."""
    repo.set_options(token_lifetime_seconds=0.05)
    token = repo.make_installation_token(REPO)
    time.sleep(0.1)

    assert repo.api("GET", f"/repos/{REPO}", token=token).status == 401


def test_token_given_back_is_refused(repo: GitHubSandbox) -> None:
    """DELETE /installation/token ends a token."""
    token = repo.make_installation_token(REPO)
    statuses = [
        repo.api("DELETE", "/installation/token", token=token).status,
        repo.api("GET", "/installation/repositories", token=token).status,
    ]

    assert statuses == [204, 401]


def test_web_token_that_lives_too_long_is_refused(repo: GitHubSandbox) -> None:
    """GitHub takes at most ten minutes."""
    answer = repo.api("GET", "/app", token=repo.make_jwt(lifetime_seconds=1200))
    expected = (401, "'Expiration time' claim ('exp') is too far in the future")

    assert expected == (answer.status, answer.body["message"])


def test_web_token_opens_the_apps_own_endpoints_only(repo: GitHubSandbox) -> None:
    """Repositories need an installation token."""
    token = repo.make_jwt()
    statuses = [repo.api("GET", path, token=token).status for path in ("/app", f"/repos/{REPO}")]

    assert statuses == [200, 401]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"permissions": {"contents": "read"}}, 403),
        ({"permissions": {"issues": "write"}}, 403),
        ({"permissions": {"contents": "write"}}, 201),
        ({"permissions": {}}, 201),
        ({}, 201),
    ],
)
def test_token_has_the_permissions_asked_for(repo: GitHubSandbox, body: dict[str, object], expected: int) -> None:
    """None asked for, or an empty table, means all the installation has."""
    token = repo.make_installation_token(REPO, body)
    blob = {"content": "x", "encoding": "utf-8"}

    assert repo.api("POST", f"/repos/{REPO}/git/blobs", blob, token=token).status == expected


def test_token_narrowed_to_a_repository_opens_no_other(repo: GitHubSandbox) -> None:
    """`repository_ids` hides the private repositories it does not name."""
    other = repo.create_repo("alice/other", private=True)
    chosen = repo.create_repo("alice/chosen", private=True)
    token = repo.make_installation_token("alice/chosen", {"repository_ids": [chosen]})
    statuses = [repo.api("GET", f"/repos/alice/{name}", token=token).status for name in ("chosen", "other")]

    assert (chosen != other, [200, 404]) == (True, statuses)


def test_suspended_installation_is_refused(repo: GitHubSandbox) -> None:
    """A suspended App's tokens are 403 until the suspension is lifted."""
    token = repo.make_installation_token(REPO)
    repo.suspend_installation("alice")
    suspended = repo.api("GET", f"/repos/{REPO}", token=token).status
    repo.suspend_installation("alice", suspended=False)

    assert (suspended, repo.api("GET", f"/repos/{REPO}", token=token).status) == (403, 200)


def test_private_repository_is_not_there_for_strangers(repo: GitHubSandbox) -> None:
    """GitHub says 404, not 403."""
    repo.create_repo("alice/secret", private=True)
    repo.create_user("mallory", install=False)

    assert repo.api("GET", "/repos/alice/secret", login="mallory").status == 404


# -- permissions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("admin", ("admin", "admin")),
        ("maintain", ("write", "maintain")),
        ("write", ("write", "write")),
        ("triage", ("read", "triage")),
        ("read", ("read", "read")),
        ("none", ("read", "read")),
    ],
)
def test_permission_of_a_collaborator(repo: GitHubSandbox, level: str, expected: tuple[str, str]) -> None:
    """`permission` has GitHub's four old levels, `role_name` the exact one; anyone reads a public repository."""
    repo.set_permissions(REPO, {"bob": level})
    body = repo.api("GET", f"/repos/{REPO}/collaborators/bob/permission", login="alice").body

    assert expected == (body["permission"], body["role_name"])


def test_permissions_in_an_organizations_private_repository(github: GitHubSandbox) -> None:
    """The administrator has admin, a collaborator what was given, others none, an unknown login is 404."""
    github.create_organization("acme")
    github.create_repo("acme/secret", private=True, permissions={"bob": "write"})
    github.create_user("mallory", install=False)
    token = github.make_installation_token("acme/secret")
    people = ("acme-admin", "bob", "mallory", "nobody")
    answers = [
        github.api("GET", f"/repos/acme/secret/collaborators/{login}/permission", token=token) for login in people
    ]

    assert [answer.body.get("permission") for answer in answers] == ["admin", "write", "none", None]


def test_stranger_may_not_ask_for_permissions(repo: GitHubSandbox) -> None:
    """Without push access the call is 403."""
    repo.create_user("mallory", install=False)

    assert repo.api("GET", f"/repos/{REPO}/collaborators/bob/permission", login="mallory").status == 403


def test_stranger_may_open_issues_but_not_release(repo: GitHubSandbox) -> None:
    """A public repository takes issues from anyone and releases from its writers."""
    repo.create_user("mallory", install=False)
    release = {"tag_name": "v1"}
    statuses = [
        repo.api("POST", f"/repos/{REPO}/issues", {"title": "Hello"}, login="mallory").status,
        repo.api("POST", f"/repos/{REPO}/releases", release, login="mallory").status,
        repo.api("POST", f"/repos/{REPO}/releases", release, login="bob").status,
    ]

    assert statuses == [201, 403, 201]


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


# -- pull requests ----------------------------------------------------------------------------------------------------


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


# -- git --------------------------------------------------------------------------------------------------------------


def test_archive_is_behind_a_redirect(repo: GitHubSandbox) -> None:
    """The API answers 302; the bytes are a tarball with GitHub's folder name and the commit in its header."""
    sha = repo.commit_files(REPO, {"run.sh": "#!/bin/sh\n"}, executable=("run.sh",), symlinks={"link": "run.sh"})
    answer = repo.api("GET", f"/repos/{REPO}/tarball/main", login="alice")
    with urllib.request.urlopen(answer.headers["location"]) as response:
        archive = tarfile.open(fileobj=io.BytesIO(response.read()))
    folder = f"alice-notebooks-{str(sha)[:7]}"
    members = {member.name: (member.type, member.mode & 0o111) for member in archive.getmembers()}

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


# -- the wire ---------------------------------------------------------------------------------------------------------


def test_unchanged_answer_is_304(repo: GitHubSandbox) -> None:
    """A request with the answer's ETag is 304 without a body, until the answer changes."""
    path = f"{repo.api_url}/repos/{REPO}/issues"

    def ask(etag: str | None) -> tuple[int, str | None]:
        request = urllib.request.Request(path, headers={} if etag is None else {"If-None-Match": etag})
        try:
            with urllib.request.urlopen(request) as response:
                return response.status, response.headers["ETag"]
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["ETag"]

    etag = ask(None)[1]
    unchanged = ask(etag)
    repo.open_issue(REPO, "Hello")

    assert ((304, etag), 200) == (unchanged, ask(etag)[0])


def test_faults_meet_as_many_calls_as_asked(repo: GitHubSandbox) -> None:
    """The secondary limit has GitHub's words and Retry-After; the next call is right again."""
    repo.add_secondary_limit(path_regex="/issues$", retry_after=7)
    answers = [repo.api("GET", f"/repos/{REPO}/issues", login="alice") for _ in range(2)]

    assert [answer.status for answer in answers] == [403, 200]
    assert (answers[0].headers["retry-after"], "secondary rate limit" in answers[0].body["message"]) == ("7", True)


@pytest.mark.parametrize(("after", "expected"), [(False, 0), (True, 1)])
def test_dropped_connection(repo: GitHubSandbox, after: bool, expected: int) -> None:
    """The client sees no answer; the call took effect or not, as asked."""
    repo.add_fault(method="POST", path_regex="/issues$", drop=True, after=after)
    with pytest.raises(RemoteDisconnected):
        repo.api("POST", f"/repos/{REPO}/issues", {"title": "Hello"}, login="alice")

    assert expected == len(repo.api("GET", f"/repos/{REPO}/issues", login="alice").body)


def test_slow_and_failing_answer(repo: GitHubSandbox) -> None:
    """A fault may wait before it answers."""
    repo.add_fault(path_regex="/issues$", status=502, body="<html>Bad gateway</html>", delay_seconds=0.2)
    started = time.monotonic()
    answer = repo.api("GET", f"/repos/{REPO}/issues", login="alice")

    assert (answer.status, answer.body) == (502, b"<html>Bad gateway</html>")
    assert time.monotonic() - started >= 0.2


def test_primary_rate_limit(repo: GitHubSandbox) -> None:
    """Calls are counted per token, said in the headers, and refused above the limit."""
    token = repo.make_installation_token(REPO)
    repo.set_options(rate_limit=2)
    answers = [repo.api("GET", f"/repos/{REPO}", token=token) for _ in range(3)]

    assert [
        (answer.status, answer.headers["x-ratelimit-remaining"]) for answer in answers
    ] == [(200, "1"), (200, "0"), (403, "0")]


def test_reset_forgets_everything(repo: GitHubSandbox) -> None:
    """Repositories, tokens, faults and calls are gone; ids go on."""
    first = repo.issue(REPO, repo.open_issue(REPO, "Hello"))["id"]
    token = repo.make_installation_token(REPO)
    repo.add_fault(status=500, times=99)
    repo.reset()
    gone = repo.api("GET", f"/repos/{REPO}", token=token).status
    repo.create_repo(REPO)
    second = repo.issue(REPO, repo.open_issue(REPO, "Hello"))["id"]

    assert (gone, second > first) == (401, True)
