"""What a run needs goes away while its build is at work: the run ends, says why, and disturbs nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.e2e.answers import find_runs, wait_for_ref, wait_until
from tests.sandbox.index import Fault
from tests.sandbox.town import SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry]

OWNER, NAME = SOURCE_REPO.split("/")


def start_held(town: Town, tag: str) -> tuple[threading.Event, str]:
    """Publish a release whose build waits for a wheel; returns (what lets it go on, the commit)."""
    package = f"held{tag.replace('.', '')}"
    gate = threading.Event()
    sha = town.github.commit_files(SOURCE_REPO, town.make_source_files({package: "1.0"}), message="held")
    town.index.add_fault(Fault(path_regex=rf"{package}.*\.whl$", gate=gate))
    town.github.publish_release(SOURCE_REPO, tag)
    wait_until(lambda: any(package in call.path and call.path.endswith(".whl") for call in town.index.calls))
    return gate, sha


def archive(town: Town) -> None:
    town.github.change_repo(SOURCE_REPO, archived=True)


def unarchive(town: Town) -> None:
    town.github.change_repo(SOURCE_REPO, archived=False)


def suspend(town: Town) -> None:
    town.github.suspend_installation(OWNER)


def resume(town: Town) -> None:
    town.github.suspend_installation(OWNER, suspended=False)


def uninstall(town: Town) -> None:
    town.github.uninstall_app(OWNER)


def install(town: Town) -> None:
    town.github.install_app(OWNER)


# What goes away, how it comes back, and the reason that the run names.
LOSSES: dict[str, tuple[Callable[[Town], None], Callable[[Town], None], str]] = {
    "v1.0": (archive, unarchive, "Repository was archived so is read-only."),
    "v1.1": (suspend, resume, "The owner suspended the installation of the GitHub App."),
    "v1.2": (uninstall, install, "The GitHub App is not installed here any more."),
}


@pytest.mark.parametrize("tag", LOSSES)
def test_loss_in_the_middle_ends_the_run_with_its_reason(shared_town: Town, tag: str) -> None:
    """Archived, suspended, removed: one attempt, ended, with the reason on its page; the next release is delivered."""
    town = shared_town
    lose, give_back, reason = LOSSES[tag]
    gate, _ = start_held(town, tag)
    lose(town)
    gate.set()
    (run,) = wait_for_ref(town, tag)
    give_back(town)
    town.github.publish_release(SOURCE_REPO, f"{tag}-next")
    (after,) = wait_for_ref(town, f"{tag}-next")

    assert reason in run["message"]
    assert (after["state"], len(find_runs(town, tag))) == ("delivered", 1)


def test_app_that_is_installed_again_in_the_middle_delivers(shared_town: Town) -> None:
    """People do that to mend it; its new installation goes on with what the old one was asked."""
    town = shared_town
    gate, _ = start_held(town, "v1.3")
    uninstall(town)
    install(town)
    gate.set()
    (run,) = wait_for_ref(town, "v1.3")

    assert run["state"] == "delivered"


def test_renamed_and_private_repository_is_answered_under_its_new_name(shared_town: Town) -> None:
    """The old name leads to the new one: the build ends and its answer stands on the commit."""
    town = shared_town
    gate, sha = start_held(town, "v2.0")
    town.github.rename_repo(SOURCE_REPO, "moved")
    town.github.change_repo(f"{OWNER}/moved", private=True)
    gate.set()
    (run,) = wait_for_ref(town, "v2.0")
    comments = [row["body"] for row in town.github.commit_comments(f"{OWNER}/moved", sha)]
    town.github.change_repo(f"{OWNER}/moved", private=False)
    town.github.rename_repo(f"{OWNER}/moved", NAME)
    town.github.clear_calls()

    assert run["state"] == "delivered"
    assert [body.startswith("**Delivered:** `v2.0`") for body in comments] == [True]


def test_transferred_repository_is_answered_and_publishes_nothing(shared_town: Town) -> None:
    """Under its new owner, whose own installation lets the bot speak there: what was asked is not what they asked for."""
    town = shared_town
    gate, sha = start_held(town, "v2.1")
    moved = town.github.transfer_repo(SOURCE_REPO, "acme")
    gate.set()
    (run,) = wait_for_ref(town, "v2.1")
    comments = [row["body"] for row in town.github.commit_comments(moved, sha)]
    tags = town.registry.tags("team/ts")
    town.github.transfer_repo(moved, OWNER)
    town.github.clear_calls()

    assert run["state"] == "failed"
    assert "octocat/ts was transferred to another owner since this was asked for" in run["message"]
    assert "v2.1" not in tags
    assert [body.startswith("**Not delivered:** `v2.1`") for body in comments if "hublish:answer" in body] == [True]


def test_deleted_comment_is_answered_all_the_same(shared_town: Town) -> None:
    """Who asked took the question back; what was built stands, and the thread says so once."""
    town = shared_town
    number = town.github.open_issue(SOURCE_REPO, "please", login="writer")
    town.github.comment(SOURCE_REPO, number, "/build main", login="writer")
    wait_until(lambda: bool(find_runs(town, "main")))
    asked = town.github.comments(SOURCE_REPO, number)[0]["id"]
    town.github.api("DELETE", f"/repos/{SOURCE_REPO}/issues/comments/{asked}", login="writer")
    (run,) = wait_for_ref(town, "main")
    left = [row["body"] for row in town.github.comments(SOURCE_REPO, number)]

    assert run["state"] == "delivered"
    assert [body.startswith("**Delivered:** `main`") for body in left] == [True]
