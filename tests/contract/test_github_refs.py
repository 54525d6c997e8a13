"""Refs on a GitHub: which commit each name means, and which names mean none."""

from __future__ import annotations

import pytest

from hublish.adapters.github import GitHubReader
from hublish.core.repository import RefKind, ResolvedRef
from hublish.errors import GitHubFailed, SourceMissing
from tests.contract.github_parts import Scene

pytestmark = pytest.mark.github


def make_ref(name: str, *, sha: str, kind: str = "commit") -> dict[str, object]:
    link = {"type": kind, "sha": sha, "url": "https://example.com/"}
    return {"ref": f"refs/{name}", "node_id": "x", "url": "https://example.com/", "object": link}


def test_a_tag_comes_before_a_branch_of_the_same_name(scene: Scene, reader: GitHubReader) -> None:
    """Git's own order: tags, then branches."""
    tagged = scene.github.create_tag("org/ts", "both")
    branched = scene.github.commit_files("org/ts", {"x": "1"}, branch="both")

    assert reader.resolve_ref(scene.repository, "both") == ResolvedRef(name="both", kind=RefKind.TAG, sha=tagged)
    assert reader.resolve_ref(scene.repository, "both", kind="branch") == ResolvedRef(
        name="both", kind=RefKind.BRANCH, sha=branched
    )


def test_an_annotated_tag_is_peeled_to_its_commit(scene: Scene, reader: GitHubReader) -> None:
    """The tag object's own SHA is never taken for a commit."""
    scene.github.create_annotated_tag("org/ts", "v1")
    expected = ResolvedRef(name="v1", kind=RefKind.TAG, sha=scene.head)

    assert reader.resolve_ref(scene.repository, "v1", kind="tag") == expected


@pytest.mark.parametrize("kind", ["tree", "blob"])
def test_a_tag_that_points_to_no_commit_is_missing(scene: Scene, reader: GitHubReader, kind: str) -> None:
    """Git allows tags on anything; only a commit can be built."""
    body = make_ref("tags/v1", kind=kind, sha="0" * 40)
    scene.github.add_fault(path_regex="/git/ref/tags/v1$", status=200, body=body)
    with pytest.raises(SourceMissing) as missing:
        reader.resolve_ref(scene.repository, "v1")

    assert missing.value.message == 'The tag "v1" of org/ts points to no commit.'


def test_a_chain_of_tags_has_an_end(scene: Scene, reader: GitHubReader) -> None:
    """A tag on a tag on a tag without end is followed only so far."""
    tag_sha = scene.github.create_annotated_tag("org/ts", "v1")
    link = {"type": "tag", "sha": tag_sha, "url": "https://example.com/"}
    body = {"node_id": "x", "tag": "v1", "sha": tag_sha, "url": "https://example.com/", "message": "", "object": link}
    body["tagger"] = {"date": "2026-11-21T10:00:00Z", "email": "a@example.com", "name": "a"}
    scene.github.add_fault(path_regex="/git/tags/", status=200, body=body, times=99)
    with pytest.raises(SourceMissing):
        reader.resolve_ref(scene.repository, "v1")

    assert scene.count_calls("GET", f"/git/tags/{tag_sha}") == 5


def test_a_sha_that_is_none_is_refused(scene: Scene, reader: GitHubReader) -> None:
    """Whatever a server answers, only 40 hex digits become a commit."""
    scene.github.add_fault(path_regex="/git/ref/tags/", status=200, body=make_ref("tags/v1", sha="--upload-pack=x"))
    with pytest.raises(GitHubFailed) as failed:
        reader.resolve_ref(scene.repository, "v1")

    scene.github.clear_calls()

    assert failed.value.message == 'Expected a commit SHA of 40 hex digits from GitHub, but got "--upload-pack=x".'


def test_hex_digits_that_fit_several_commits_are_missing(scene: Scene, reader: GitHubReader) -> None:
    """GitHub answers 422 for a short SHA that it cannot resolve; other refusals stay what they are."""
    scene.github.add_fault(path_regex="/commits/abcdef0$", status=422)
    with pytest.raises(SourceMissing):
        reader.resolve_ref(scene.repository, "abcdef0")
    scene.github.add_fault(path_regex="/commits/abcdef0$", status=409)
    with pytest.raises(GitHubFailed) as failed:
        reader.resolve_ref(scene.repository, "abcdef0")

    assert failed.value.status == 409


def test_a_release_and_a_branch_with_a_slash_are_resolved(scene: Scene, reader: GitHubReader) -> None:
    """Slashes belong to names of refs."""
    scene.github.publish_release("org/ts", "release/1")
    sha = scene.github.commit_files("org/ts", {"x": "1"}, branch="feature/é")

    assert reader.resolve_ref(scene.repository, "release/1").kind is RefKind.TAG
    assert reader.resolve_ref(scene.repository, "feature/é") == ResolvedRef(
        name="feature/é", kind=RefKind.BRANCH, sha=sha
    )


def test_a_sha_is_resolved_when_it_belongs_to_the_repository(scene: Scene, reader: GitHubReader) -> None:
    """Full or cut, on the default branch or the head of another."""
    old = scene.head
    scene.github.commit_files("org/ts", {"x": "1"})
    side = scene.github.commit_files("org/ts", {"y": "1"}, branch="side")

    assert reader.resolve_ref(scene.repository, old) == ResolvedRef(name=old, kind=RefKind.SHA, sha=old)
    assert reader.resolve_ref(scene.repository, side[:9]) == ResolvedRef(name=side[:9], kind=RefKind.SHA, sha=side)


def test_a_commit_on_no_branch_is_refused(scene: Scene, reader: GitHubReader) -> None:
    """GitHub serves commits of forks under the parent's name; they are not the repository's own."""
    stray = scene.github.commit_files("org/ts", {"y": "1"}, branch="side")
    scene.github.delete_ref("org/ts", "heads/side")

    with pytest.raises(SourceMissing) as missing:
        reader.resolve_ref(scene.repository, stray)

    assert missing.value.message == f"The commit {stray} is neither on main nor the head of a branch of org/ts."


@pytest.mark.parametrize(
    ("ref", "kind"),
    [
        ("v9", None),
        ("v9", "tag"),
        ("main", "tag"),
        ("v9", "branch"),
        ("abcdef0", None),
        ("abcdef0123", "sha"),
        ("main", "sha"),
    ],
)
def test_a_ref_that_does_not_exist_is_missing(scene: Scene, reader: GitHubReader, ref: str, kind: str | None) -> None:
    """Also when another kind of ref has the name."""
    with pytest.raises(SourceMissing) as missing:
        reader.resolve_ref(scene.repository, ref, kind=kind)

    names = kind or "tag or branch or sha"
    assert missing.value.message == (
        f'Expected a {names} "{ref}" in org/ts, but GitHub does not know it or the App may not see it.'
    )


@pytest.mark.parametrize("ref", ["--upload-pack=x", "../../secret", "a b", ""])
def test_an_impossible_ref_is_never_asked_for(scene: Scene, reader: GitHubReader, ref: str) -> None:
    """No request is made with a name that could change the address."""
    with pytest.raises(SourceMissing):
        reader.resolve_ref(scene.repository, ref)

    assert scene.github.calls() == ()


def test_a_pull_request_of_the_repository_is_no_fork(scene: Scene, reader: GitHubReader) -> None:
    """Its head is the branch's commit."""
    sha = scene.github.commit_files("org/ts", {"x": "1"}, branch="side")
    number = scene.github.open_pull_request("org/ts", "Side", head="side", login="alice")
    expected = ResolvedRef(name=str(number), kind=RefKind.PULL_REQUEST, sha=sha)

    assert reader.resolve_ref(scene.repository, str(number), kind="pull-request") == expected


def test_a_pull_request_from_a_fork_is_marked(scene: Scene, reader: GitHubReader) -> None:
    """The mark is what denies the build later."""
    scene.github.create_user("mallory", install=False)
    fork = scene.github.fork("org/ts", login="mallory")
    sha = scene.github.commit_files(fork, {"x": "1"}, branch="side", login="mallory")
    number = scene.github.open_pull_request("org/ts", "Side", head="mallory:side", login="mallory")
    expected = ResolvedRef(name=str(number), kind=RefKind.PULL_REQUEST, sha=sha, fork=True)

    assert reader.resolve_ref(scene.repository, str(number), kind="pull-request") == expected


@pytest.mark.parametrize("number", ["999", "x", "-1", "\u0663"])
def test_a_pull_request_that_does_not_exist_is_missing(scene: Scene, reader: GitHubReader, number: str) -> None:
    """Unknown numbers, and texts that are none."""
    with pytest.raises(SourceMissing):
        reader.resolve_ref(scene.repository, number, kind="pull-request")
