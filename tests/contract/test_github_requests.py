"""How little GitHub is asked: what did not change is not sent again, and what this process wrote is not looked for."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.adapters.github import GitHubConversation, GitHubHub, GitHubReader
from hublish.adapters.github.connection import _KEPT_CHARACTERS
from hublish.adapters.github.memory import Memory
from hublish.core.github.ports import CheckRun, Thread
from hublish.errors import GitHubFailed, SourceMissing
from tests.contract.github_parts import Scene

pytestmark = pytest.mark.github

MARKER = "<!-- hublish:progress:1 -->"
CHECK = CheckRun(
    name="n", external_id="e", sha="", status="queued", conclusion=None, title="t", summary="s",
    details_url="https://example.com/",
)  # fmt: skip


def statuses(scene: Scene, ending: str) -> list[int | None]:
    return [call.status for call in scene.github.calls() if call.path.endswith(ending)]


def test_unchanged_answer_is_not_sent_again(scene: Scene) -> None:
    """GitHub says 304, which it does not count; a change comes at once, and a loss too."""
    reader = GitHubReader(scene.app)
    first, second = (reader.fetch_file(scene.repository, "README.md", "main") for _ in range(2))
    scene.github.commit_files("org/ts", {"README.md": "# new\n"})
    third = reader.fetch_file(scene.repository, "README.md", "main")

    assert (first, second, third) == (b"# ts\n", b"# ts\n", b"# new\n")
    assert statuses(scene, "/contents/README.md") == [200, 304, 200]


def test_kept_answer_needs_the_right_to_see_it(scene: Scene) -> None:
    """What GitHub refuses now is refused, whatever it said before."""
    reader = GitHubReader(scene.app)
    reader.fetch_file(scene.repository, "README.md", "main")
    scene.github.add_fault(path_regex="/contents/", status=403)
    with pytest.raises(GitHubFailed) as failed:
        reader.fetch_file(scene.repository, "README.md", "main")

    assert failed.value.status == 403


def test_large_answer_is_not_kept(scene: Scene) -> None:
    """Memory stays bounded: it is sent again."""
    scene.github.commit_files("org/ts", {"large": "x" * _KEPT_CHARACTERS})
    reader = GitHubReader(scene.app)
    for _ in range(2):
        reader.fetch_file(scene.repository, "large", "main")

    assert statuses(scene, "/contents/large") == [200, 200]


def test_the_primary_limit_is_given_back_with_its_reset(scene: Scene) -> None:
    """An hour's count that is used up is no matter of pauses: the caller learns when it begins anew."""
    reader = GitHubReader(scene.app)
    reader.fetch_file(scene.repository, "README.md", "main")
    scene.github.set_options(rate_limit=1)
    with pytest.raises(GitHubFailed) as failed:
        reader.fetch_file(scene.repository, "images/a.yaml", "main")

    assert (failed.value.transient, failed.value.status, scene.sleeps) == (True, 403, [])
    assert 3000 < (failed.value.retry_after_seconds or 0) <= 3601


def test_comment_of_this_process_is_edited_and_deleted_without_a_look(scene: Scene) -> None:
    """One look, before the first write; a deletion forgets it."""
    conversation = GitHubConversation(scene.app)
    thread = Thread(kind="commit", number=0, sha=scene.head)
    for text in ("a", "b"):
        conversation.ensure_comment(scene.repository, thread, marker=MARKER, body=f"{MARKER} {text}")
    conversation.delete_comment(scene.repository, thread, marker=MARKER)
    looks = scene.count_calls("GET", "/comments")

    assert looks == 1
    assert scene.github.commit_comments(scene.name, scene.head) == []


def test_comment_that_somebody_deleted_is_written_anew(scene: Scene) -> None:
    """A person removed it between two edits: the look finds none, and one comment stands at the end."""
    conversation = GitHubConversation(scene.app)
    thread = Thread(kind="commit", number=0, sha=scene.head)
    first = conversation.ensure_comment(scene.repository, thread, marker=MARKER, body=f"{MARKER} a")
    scene.github.api("DELETE", f"/repos/{scene.name}/comments/{first.id}", login="org-admin")
    conversation.ensure_comment(scene.repository, thread, marker=MARKER, body=f"{MARKER} b")
    bodies = [row["body"] for row in scene.github.commit_comments(scene.name, scene.head)]

    assert bodies == [f"{MARKER} b"]


def test_edit_that_failed_is_followed_by_a_look(scene: Scene) -> None:
    """Nobody knows what became of it."""
    conversation = GitHubConversation(scene.app)
    thread = Thread(kind="commit", number=0, sha=scene.head)
    conversation.ensure_comment(scene.repository, thread, marker=MARKER, body=f"{MARKER} a")
    scene.github.add_fault(method="PATCH", path_regex="/comments/", status=502, after=True)
    conversation.ensure_comment(scene.repository, thread, marker=MARKER, body=f"{MARKER} b")

    assert scene.count_calls("GET", "/comments") == 2
    assert len(scene.github.commit_comments(scene.name, scene.head)) == 1


def test_check_run_of_this_process_is_updated_without_a_look(scene: Scene) -> None:
    """One look, before it is made; an equal state makes no request at all."""
    conversation = GitHubConversation(scene.app)
    check = dataclasses.replace(CHECK, sha=scene.head)
    done = dataclasses.replace(check, status="completed", conclusion="success")
    ids = {conversation.ensure_check_run(scene.repository, state) for state in (check, done, done)}
    methods = [call.method for call in scene.github.calls() if "/check-runs" in call.path]
    (held,) = scene.github.check_runs(scene.name, scene.head)

    assert (ids, held["conclusion"]) == ({held["id"]}, "success")
    assert methods == ["GET", "POST", "PATCH"]


def test_commit_for_a_hub_costs_three_writes(scene: Scene) -> None:
    """Tree with the files in it, commit, branch; then the pull request, without a look at a branch just made."""
    hub = GitHubHub(scene.app)
    head = hub.fetch_head(scene.repository, "main")
    hub.ensure_commit(
        scene.repository, branch="b", base_sha=head, files={"images/a.yaml": b"a: 2\n"}, message="m", expected_sha=None
    )
    hub.ensure_pull_request(scene.repository, branch="b", base="main", title="T", body="B")
    calls = [
        (call.method, call.path.removeprefix("/repos/org/ts")) for call in scene.github.calls(caller="installation")
    ]

    assert calls == [
        ("GET", "/branches/main"),
        ("GET", f"/git/trees/{head}"),
        ("POST", "/git/trees"),
        ("GET", "/users/hublish-sandbox%5Bbot%5D"),
        ("POST", "/git/commits"),
        ("POST", "/git/refs"),
        ("POST", "/pulls"),
    ]


def test_tree_too_large_to_list_is_walked(scene: Scene) -> None:
    """GitHub cuts the listing: modes are found folder by folder."""
    hub = GitHubHub(scene.app)
    scene.github.commit_files("org/ts", {"images/run.sh": "x"}, executable=["images/run.sh"])
    head = hub.fetch_head(scene.repository, "main")
    body = {"sha": head, "tree": [], "truncated": True}
    scene.github.add_fault(path_regex=f"/git/trees/{head}$", status=200, body=body)
    files = {"images/run.sh": b"y", "new/deep/x.yaml": b"1", "top": b"1"}
    sha = hub.ensure_commit(scene.repository, branch="b", base_sha=head, files=files, message="m", expected_sha=None)
    tree = scene.github.api("GET", f"/repos/org/ts/git/trees/{sha}?recursive=1", login="alice").body["tree"]
    scene.github.clear_calls()

    assert {entry["path"]: entry["mode"] for entry in tree if entry["path"] in files} == {
        "images/run.sh": "100755",
        "new/deep/x.yaml": "100644",
        "top": "100644",
    }


def test_renamed_branch_is_missing(scene: Scene) -> None:
    """GitHub leads from the old name to the new one; the settings have to name the new one."""
    body = {"name": "new", "commit": {"sha": scene.head, "commit": {"tree": {"sha": "1" * 40}}}}
    scene.github.add_fault(path_regex="/branches/main$", status=200, body=body)
    with pytest.raises(SourceMissing, match='has no branch "main"'):
        GitHubHub(scene.app).fetch_head(scene.repository, "main")
    scene.github.clear_calls()


def test_memory_holds_what_was_kept_last() -> None:
    """Bounded; what is taken is gone, what is looked at stays."""
    memory: Memory[str, int] = Memory(most=2)
    for number, key in enumerate(("a", "b", "a", "c")):
        memory.keep(key, number)

    assert [memory.find(key) for key in ("b", "a", "a", "c")] == [None, 2, 2, 3]
    assert [memory.take(key) for key in ("b", "a", "a", "c")] == [None, 2, None, 3]
