"""A GitHub that fails, limits, moves or refuses: what is tried again, and what each error says."""

from __future__ import annotations

import pytest

from hublish.adapters.github import GitHubApp, GitHubConversation, GitHubReader, Patience
from hublish.core.github.ports import Thread
from hublish.errors import GitHubFailed, NotAllowed, SettingsInvalid, SourceMissing
from tests.contract.github_parts import Scene, make_app

pytestmark = pytest.mark.github


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 503}, {"drop": True}])
def test_a_passing_failure_is_tried_again_with_growing_pauses(scene: Scene, fault: dict[str, object]) -> None:
    """5xx and dropped connections pass; the pause doubles."""
    scene.github.add_fault(path_regex="/contents/", times=2, **fault)  # type: ignore[arg-type]

    assert GitHubReader(scene.app).fetch_file(scene.repository, "README.md", "main") == b"# ts\n"
    assert scene.sleeps == [1.0, 2.0]


def test_a_slow_answer_is_asked_for_again(scene: Scene) -> None:
    """Silence until the time-out is a failure that passes, too."""
    sleeps: list[float] = []
    app = make_app(scene.github, sleeps, timeout_seconds=4)
    reader = GitHubReader(app)
    scene.github.add_fault(path_regex="/contents/", delay_seconds=8)

    assert reader.fetch_file(scene.repository, "README.md", "main") == b"# ts\n"
    assert sleeps == [1.0]


def test_a_token_that_could_not_be_minted_is_asked_for_again(scene: Scene) -> None:
    """Minting shares the patience of the call it is for."""
    scene.github.add_fault(path_regex="/access_tokens$", status=502, times=2)

    assert GitHubReader(scene.app).fetch_file(scene.repository, "README.md", "main") == b"# ts\n"
    assert scene.sleeps == [1.0, 2.0]


def test_the_budget_is_fresh_for_each_call(scene: Scene) -> None:
    """A call that needed retries leaves the next one all of its own."""
    reader = GitHubReader(scene.app)
    for _ in range(2):
        scene.github.add_fault(path_regex="/contents/", status=502, times=3)
        reader.fetch_file(scene.repository, "README.md", "main")

    assert scene.sleeps == [1.0, 2.0, 4.0] * 2


def test_a_failure_that_stays_is_given_back(scene: Scene) -> None:
    """After the last try the error says that a later one may help."""
    scene.github.add_fault(path_regex="/contents/", status=502, times=9)
    with pytest.raises(GitHubFailed) as failed:
        GitHubReader(scene.app).fetch_file(scene.repository, "README.md", "main")

    assert (failed.value.status, failed.value.transient, scene.sleeps) == (502, True, [1.0, 2.0, 4.0])
    assert failed.value.message.startswith("GET /repos/org/ts/contents/README.md at GitHub: status 502")


def test_a_secondary_limit_is_waited_for_as_long_as_github_asks(scene: Scene) -> None:
    """`Retry-After` counts, not our own pause."""
    scene.github.add_secondary_limit(path_regex="/comments$", retry_after=7)
    thread = Thread(kind="issue", number=scene.github.open_issue(scene.name, "x"))
    GitHubConversation(scene.app).ensure_comment(scene.repository, thread, marker="m", body="m")

    assert scene.sleeps == [7.0]


def test_a_limit_longer_than_the_deadline_is_given_back_at_once(scene: Scene) -> None:
    """A step that sleeps an hour helps nobody: the caller learns how long to wait."""
    scene.github.add_secondary_limit(path_regex="/contents/", retry_after=3600)
    with pytest.raises(GitHubFailed) as failed:
        GitHubReader(scene.app).fetch_file(scene.repository, "README.md", "main")

    assert (failed.value.transient, failed.value.retry_after_seconds, scene.sleeps) == (True, 3600.0, [])
    assert failed.value.hint == "GitHub limits the App's requests; the call is repeated later."


def test_an_answer_that_breaks_the_protocol_is_no_crash(scene: Scene) -> None:
    """Missing fields, wrong types and other text end in our own error."""
    reader = GitHubReader(scene.app)
    for body in ({"permission": 7}, ["x"], "<html>", '{"permission"'):
        scene.github.add_fault(path_regex="/permission$", status=200, body=body)
        with pytest.raises(GitHubFailed) as failed:
            reader.fetch_permission(scene.repository, "alice")
        assert not failed.value.transient
    scene.github.clear_calls()


def test_a_write_to_a_renamed_repository_reaches_it(scene: Scene) -> None:
    """GitHub redirects it; taken for a success, an answer would be lost without a word."""
    number = scene.github.open_issue(scene.name, "x")
    scene.github.rename_repo(scene.name, "renamed")
    thread = Thread(kind="issue", number=number)
    GitHubConversation(scene.app).ensure_comment(scene.repository, thread, marker="m", body="m")
    read = GitHubReader(scene.app).fetch_file(scene.repository, "README.md", "main")
    bodies = [row["body"] for row in scene.github.comments("org/renamed", number)]
    scene.github.clear_calls()

    assert (bodies, read) == (["m"], b"# ts\n")


def test_a_write_that_is_redirected_again_is_no_success(scene: Scene) -> None:
    """Where the new name cannot be found out, nothing is taken for written."""
    url = "https://api.github.com/repositories/1/issues/1/reactions"
    body = {"message": "Moved Permanently", "url": url, "documentation_url": "https://docs.github.com/"}
    scene.github.add_fault(method="POST", path_regex="/reactions$", status=307, body=body, times=2)
    with pytest.raises(GitHubFailed) as failed:
        GitHubConversation(scene.app).ensure_reaction(scene.repository, Thread(kind="issue", number=1), "eyes")
    scene.github.clear_calls()

    assert failed.value.hint == "Ask again: the next event brings the new name."


def test_a_write_to_an_archived_repository_says_so(scene: Scene) -> None:
    """Permissions are not what is missing."""
    number = scene.github.open_issue(scene.name, "x")
    scene.github.change_repo(scene.name, archived=True)
    with pytest.raises(GitHubFailed) as failed:
        GitHubConversation(scene.app).ensure_reaction(scene.repository, Thread(kind="issue", number=number), "eyes")

    assert (failed.value.transient, failed.value.hint) == (
        False,
        "Take the repository out of the archive, then ask again.",
    )


def test_an_app_that_was_uninstalled_says_so(scene: Scene) -> None:
    """An installation id that is no more."""
    with pytest.raises(NotAllowed) as refused:
        GitHubReader(scene.app).fetch_repository(999, "org/ts")

    assert refused.value.message == "The GitHub App is not installed here any more."


@pytest.mark.parametrize("minted", [True, False])
def test_a_suspended_app_says_so(scene: Scene, *, minted: bool) -> None:
    """The owner suspended the installation: whether a token was minted before or not, the answer is the same."""
    scene.github.suspend_installation("org")
    if not minted:
        body = {"message": "This installation has been suspended"}
        scene.github.add_fault(path_regex="/access_tokens$", status=403, body=body)
    with pytest.raises(NotAllowed) as refused:
        GitHubReader(scene.app).fetch_file(scene.repository, "README.md", "main")

    assert refused.value.message == "The owner suspended the installation of the GitHub App."


def test_a_missing_permission_is_named(scene: Scene) -> None:
    """The owner did not accept a permission: the answer lists what the call needs."""
    body = {"message": "The permissions requested are not granted to this installation."}
    scene.github.add_fault(path_regex="/access_tokens$", status=422, body=body)
    with pytest.raises(NotAllowed) as refused:
        scene.app.token_for_clone(scene.repository)

    assert refused.value.message == (
        "The App's installation lacks one of these permissions: contents: read, metadata: read."
    )


def test_a_repository_outside_the_installation_is_missing(scene: Scene) -> None:
    """The owner took the repository out of the installation."""
    scene.github.create_repo("org/other")
    scene.github.select_repositories("org", added=["org/other"], removed=["org/ts"])
    with pytest.raises(SourceMissing) as missing:
        scene.app.token_for_clone(scene.repository)

    assert missing.value.message == "The App's installation does not cover the repository, or it does not exist."


def test_a_wrong_key_names_the_setting(scene: Scene) -> None:
    """GitHub rejects the signature, or the file is no key at all."""
    other = GitHubApp(
        api_url=scene.github.api_url, app_id=1, private_key_pem=scene.github.private_key_path.read_bytes()
    )
    broken = GitHubApp(api_url=scene.github.api_url, app_id=1, private_key_pem=b"\xffnot a key")
    with pytest.raises(GitHubFailed) as failed:
        other.fetch_identity()
    with pytest.raises(SettingsInvalid) as invalid:
        broken.fetch_identity()

    assert failed.value.hint == (
        "Check `github.app_id` and `github.private_key_file` in the settings, and this machine's clock."
    )
    assert invalid.value.hint == "Set `github.private_key_file` to the .pem file that GitHub generated for the App."


def test_a_host_without_an_answer_says_so(scene: Scene) -> None:
    """Nobody listens: a passing failure with a hint."""
    app = GitHubApp(
        api_url="http://127.0.0.1:9",
        app_id=1,
        private_key_pem=scene.github.private_key_path.read_bytes(),
        patience=Patience(attempts=1),
    )
    with pytest.raises(GitHubFailed) as failed:
        app.fetch_identity()

    assert failed.value.message == (
        "GET /app at GitHub: expected an answer, but the connection failed (NewConnectionError)."
    )
    assert (failed.value.status, failed.value.transient) == (None, True)
