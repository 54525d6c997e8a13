"""The port HubRepository against the GitHub sandbox: one branch, one commit, one pull request."""

from __future__ import annotations

import pytest

from hublish.adapters.github import GitHubHub
from hublish.core.github.ports import BranchState, PullRequest
from hublish.errors import CatalogInvalid, GitHubFailed, PullRequestTaken, SourceMissing
from tests.contract.github_parts import Scene

pytestmark = pytest.mark.github

BRANCH = "hublish/org-ts"
FILES = {"images/a.yaml": b"a: 2\n", "images/new.yaml": b"\xffnew\n"}


@pytest.fixture
def hub(scene: Scene) -> GitHubHub:
    return GitHubHub(scene.app)


def commit(
    scene: Scene, hub: GitHubHub, *, files: dict[str, bytes] | None = None, expected_sha: str | None = None
) -> str:
    return hub.ensure_commit(
        scene.repository,
        branch=BRANCH,
        base_sha=scene.head,
        files=FILES if files is None else files,
        message="Add the image ts v1\n",
        expected_sha=expected_sha,
    )


def test_the_head_of_a_branch_is_read(scene: Scene, hub: GitHubHub) -> None:
    """The commit a branch is at, or an error when there is no such branch."""
    assert hub.fetch_head(scene.repository, "main") == scene.head
    with pytest.raises(SourceMissing) as missing:
        hub.fetch_head(scene.repository, "none")
    assert missing.value.message == 'org/ts has no branch "none".'


def test_a_folder_lists_its_files_only(scene: Scene, hub: GitHubHub) -> None:
    """Sorted names, no folders and no links; nothing for a folder that is not there."""
    scene.github.commit_files(
        "org/ts", {"images/run.sh": "x"}, executable=["images/run.sh"], symlinks={"images/l": "a"}
    )

    assert hub.list_folder(scene.repository, "images", scene.head) == ("a.yaml", "b.yaml", "run.sh")
    assert hub.list_folder(scene.repository, "images/sub", scene.head) == ("c.yaml",)
    assert hub.list_folder(scene.repository, "", scene.head) == ("README.md",)
    assert hub.list_folder(scene.repository, "none/deeper", scene.head) == ()


def test_a_commit_changes_the_named_files_and_nothing_else(scene: Scene, hub: GitHubHub) -> None:
    """One commit on the base, signed off by the App, every other file as it was; the default branch is not moved."""
    base = scene.head
    sha = commit(scene, hub)
    made = scene.github.api("GET", f"/repos/org/ts/git/commits/{sha}", login="alice").body
    bot = scene.github.api("GET", f"/users/{scene.github.bot_login}", login="alice").body["id"]
    sign_off = f"Signed-off-by: hublish-sandbox[bot] <{bot}+hublish-sandbox[bot]@users.noreply.127.0.0.1>"

    assert scene.head == base
    assert scene.github.ref_sha("org/ts", f"heads/{BRANCH}") == sha
    assert [parent["sha"] for parent in made["parents"]] == [base]
    assert made["message"].rstrip() == f"Add the image ts v1\n\n{sign_off}"
    assert scene.github.file_bytes("org/ts", "images/a.yaml", ref=BRANCH) == b"a: 2\n"
    assert scene.github.file_bytes("org/ts", "images/new.yaml", ref=BRANCH) == b"\xffnew\n"
    assert scene.github.file_bytes("org/ts", "images/b.yaml", ref=BRANCH) == b"b: 1\n"
    assert scene.github.file_bytes("org/ts", "images/sub/c.yaml", ref=BRANCH) == b"c: 1\n"


def test_the_same_commit_again_changes_nothing(scene: Scene, hub: GitHubHub) -> None:
    """The same tree on the same parent is left alone, whatever was expected: a crash after the write is harmless."""
    first = commit(scene, hub)
    second = commit(scene, hub, expected_sha=None)
    third = commit(scene, hub, expected_sha=first)

    assert first == second == third
    assert scene.github.ref_sha("org/ts", f"heads/{BRANCH}") == first
    assert scene.count_calls("PATCH", f"/git/refs/heads/{BRANCH}") == 0


def test_a_branch_is_moved_to_a_new_commit_on_the_base(scene: Scene, hub: GitHubHub) -> None:
    """The next release replaces the commit; the branch never grows."""
    first = commit(scene, hub)
    scene.github.commit_files("org/ts", {"other": "x"})
    second = commit(scene, hub, files={"images/a.yaml": b"a: 3\n"}, expected_sha=first)
    state = hub.fetch_branch(scene.repository, BRANCH, base="main")

    assert first != second
    assert state == BranchState(sha=second, ours=True)
    assert scene.github.file_bytes("org/ts", "images/new.yaml", ref=BRANCH) is None


def test_the_mode_of_a_file_is_kept(scene: Scene, hub: GitHubHub) -> None:
    """An edit of an executable file leaves it executable."""
    scene.github.commit_files("org/ts", {"images/run.sh": "x"}, executable=["images/run.sh"])
    sha = commit(scene, hub, files={"images/run.sh": b"y"})
    tree = scene.github.api("GET", f"/repos/org/ts/git/trees/{sha}?recursive=1", login="alice").body["tree"]

    assert [entry["mode"] for entry in tree if entry["path"] == "images/run.sh"] == ["100755"]


def test_a_link_is_never_edited(scene: Scene, hub: GitHubHub) -> None:
    """A link in the place of a file would lead the edit elsewhere."""
    scene.github.commit_files("org/ts", {}, symlinks={"images/link.yaml": "../README.md"})

    with pytest.raises(CatalogInvalid):
        commit(scene, hub, files={"images/link.yaml": b"x"})
    assert scene.github.ref_sha("org/ts", f"heads/{BRANCH}") is None


def test_a_branch_somebody_pushed_to_is_left_to_them(scene: Scene, hub: GitHubHub) -> None:
    """The branch is not where we left it: stop, and change nothing."""
    ours = commit(scene, hub)
    theirs = scene.github.commit_files("org/ts", {"images/a.yaml": "mine"}, branch=BRANCH, login="alice")

    with pytest.raises(PullRequestTaken) as taken:
        commit(scene, hub, files={"images/a.yaml": b"a: 3\n"}, expected_sha=ours)

    assert taken.value.message == f'Expected the branch "{BRANCH}" at {ours}, but it is at {theirs}.'
    assert scene.github.ref_sha("org/ts", f"heads/{BRANCH}") == theirs
    assert hub.fetch_branch(scene.repository, BRANCH, base="main") == BranchState(sha=theirs, ours=False)


@pytest.mark.parametrize("expected", [True, False])
def test_a_branch_that_appeared_or_went_is_left_alone(scene: Scene, hub: GitHubHub, *, expected: bool) -> None:
    """A branch where none should be, or none where one should be, is somebody else's doing."""
    if not expected:
        scene.github.commit_files("org/ts", {"x": "1"}, branch=BRANCH, login="alice")
    with pytest.raises(PullRequestTaken):
        commit(scene, hub, expected_sha=scene.head if expected else None)


def test_a_branch_without_commits_of_its_own_is_ours(scene: Scene, hub: GitHubHub) -> None:
    """After a merge the branch holds nothing that a person would lose; no branch is None."""
    assert hub.fetch_branch(scene.repository, BRANCH, base="main") is None

    sha = commit(scene, hub)
    number = hub.ensure_pull_request(scene.repository, branch=BRANCH, base="main", title="T", body="B").number
    scene.github.merge_pull_request("org/ts", number)

    assert hub.fetch_branch(scene.repository, BRANCH, base="main") == BranchState(sha=sha, ours=True)


@pytest.mark.parametrize("ending", ["/git/refs$", "/git/commits$", "/git/trees$", "/git/blobs$"])
def test_a_write_whose_answer_got_lost_is_taken_up_again(scene: Scene, hub: GitHubHub, ending: str) -> None:
    """Blobs and trees are named by content, commit and branch are looked up: one branch with one commit stands."""
    scene.github.add_fault(method="POST", path_regex=ending, after=True, drop=True)
    sha = commit(scene, hub)

    assert hub.fetch_branch(scene.repository, BRANCH, base="main") == BranchState(sha=sha, ours=True)
    assert scene.sleeps == [1.0]


def test_a_pull_request_is_created_then_updated_then_left_alone(scene: Scene, hub: GitHubHub) -> None:
    """One open pull request per branch; equal words make no write."""
    sha = commit(scene, hub)
    pulls = [
        hub.ensure_pull_request(scene.repository, branch=BRANCH, base="main", title=title, body="Body")
        for title in ("First", "Second", "Second")
    ]
    url = f"{scene.github.api_url}/org/ts/pull/{pulls[0].number}"
    expected = PullRequest(number=pulls[0].number, url=url, head_sha=sha, open=True, body="Body")

    assert pulls == [expected] * 3
    assert [(row["title"], row["body"]) for row in scene.github.pull_requests("org/ts")] == [("Second", "Body")]
    assert scene.count_calls("PATCH", f"/pulls/{pulls[0].number}") == 1


def test_only_the_open_pull_request_of_a_branch_is_found(scene: Scene, hub: GitHubHub) -> None:
    """With what it says; none into another branch, and none after it was closed."""
    commit(scene, hub)
    before = hub.find_pull_request(scene.repository, branch=BRANCH, base="main")
    pull = hub.ensure_pull_request(scene.repository, branch=BRANCH, base="main", title="T", body="B")
    found = hub.find_pull_request(scene.repository, branch=BRANCH, base="main")
    elsewhere = hub.find_pull_request(scene.repository, branch=BRANCH, base="other")
    scene.github.api("PATCH", f"/repos/org/ts/pulls/{pull.number}", {"state": "closed"}, login="alice")
    closed = hub.find_pull_request(scene.repository, branch=BRANCH, base="main")

    assert (before, found, elsewhere, closed) == (None, pull, None, None)


def test_a_pull_request_follows_its_branch(scene: Scene, hub: GitHubHub) -> None:
    """The next release changes the open pull request, it does not open a second."""
    first = commit(scene, hub)
    pull = hub.ensure_pull_request(scene.repository, branch=BRANCH, base="main", title="T", body="B")
    second = commit(scene, hub, files={"images/a.yaml": b"a: 3\n"}, expected_sha=first)
    updated = hub.ensure_pull_request(scene.repository, branch=BRANCH, base="main", title="T", body="B2")

    assert (updated.number, updated.head_sha) == (pull.number, second)
    assert [row["filename"] for row in scene.github.pull_request_files("org/ts", pull.number)] == ["images/a.yaml"]


@pytest.mark.parametrize("fault", [{"drop": True}, {"status": 502}])
def test_a_pull_request_whose_answer_got_lost_is_found_again(
    scene: Scene, hub: GitHubHub, fault: dict[str, object]
) -> None:
    """The POST took effect; no second one is opened."""
    commit(scene, hub)
    scene.github.add_fault(method="POST", path_regex="/pulls$", after=True, **fault)  # type: ignore[arg-type]
    hub.ensure_pull_request(scene.repository, branch=BRANCH, base="main", title="T", body="B")

    assert len(scene.github.pull_requests("org/ts", state="all")) == 1


def test_a_pull_request_opened_in_between_is_adopted(scene: Scene, hub: GitHubHub) -> None:
    """Another run was faster: GitHub refuses the second, and ours updates the first."""
    commit(scene, hub)
    number = scene.github.open_pull_request("org/ts", "Theirs", head=BRANCH, login="alice")
    scene.github.add_fault(method="GET", path_regex="/pulls$", status=200, body=[])
    pull = hub.ensure_pull_request(scene.repository, branch=BRANCH, base="main", title="Ours", body="B")

    assert pull.number == number
    assert [row["title"] for row in scene.github.pull_requests("org/ts")] == ["Ours"]


def test_a_pull_request_without_a_branch_is_refused(scene: Scene, hub: GitHubHub) -> None:
    """What GitHub refuses for good is said once."""
    with pytest.raises(GitHubFailed) as failed:
        hub.ensure_pull_request(scene.repository, branch="none", base="main", title="T", body="B")

    assert (failed.value.status, failed.value.transient, scene.sleeps) == (422, False, [])


def test_a_branch_made_in_between_is_somebody_elses(scene: Scene, hub: GitHubHub) -> None:
    """Between the look and the write a person made the branch: GitHub refuses ours, and theirs stays."""
    theirs = scene.github.commit_files("org/ts", {"x": "1"}, branch=BRANCH, login="alice")
    with pytest.raises(PullRequestTaken):
        commit(scene, hub)

    assert scene.github.ref_sha("org/ts", f"heads/{BRANCH}") == theirs


def test_a_refused_branch_keeps_its_reason(scene: Scene, hub: GitHubHub) -> None:
    """A rule of the hub's repository may forbid the branch; that does not pass."""
    scene.github.add_fault(method="POST", path_regex="/git/refs$", status=422, body={"message": "Rule violated"})
    with pytest.raises(GitHubFailed) as failed:
        commit(scene, hub)

    assert (failed.value.status, failed.value.transient, scene.sleeps) == (422, False, [])
