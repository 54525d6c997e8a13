"""The main road: a published release becomes an image and a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.github import GitHubSandbox
from tests.sandbox.town import HUB_REPO, SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry]


@pytest.fixture
def town(tmp_path: Path, github: GitHubSandbox) -> Iterator[Town]:
    """A town with its service running."""
    with Town(tmp_path, github=github) as town:
        town.settle()
        town.start_service()
        yield town


def test_release_becomes_image_and_pull_request(town: Town) -> None:
    """A release is built, pushed under its tags, proposed to the hub and answered once."""
    town.github.publish_release(SOURCE_REPO, "v1.0")
    (run,) = town.wait_for_runs()

    assert run["state"] == "delivered", (run, town.read_service_log()[-4000:])
    assert {"v1.0", "latest"} <= set(town.registry.tags("team/ts"))
    (pull_request,) = town.github.pull_requests(HUB_REPO)
    assert pull_request["title"] == "List ts v1.0"
    sha = town.github.ref_sha(SOURCE_REPO, "tags/v1.0")
    (comment,) = town.github.commit_comments(SOURCE_REPO, sha)
    assert comment["body"].startswith("**Delivered:** `v1.0`")
