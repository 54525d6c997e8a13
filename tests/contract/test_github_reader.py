"""The port RepositoryReader against the GitHub sandbox."""

from __future__ import annotations

import pytest

from hublish.adapters.github import GitHubReader
from hublish.core.repository import Permission, Repository
from hublish.errors import GitHubFailed, SourceInvalid, SourceMissing
from tests.contract.github_parts import Scene, make_scene
from tests.sandbox.github import GitHubSandbox

pytestmark = pytest.mark.github


def test_a_repository_is_read_as_it_is_now(scene: Scene, reader: GitHubReader) -> None:
    """Id, names, default branch and visibility come from GitHub."""
    known = scene.github.api("GET", "/repos/org/ts", login="alice").body
    installation_id = scene.repository.installation_id
    expected = Repository(
        id=known["id"],
        owner="org",
        name="ts",
        installation_id=installation_id,
        default_branch="main",
        owner_id=known["owner"]["id"],
    )

    assert reader.fetch_repository(installation_id, "org/ts") == expected


@pytest.mark.parametrize("full_name", ["org/none", "org", "org/", "/ts", "org/ts/x", "../..", "org/.."])
def test_a_repository_that_cannot_be_seen_is_missing(scene: Scene, reader: GitHubReader, full_name: str) -> None:
    """Unknown and impossible names are one error."""
    with pytest.raises(SourceMissing):
        reader.fetch_repository(scene.repository.installation_id, full_name)


def test_a_repository_that_went_is_missing(scene: Scene, reader: GitHubReader) -> None:
    """A token for the name, but no repository any more."""
    scene.github.add_fault(path_regex="^/repos/org/ts$", status=404)
    with pytest.raises(SourceMissing) as missing:
        reader.fetch_repository(scene.repository.installation_id, "org/ts")

    assert missing.value.message == (
        "Expected the repository org/ts, but GitHub does not know it or the App may not see it."
    )


def test_the_installation_of_a_repository_is_found(scene: Scene, reader: GitHubReader) -> None:
    """The App's own token finds it; None where the App is not."""
    scene.github.create_user("carol", install=False)
    scene.github.create_repo("carol/notes")

    assert reader.find_installation("org/ts") == scene.repository.installation_id
    assert reader.find_installation("carol/notes") is None
    assert reader.find_installation("org/none") is None


def test_a_file_is_read_at_a_commit(scene: Scene, reader: GitHubReader) -> None:
    """The bytes of that commit, not of today's branch."""
    old = scene.head
    scene.github.commit_files("org/ts", {"images/a.yaml": b"\xff\x00new"})

    assert reader.fetch_file(scene.repository, "images/a.yaml", old) == b"a: 1\n"
    assert reader.fetch_file(scene.repository, "images/a.yaml", "main") == b"\xff\x00new"


@pytest.mark.parametrize("path", ["none.yaml", "images", "images/a.yaml/x"])
def test_what_is_no_file_is_none(scene: Scene, reader: GitHubReader, path: str) -> None:
    """Missing paths and folders."""
    assert reader.fetch_file(scene.repository, path, scene.head) is None


@pytest.mark.parametrize("path", ["../../../user", "images/../a", "/etc/passwd", ""])
def test_a_path_that_escapes_is_never_asked_for(scene: Scene, reader: GitHubReader, path: str) -> None:
    """A `..` in an address would reach another endpoint with our token."""
    with pytest.raises(SourceMissing):
        reader.fetch_file(scene.repository, path, scene.head)

    assert [call.path for call in scene.github.calls() if "contents" in call.path] == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"content": "a"}, "Expected a in base64 from GitHub, but it cannot be decoded."),
        ({"size": "x"}, "GET a at GitHub: the answer's size is not usable: Input should be a valid integer"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(
    scene: Scene, reader: GitHubReader, changes: dict[str, object], message: str
) -> None:
    """An answer that breaks the protocol is never half a file."""
    body = {"type": "file", "encoding": "base64", "size": 1, "content": "YQ==", **changes}
    scene.github.add_fault(path_regex="/contents/a$", status=200, body=body)
    with pytest.raises(GitHubFailed) as failed:
        reader.fetch_file(scene.repository, "a", "main")
    scene.github.clear_calls()

    assert failed.value.message.startswith(message)


def test_a_refused_read_of_a_file_is_no_missing_file(scene: Scene, reader: GitHubReader) -> None:
    """Only 404 means that there is none: a config must never seem to be absent."""
    scene.github.add_fault(
        path_regex="/contents/", status=403, body={"message": "Resource not accessible by integration"}
    )
    with pytest.raises(GitHubFailed) as failed:
        reader.fetch_file(scene.repository, "README.md", "main")

    assert (failed.value.status, failed.value.transient) == (403, False)


def test_a_file_above_the_limit_is_refused(scene: Scene, reader: GitHubReader) -> None:
    """GitHub itself sends no more than 1 MiB this way."""
    scene.github.commit_files("org/ts", {"big": b"x" * (1024 * 1024 + 1)})

    with pytest.raises(SourceInvalid) as invalid:
        reader.fetch_file(scene.repository, "big", "main")

    assert invalid.value.message == "big has 1048577 bytes; at most 1048576 are read."


def test_permissions_are_what_github_says(scene: Scene, reader: GitHubReader) -> None:
    """Maintain counts as write and triage as read; strangers may read what is public."""
    people = {"dora": "admin", "emil": "maintain", "fred": "triage"}
    for login in (*people, "greta"):
        scene.github.create_user(login, install=False)
    scene.github.set_permissions("org/ts", people)
    expected = {
        "dora": Permission.ADMIN,
        "emil": Permission.WRITE,
        "alice": Permission.WRITE,
        "fred": Permission.READ,
        "bob": Permission.READ,
        "greta": Permission.READ,
        "nobody-at-all": Permission.NONE,
    }

    assert {login: reader.fetch_permission(scene.repository, login) for login in expected} == expected


def test_a_stranger_has_no_permission_on_a_private_repository(github: GitHubSandbox) -> None:
    """What is private is closed."""
    scene = make_scene(github, private=True)
    github.create_user("greta", install=False)

    assert GitHubReader(scene.app).fetch_permission(scene.repository, "greta") is Permission.NONE


def test_an_unknown_permission_opens_nothing(scene: Scene, reader: GitHubReader) -> None:
    """A word GitHub may invent is no permission."""
    body = {"permission": "owner", "role_name": "owner", "user": None}
    scene.github.add_fault(path_regex="/permission$", status=200, body=body)

    assert reader.fetch_permission(scene.repository, "alice") is Permission.NONE
