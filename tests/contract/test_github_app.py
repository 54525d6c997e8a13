"""The App against the GitHub sandbox: its tokens, its patience, and what it says when GitHub refuses."""

from __future__ import annotations

import itertools
import logging
from datetime import UTC, datetime, timedelta

import pytest

from hublish.adapters.github import AppIdentity, GitHubApp, GitHubConversation, GitHubHub, GitHubReader, Patience
from hublish.adapters.github.permissions import Scope
from hublish.core.github.ports import CheckRun, Thread
from hublish.errors import GitHubFailed, SettingsInvalid
from tests.contract.github_parts import Scene, make_app
from tests.sandbox.github import Call, GitHubSandbox

pytestmark = pytest.mark.github


def list_token_calls(github: GitHubSandbox) -> list[Call]:
    return [call for call in github.calls() if call.path.endswith("/access_tokens")]


def test_the_app_knows_who_it_is(scene: Scene) -> None:
    """Asked once, then remembered."""
    app = make_app(scene.github, [])
    expected = AppIdentity(app_id=424242, slug="hublish-sandbox", bot_login="hublish-sandbox[bot]")

    assert [app.fetch_identity(), app.fetch_identity()] == [expected, expected]
    assert scene.count_calls("GET", "/app") == 1


def test_each_kind_of_call_gets_the_smallest_token(scene: Scene) -> None:
    """One repository by id, and only the permissions of that kind of call."""
    reader, conversation, hub = (kind(scene.app) for kind in (GitHubReader, GitHubConversation, GitHubHub))
    number = scene.github.open_issue(scene.name, "x")
    check = CheckRun(
        name="n",
        external_id="e",
        sha=scene.head,
        status="queued",
        conclusion=None,
        title="t",
        summary="s",
        details_url="https://example.com/",
    )
    scene.app.token_for_clone(scene.repository)
    reader.fetch_file(scene.repository, "README.md", "main")
    reader.fetch_permission(scene.repository, "alice")
    conversation.ensure_reaction(scene.repository, Thread(kind="issue", number=number), "eyes")
    conversation.ensure_check_run(scene.repository, check)
    hub.ensure_commit(
        scene.repository, branch="b", base_sha=scene.head, files={"x": b"1"}, message="m", expected_sha=None
    )
    permissions = [call.request_body["permissions"] for call in list_token_calls(scene.github)]

    assert {tuple(call.request_body["repository_ids"]) for call in list_token_calls(scene.github)} == {
        (scene.repository.id,)
    }
    assert permissions == [
        {"contents": "read", "metadata": "read"},
        {"metadata": "read"},
        {"issues": "write", "metadata": "read", "pull_requests": "write"},
        {"checks": "write", "metadata": "read"},
        {"contents": "write", "metadata": "read", "pull_requests": "write"},
    ]


def test_a_token_of_a_read_cannot_write(scene: Scene) -> None:
    """GitHub itself refuses: a leaked clone token changes nothing."""

    def write(session: object) -> object:
        return session.send("POST", "/repos/org/ts/issues", body={"title": "x"})  # type: ignore[attr-defined]

    with pytest.raises(GitHubFailed) as failed:
        scene.app.run(scene.repository, Scope.CONTENTS_READ, write)

    assert (failed.value.status, failed.value.transient) == (403, False)
    assert failed.value.hint.startswith(("Give the App the permission", "Check that the App is installed"))


def test_a_token_is_kept_until_five_minutes_before_its_end(scene: Scene) -> None:
    """One token serves many calls; a clone never gets one about to end."""
    now = [datetime.now(UTC)]
    app = GitHubApp(
        api_url=scene.github.api_url,
        app_id=scene.github.app_id,
        private_key_pem=scene.github.private_key_path.read_bytes(),
        clock=lambda: now[0],
    )
    first = app.token_for_clone(scene.repository)
    now[0] += timedelta(minutes=54)
    second = app.token_for_clone(scene.repository)
    now[0] += timedelta(minutes=2)
    third = app.token_for_clone(scene.repository)

    assert first == second
    assert third != first


def test_the_apps_own_token_is_signed_once_in_four_minutes(scene: Scene) -> None:
    """The private key is used again only when the last signature is about to end."""
    now = [datetime.now(UTC)]
    app = GitHubApp(
        api_url=scene.github.api_url,
        app_id=scene.github.app_id,
        private_key_pem=scene.github.private_key_path.read_bytes(),
        clock=lambda: now[0],
    )
    identity = app.fetch_identity()
    app._private_key_pem = b"used no more"
    app._identity = None
    now[0] += timedelta(minutes=3, seconds=59)
    again = app.fetch_identity()
    app._identity = None
    now[0] += timedelta(seconds=1)

    assert again == identity
    with pytest.raises(SettingsInvalid):
        app.fetch_identity()


def test_a_token_that_ended_early_is_minted_anew(scene: Scene) -> None:
    """Revoked or ended: one 401, one new token, and the call goes on."""
    reader = GitHubReader(scene.app)
    reader.fetch_file(scene.repository, "README.md", "main")
    scene.github.add_fault(path_regex="/contents/", status=401, body={"message": "Bad credentials"})

    assert reader.fetch_file(scene.repository, "README.md", "main") == b"# ts\n"
    assert len(list_token_calls(scene.github)) == 2


def test_a_token_github_rejects_for_good_ends_in_an_error(scene: Scene) -> None:
    """Not even a new token helps: the tries end."""
    scene.github.add_fault(path_regex="/contents/", status=401, body={"message": "Bad credentials"}, times=9)

    with pytest.raises(GitHubFailed) as failed:
        GitHubReader(scene.app).fetch_file(scene.repository, "README.md", "main")
    assert failed.value.status == 401
    assert scene.sleeps == [1.0, 2.0, 4.0]


def test_no_token_reaches_a_log(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Even at DEBUG level no token, key or address of a download is logged."""
    caplog.set_level(logging.DEBUG)
    token = scene.app.token_for_clone(scene.repository)
    GitHubReader(scene.app).fetch_file(scene.repository, "README.md", "main")
    GitHubConversation(scene.app).ensure_reaction(scene.repository, Thread(kind="release", number=1), "confused")

    assert token not in caplog.text
    assert "PRIVATE KEY" not in caplog.text
    assert token not in repr(vars(scene.app))


def test_writes_of_one_operation_keep_a_distance(scene: Scene) -> None:
    """GitHub asks for pauses between writes; the client keeps the one it is given."""
    app = GitHubApp(
        api_url=scene.github.api_url,
        app_id=scene.github.app_id,
        private_key_pem=scene.github.private_key_path.read_bytes(),
        patience=Patience(seconds_between_writes=0.2),
    )
    scene.github.clear_calls()
    GitHubHub(app).ensure_commit(
        scene.repository, branch="b", base_sha=scene.head, files={"x": b"\xff"}, message="m", expected_sha=None
    )
    writes = [
        datetime.fromisoformat(call.at)
        for call in scene.github.calls(caller="installation")
        if call.method in ("POST", "PATCH")
    ]
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(writes)]

    assert len(gaps) == 3
    assert min(gaps) >= 0.19
