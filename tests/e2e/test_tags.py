"""Pushed tags: one build and one answer, however often GitHub tells of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.answers import wait_for_ref, wait_until
from tests.sandbox.github import GitHubSandbox
from tests.sandbox.town import ENDED, HUB_REPO, SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry]


ODD = "$(touch${IFS}canary)"
WAIT_SECONDS = 5
"""How long a tag waits for its release here: GitHub sends what belongs together in one go."""


@pytest.fixture(scope="module")
def tag_town(tmp_path_factory: pytest.TempPathFactory, github_process: GitHubSandbox) -> Iterator[Town]:
    """A town whose repository wants tags built."""
    github_process.reset()
    with Town(tmp_path_factory.mktemp("tags"), github=github_process) as town:
        town.settle(limits={"tag_wait_seconds": WAIT_SECONDS})
        town.github.commit_files(SOURCE_REPO, town.make_source_files(triggers={"tag": True}), message="tags")
        town.start_service()
        yield town


def find_tag_runs(town: Town, tag: str) -> list[dict[str, Any]]:
    """The runs of a pushed tag, of both its deliveries, newest first."""
    return [run for run in town.read_runs(pushes=True) if run["ref"] == tag]


def wait_for_tag(town: Town, tag: str, *, count: int) -> list[str]:
    """Wait until all deliveries of a tag have a run that ended; returns the states, sorted."""
    wait_until(lambda: sum(run["state"] in ENDED for run in find_tag_runs(town, tag)) == count)
    return sorted(run["state"] for run in find_tag_runs(town, tag))


def read_checks(town: Town, tag: str) -> list[str]:
    """The conclusions of the image's check runs on a tag's commit."""
    sha = find_commit(town, tag)
    checks = town.github.check_runs(SOURCE_REPO, sha)
    return [check["conclusion"] for check in checks if check["name"] == "hublish / ts"]


def read_comments(town: Town, tag: str) -> list[str]:
    """What stands on a tag's commit."""
    return [row["body"] for row in town.github.commit_comments(SOURCE_REPO, find_commit(town, tag))]


def find_commit(town: Town, tag: str) -> str:
    """The commit of a tag that was pushed here last."""
    return COMMITS[town.url, tag]


COMMITS: dict[tuple[str, str], str] = {}
"""By the service's address and the tag."""


def commit(town: Town, tag: str) -> str:
    """A new commit for a tag, so that it has answers of its own."""
    name = f"{tag.replace('/', '-')}-{len(COMMITS)}"
    sha = town.github.commit_files(SOURCE_REPO, {f"notes/{name}.txt": name}, message=name)
    COMMITS[town.url, tag] = sha
    return sha


def test_tag_is_delivered_once_however_often_it_is_told(tag_town: Town) -> None:
    """By `create` and push, and by the release under it: one run delivers, the others end silently, one comment stands."""
    town = tag_town
    town.github.create_annotated_tag(SOURCE_REPO, "v1.0", target=commit(town, "v1.0"))
    commit(town, "v1.1")
    town.github.publish_release(SOURCE_REPO, "v1.1")
    (release,) = wait_for_ref(town, "v1.1")
    states = [wait_for_tag(town, "v1.0", count=2), wait_for_tag(town, "v1.1", count=2)]
    comments = [read_comments(town, "v1.0"), read_comments(town, "v1.1")]

    assert release["state"] == "delivered"
    assert states == [["delivered", "skipped"], ["skipped", "skipped"]]
    assert [[body.splitlines()[0][:24] for body in bodies] for bodies in comments] == [
        ["**Delivered:** `v1.0` at"],
        ["**Delivered:** `v1.1` at"],
    ]
    assert [read_checks(town, "v1.0"), read_checks(town, "v1.1")] == [["success"], ["success"]]
    assert {"v1.0", "v1.1", "latest"} <= set(town.registry.tags("team/ts"))
    assert len(town.github.pull_requests(HUB_REPO)) == 1


def test_tag_that_moves_after_its_release_is_delivered_anew_and_says_so(tag_town: Town) -> None:
    """Only a push tells of it; an odd name that git allows and a registry does not is answered meanwhile."""
    town = tag_town
    before = find_commit(town, "v1.1")
    town.github.create_tag(SOURCE_REPO, ODD, target=commit(town, ODD))
    town.github.move_tag(SOURCE_REPO, "v1.1", target=commit(town, "v1.1"))
    states = [wait_for_tag(town, "v1.1", count=3), wait_for_tag(town, ODD, count=2)]
    (moved,) = read_comments(town, "v1.1")
    (odd,) = read_comments(town, ODD)

    assert states == [["delivered", "skipped", "skipped"], ["failed", "skipped"]]
    assert f"The tag was moved: it was last delivered at {before[:7]} and is at" in moved
    assert odd.startswith("**Not delivered:** ")
