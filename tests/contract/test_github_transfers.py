"""Transfers against the GitHub sandbox: the new owner is seen, and what is said reaches the repository there."""

from __future__ import annotations

import pytest

from hublish.adapters.github import GitHubConversation, GitHubReader
from hublish.core.github.ports import Thread
from hublish.errors import HublishError, NotAllowed
from tests.contract.github_parts import Scene

pytestmark = pytest.mark.github

BODY = "Not delivered. <!-- hublish:answer:run-1 -->"
MARKER = "<!-- hublish:answer:run-1 -->"


@pytest.mark.parametrize("known", [True, False], ids=["with-a-token-from-before", "with-none"])
def test_answer_reaches_a_transferred_repository(scene: Scene, *, known: bool) -> None:
    """Under the new owner's installation, with a token that was minted before the transfer or without one."""
    conversation = GitHubConversation(scene.app)
    number = scene.github.open_issue(scene.name, "A question", login="alice")
    thread = Thread(kind="issue", number=number)
    if known:
        conversation.ensure_reaction(scene.repository, thread, "eyes")
    scene.github.create_user("carol")
    moved = scene.github.transfer_repo(scene.name, "carol")
    conversation.ensure_comment(scene.repository, thread, marker=MARKER, body=BODY)

    assert [row["body"] for row in scene.github.comments(moved, number)] == [BODY]
    assert GitHubReader(scene.app).find_installation(scene.name) != scene.repository.installation_id


def test_owner_who_did_not_install_the_app_is_not_spoken_to(scene: Scene) -> None:
    """Nobody who did not ask for the bot hears from it."""
    conversation = GitHubConversation(scene.app)
    number = scene.github.open_issue(scene.name, "A question", login="alice")
    scene.github.create_user("carol", install=False)
    moved = scene.github.transfer_repo(scene.name, "carol")
    with pytest.raises(HublishError):
        conversation.ensure_comment(scene.repository, Thread(kind="issue", number=number), marker=MARKER, body=BODY)

    assert scene.github.comments(moved, number) == []


def test_owner_of_a_repository_is_who_has_it_now(scene: Scene) -> None:
    """By id: a name may be given up and taken by somebody else."""
    reader = GitHubReader(scene.app)
    before = reader.fetch_owner_id(scene.repository)
    scene.github.create_user("carol")
    scene.github.transfer_repo(scene.name, "carol")

    assert before == scene.repository.owner_id
    assert reader.fetch_owner_id(scene.repository) != before


def test_app_that_was_installed_again_goes_on(scene: Scene) -> None:
    """By the new installation of the same owner; while there is none, its absence is the answer."""
    reader = GitHubReader(scene.app)
    scene.github.uninstall_app("org")
    with pytest.raises(NotAllowed, match="not installed here any more"):
        reader.resolve_ref(scene.repository, "main")
    scene.github.install_app("org")

    assert reader.resolve_ref(scene.repository, "main").sha == scene.head
    assert reader.find_installation(scene.name) != scene.repository.installation_id


def test_app_that_another_owner_installed_reads_nothing(scene: Scene) -> None:
    """What was asked for was the earlier owner's."""
    reader = GitHubReader(scene.app)
    scene.github.create_user("carol")
    scene.github.transfer_repo(scene.name, "carol")
    scene.github.uninstall_app("org")
    with pytest.raises(NotAllowed, match="not installed here any more"):
        reader.resolve_ref(scene.repository, "main")
