"""Tarballs and trees from the GitHub sandbox."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.adapters.github import GitHubApp, GitHubSources
from hublish.adapters.source_archive import ArchiveSourceFetcher
from hublish.engines.commits import RepositoryCommits
from hublish.errors import GitHubFailed, SourceMissing
from tests.contract.github_parts import FILES, Scene

pytestmark = pytest.mark.github


@pytest.fixture
def sources(scene: Scene) -> GitHubSources:
    return GitHubSources(scene.app)


def read_all(sources: GitHubSources, scene: Scene, sha: str) -> bytes:
    with sources.open_tarball(scene.repository, sha) as stream:
        return stream.read()


def test_the_tarball_holds_the_files_of_the_commit(scene: Scene, sources: GitHubSources) -> None:
    """The gzip stream arrives as GitHub sends it; the commit stands in its header."""
    sha = scene.head
    body = read_all(sources, scene, sha)
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
        commit = archive.pax_headers["comment"]
        files = {
            member.name.split("/", 1)[1]: archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive.getmembers()
            if member.isfile()
        }

    assert commit == sha
    assert files == {path: text.encode() for path, text in FILES.items()}


def test_a_package_comes_from_another_public_repository(scene: Scene, sources: GitHubSources, tmp_path: Path) -> None:
    """Read as the repository that is built: what that may not read stays closed to its images."""
    scene.github.create_user("lib")
    scene.github.create_repo("lib/words", files={"setup.py": "", "words.py": "x = 1\n"})
    commit = str(scene.github.ref_sha("lib/words", "heads/main"))
    fetcher = ArchiveSourceFetcher(
        fetch_tarball=sources.open_tarball, list_tree=sources.list_tree, cache=tmp_path / "sources"
    )
    commits = RepositoryCommits(sources=fetcher, repository=scene.repository, web_url="https://github.example.com")
    source = commits.fetch_commit("https://github.example.com/lib/words.git", commit)

    assert sorted(source.tree.paths) == ["setup.py", "words.py"]
    assert source.tree.commit == commit


def test_the_token_stays_with_the_api(scene: Scene, sources: GitHubSources) -> None:
    """The download after the redirect is made without the App's token."""
    read_all(sources, scene, scene.head)
    downloads = [call for call in scene.github.calls() if call.path.startswith("/_codeload/")]

    assert [call.caller for call in downloads] == ["anonymous"]


def test_a_commit_that_does_not_exist_is_missing(scene: Scene, sources: GitHubSources) -> None:
    """The error names the repository and the commit."""
    with pytest.raises(SourceMissing) as missing:
        read_all(sources, scene, "0" * 40)

    assert missing.value.message == f"org/ts has no commit {'0' * 40}, or the App may not read it."


@pytest.mark.parametrize(("status", "transient"), [(404, False), (500, True), (429, True)])
def test_a_refused_download_says_whether_it_may_pass(
    scene: Scene, sources: GitHubSources, *, status: int, transient: bool
) -> None:
    """A failure of the download host is no broken archive."""
    scene.github.add_fault(path_regex="^/_codeload/", status=status)
    sha = scene.head
    with pytest.raises(GitHubFailed) as failed:
        read_all(sources, scene, sha)

    assert failed.value.message == f"Expected the tarball of {sha} with status 200, but got {status}."
    assert (failed.value.status, failed.value.transient) == (status, transient)


def test_a_dropped_download_may_pass(scene: Scene, sources: GitHubSources) -> None:
    """A connection that breaks is worth another try."""
    scene.github.add_fault(path_regex="^/_codeload/", drop=True)
    with pytest.raises(GitHubFailed) as failed:
        read_all(sources, scene, scene.head)

    assert failed.value.transient


def test_the_tree_lists_every_entry_with_its_mode(scene: Scene, sources: GitHubSources) -> None:
    """Modes tell executables and links apart; an unknown commit is missing."""
    scene.github.commit_files(scene.name, {"run.sh": "x"}, executable=["run.sh"], symlinks={"link": "run.sh"})
    expected = (
        ("README.md", "100644", "blob"),
        ("images", "040000", "tree"),
        ("images/a.yaml", "100644", "blob"),
        ("images/b.yaml", "100644", "blob"),
        ("images/sub", "040000", "tree"),
        ("images/sub/c.yaml", "100644", "blob"),
        ("link", "120000", "blob"),
        ("run.sh", "100755", "blob"),
    )

    assert sources.list_tree(scene.repository, scene.head) == expected


def test_a_tree_too_large_to_list_is_empty(scene: Scene, sources: GitHubSources) -> None:
    """A listing GitHub cut short would lead to wrong findings."""
    body = {"sha": "0" * 40, "url": "https://example.com", "truncated": True, "tree": []}
    scene.github.add_fault(path_regex="/git/trees/", status=200, body=body)

    assert sources.list_tree(scene.repository, scene.head) == ()


def test_the_sources_of_another_repository_are_closed(scene: Scene, sources: GitHubSources) -> None:
    """The token is good for one repository: with its id, another's name leads nowhere."""
    scene.github.create_repo("org/secret", private=True)

    with pytest.raises(SourceMissing):
        read_all(sources, replace(scene, repository=replace(scene.repository, name="secret")), "main")


def test_a_redirect_to_another_host_in_the_clear_is_refused(scene: Scene) -> None:
    """Plain HTTP is followed only to the API's own host; nothing is downloaded."""
    app = GitHubApp(
        api_url=scene.github.api_url.replace("127.0.0.1", "localhost"),
        app_id=scene.github.app_id,
        private_key_pem=scene.github.private_key_path.read_bytes(),
    )
    with (
        pytest.raises(GitHubFailed) as failed,
        GitHubSources(app).open_tarball(scene.repository, scene.head),
    ):
        pass

    assert failed.value.message == "GitHub redirects the tarball to an address that is not allowed: 127.0.0.1."
    assert [call.path for call in scene.github.calls() if call.path.startswith("/_codeload/")] == []


def test_an_answer_without_a_redirect_is_refused(scene: Scene, sources: GitHubSources) -> None:
    """No address, no download."""
    scene.github.add_fault(path_regex="/tarball/", status=200, body={})
    with pytest.raises(GitHubFailed) as failed:
        read_all(sources, scene, scene.head)
    scene.github.clear_calls()

    assert failed.value.message == "Expected a redirect to the tarball from GitHub, but the answer names no address."


def test_a_refused_redirect_keeps_its_status(scene: Scene, sources: GitHubSources) -> None:
    """Only 404 means that the commit is missing."""
    scene.github.add_fault(
        path_regex="/tarball/", status=403, body={"message": "Resource not accessible by integration"}
    )
    with pytest.raises(GitHubFailed) as failed:
        read_all(sources, scene, scene.head)

    assert failed.value.status == 403
