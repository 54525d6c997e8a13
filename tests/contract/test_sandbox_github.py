"""The sandbox's GitHub lets in, refuses and fails as GitHub does where the bare emulator would not."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from http.client import RemoteDisconnected
from pathlib import Path

import pytest

import tests.sandbox.github
from tests.sandbox.github import GitHubSandbox, SandboxFailed

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

    assert [(answer.status, answer.headers["x-ratelimit-remaining"]) for answer in answers] == [
        (200, "1"),
        (200, "0"),
        (403, "0"),
    ]


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


# -- the process -------------------------------------------------------------------------------------------------------


def test_missing_packages_name_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without node_modules the error says what to run."""
    monkeypatch.setattr(tests.sandbox.github, "SANDBOX_FOLDER", tmp_path)
    with pytest.raises(SandboxFailed) as caught:
        GitHubSandbox.start(tmp_path / "files")

    assert str(caught.value) == f"the GitHub sandbox is not installed: run {tmp_path / 'install.sh'}"


def test_seed_fills_each_new_github(tmp_path: Path) -> None:
    """It runs at the start and after each reset."""
    seeded: list[int] = []
    with GitHubSandbox.start(tmp_path, seed=lambda sandbox: seeded.append(sandbox.create_repo(REPO))) as sandbox:
        sandbox.reset()
        found = sandbox.api("GET", f"/repos/{REPO}", login="alice").body["id"]

    assert (2, found) == (len(seeded), seeded[-1])
