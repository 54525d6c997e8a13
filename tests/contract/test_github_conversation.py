"""The port Conversation against the GitHub sandbox: what is said is said once, and only ours is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hublish.adapters.github import GitHubConversation
from hublish.core.github.ports import Comment, Thread
from hublish.errors import GitHubFailed, SourceMissing
from tests.contract.github_parts import Scene

pytestmark = pytest.mark.github

MARKER = "<!-- hublish:run-1:progress -->"
BOT = "hublish-sandbox[bot]"


@pytest.fixture
def conversation(scene: Scene) -> GitHubConversation:
    return GitHubConversation(scene.app)


@pytest.fixture
def issue(scene: Scene) -> Thread:
    number = scene.github.open_issue(scene.name, "Deliver Container Image", body="Tag: v1", login="alice")
    return Thread(kind="issue", number=number)


def test_a_reaction_is_added_once_to_each_kind_of_subject(
    scene: Scene, conversation: GitHubConversation, issue: Thread
) -> None:
    """Issue, comment and release take one reaction of ours, however often it is asked for."""
    comment_id = scene.github.comment(scene.name, issue.number, "/build", login="alice")
    release_id = scene.github.publish_release(scene.name, "v1")
    for thread in (issue, replace(issue, comment_id=comment_id), Thread(kind="release", number=release_id)):
        conversation.ensure_reaction(scene.repository, thread, "eyes")
        conversation.ensure_reaction(scene.repository, thread, "eyes")

    assert scene.github.reactions(scene.name, issue=issue.number) == [(BOT, "eyes")]
    assert scene.github.reactions(scene.name, comment=comment_id) == [(BOT, "eyes")]
    assert scene.github.reactions(scene.name, release=release_id) == [(BOT, "eyes")]


def test_a_reaction_github_has_not_is_left_out(scene: Scene, conversation: GitHubConversation) -> None:
    """A release takes no "confused" and a commit no reaction: no request is made."""
    conversation.ensure_reaction(scene.repository, Thread(kind="release", number=1), "confused")
    conversation.ensure_reaction(scene.repository, Thread(kind="commit", number=0, sha=scene.head), "eyes")

    assert scene.github.calls(caller="installation") == ()


def test_a_reaction_to_a_commit_comment_is_added(scene: Scene, conversation: GitHubConversation) -> None:
    """Commit comments have their own endpoint."""
    thread = Thread(kind="commit", number=0, sha=scene.head)
    comment = conversation.ensure_comment(scene.repository, thread, marker=MARKER, body=MARKER)
    conversation.ensure_reaction(scene.repository, replace(thread, comment_id=comment.id), "rocket")

    assert scene.github.reactions(scene.name, commit_comment=comment.id) == [(BOT, "rocket")]


def test_a_comment_is_created_then_edited_then_left_alone(
    scene: Scene, conversation: GitHubConversation, issue: Thread
) -> None:
    """One comment per marker; an equal body makes no write."""
    first = conversation.ensure_comment(scene.repository, issue, marker=MARKER, body=f"{MARKER}\nStarted")
    second = conversation.ensure_comment(scene.repository, issue, marker=MARKER, body=f"{MARKER}\nDone")
    third = conversation.ensure_comment(scene.repository, issue, marker=MARKER, body=f"{MARKER}\nDone")
    url = f"{scene.github.api_url}/org/ts/issues/{issue.number}#issuecomment-{first.id}"
    expected = Comment(id=first.id, url=url, body=f"{MARKER}\nDone")

    assert (second, third) == (expected, expected)
    assert [(row["user"]["login"], row["body"]) for row in scene.github.comments(scene.name, issue.number)] == [
        (BOT, f"{MARKER}\nDone")
    ]
    assert scene.count_calls("PATCH", f"/issues/comments/{first.id}") == 1


def test_a_comment_on_a_commit_answers_for_its_release(scene: Scene, conversation: GitHubConversation) -> None:
    """A thread of kind release with a commit is answered on the commit."""
    release_id = scene.github.publish_release(scene.name, "v1")
    thread = Thread(kind="release", number=release_id, sha=scene.head)
    conversation.ensure_comment(scene.repository, thread, marker=MARKER, body=f"{MARKER} a")
    conversation.ensure_comment(scene.repository, thread, marker=MARKER, body=f"{MARKER} b")

    assert [row["body"] for row in scene.github.commit_comments(scene.name, scene.head)] == [f"{MARKER} b"]


def test_a_comment_without_a_place_is_refused(scene: Scene, conversation: GitHubConversation) -> None:
    """A release itself takes no comments."""
    with pytest.raises(SourceMissing):
        conversation.ensure_comment(scene.repository, Thread(kind="release", number=1), marker=MARKER, body=MARKER)


def test_somebody_elses_marker_is_text(scene: Scene, conversation: GitHubConversation, issue: Thread) -> None:
    """A person who copies our marker neither stops our answer nor loses the comment."""
    scene.github.comment(scene.name, issue.number, f"{MARKER} I am the bot", login="bob")
    conversation.ensure_comment(scene.repository, issue, marker=MARKER, body=f"{MARKER} true")
    conversation.delete_comment(scene.repository, issue, marker=MARKER)

    assert [row["body"] for row in scene.github.comments(scene.name, issue.number)] == [f"{MARKER} I am the bot"]


def test_ours_is_found_on_a_later_page(scene: Scene, conversation: GitHubConversation, issue: Thread) -> None:
    """A long thread hides nothing: all pages are read."""
    ours = conversation.ensure_comment(scene.repository, issue, marker=MARKER, body=f"{MARKER} a")
    other = conversation.ensure_comment(scene.repository, issue, marker="<!-- other -->", body="<!-- other -->")
    for index in range(101):
        scene.github.comment(scene.name, issue.number, f"me too {index}", login="bob")
    late = conversation.ensure_comment(scene.repository, issue, marker="<!-- late -->", body="<!-- late --> a")

    assert (
        conversation.ensure_comment(scene.repository, issue, marker="<!-- late -->", body="<!-- late --> b").id
        == late.id
    )
    assert len({ours.id, other.id, late.id}) == 3


def test_a_second_comment_with_the_marker_is_removed(
    scene: Scene, conversation: GitHubConversation, issue: Thread
) -> None:
    """What a crash between two tries may leave is put right; the first one stays."""
    first = conversation.ensure_comment(scene.repository, issue, marker=MARKER, body=f"{MARKER} a")
    second = conversation.ensure_comment(scene.repository, issue, marker="x", body=f"{MARKER} x")
    kept = GitHubConversation(scene.app).ensure_comment(scene.repository, issue, marker=MARKER, body=f"{MARKER} b")

    assert second.id != first.id
    assert kept.id == first.id
    assert [row["body"] for row in scene.github.comments(scene.name, issue.number)] == [f"{MARKER} b"]


def test_a_comment_is_deleted_once(scene: Scene, conversation: GitHubConversation, issue: Thread) -> None:
    """Nothing to delete is no error, nor is a comment that goes while we look."""
    conversation.ensure_comment(scene.repository, issue, marker=MARKER, body=MARKER)
    scene.github.add_fault(method="DELETE", status=404)
    conversation.delete_comment(scene.repository, issue, marker=MARKER)
    conversation.delete_comment(scene.repository, issue, marker=MARKER)
    conversation.delete_comment(scene.repository, issue, marker=MARKER)

    assert scene.github.comments(scene.name, issue.number) == []


def test_a_refused_deletion_is_an_error(scene: Scene, conversation: GitHubConversation, issue: Thread) -> None:
    """Only a comment that is gone already counts as deleted."""
    conversation.ensure_comment(scene.repository, issue, marker=MARKER, body=MARKER)
    scene.github.add_fault(method="DELETE", status=403, body={"message": "Resource not accessible by integration"})
    with pytest.raises(GitHubFailed) as failed:
        conversation.delete_comment(scene.repository, issue, marker=MARKER)

    assert failed.value.status == 403


def test_a_list_that_is_none_is_an_error(scene: Scene, conversation: GitHubConversation, issue: Thread) -> None:
    """An answer of another shape never looks like an empty thread."""
    scene.github.add_fault(method="GET", path_regex="/comments$", status=200, body={"message": "x"})
    with pytest.raises(GitHubFailed) as failed:
        conversation.ensure_comment(scene.repository, issue, marker=MARKER, body=MARKER)
    scene.github.clear_calls()

    assert failed.value.message == (
        f"GET /repos/org/ts/issues/{issue.number}/comments at GitHub: expected a list, but the answer holds none."
    )


@pytest.mark.parametrize("fault", [{"drop": True}, {"status": 502}, {"status": 500}])
def test_an_answer_that_got_lost_makes_no_second_comment(
    scene: Scene, conversation: GitHubConversation, issue: Thread, fault: dict[str, object]
) -> None:
    """The POST took effect but its answer was lost: the repeated call finds the comment."""
    scene.github.add_fault(method="POST", path_regex="/comments$", after=True, **fault)  # type: ignore[arg-type]
    conversation.ensure_comment(scene.repository, issue, marker=MARKER, body=MARKER)

    assert [row["body"] for row in scene.github.comments(scene.name, issue.number)] == [MARKER]
    assert scene.count_calls("POST", "/comments") == 1


def test_a_refused_comment_says_why(scene: Scene, conversation: GitHubConversation) -> None:
    """An issue that does not exist is no passing failure, and is asked for once."""
    with pytest.raises(GitHubFailed) as failed:
        conversation.ensure_comment(scene.repository, Thread(kind="issue", number=999), marker=MARKER, body=MARKER)

    assert (failed.value.status, failed.value.transient) == (404, False)
    assert scene.sleeps == []


def test_an_issue_is_closed_once_as_completed(scene: Scene, conversation: GitHubConversation, issue: Thread) -> None:
    """A second close makes no write."""
    conversation.close_issue(scene.repository, issue.number)
    conversation.close_issue(scene.repository, issue.number)
    closed = scene.github.issue(scene.name, issue.number)

    assert (closed["state"], closed["state_reason"]) == ("closed", "completed")
    assert scene.count_calls("PATCH", f"/issues/{issue.number}") == 1
