"""A release of a repository with a Dockerfile, in a service whose operator added buildah."""

from __future__ import annotations

import time

import pytest

from tests.sandbox.base_image import make_busybox_base, push_layout
from tests.sandbox.town import HUB_REPO, SOURCE_REPO, WAIT_SECONDS, Town

pytestmark = [pytest.mark.github, pytest.mark.registry, pytest.mark.container]

GOOD = "RUN echo built > /built\n"
BAD = "RUN echo no such thing; exit 4\n"
SLOW = "RUN sleep 3; echo built > /built\n"


def settle(town: Town, *, owner: str = "octocat", text: str = GOOD) -> None:
    """A repository whose main branch has a Dockerfile, and a service that builds such for one owner."""
    push_layout(make_busybox_base(town.folder / "busybox"), town.registry.host, "base/busybox", "1")
    commit(town, text)
    engines = {"use": ["local", "buildah"], "buildah": {"owners": [owner], "network": "none"}}
    town.write_settings(base=town.settings["bases"]["3.11"], engines=engines)
    town.start_service()


def commit(town: Town, text: str) -> None:
    dockerfile = f"FROM {town.registry.host}/base/busybox:1\nCOPY notebooks /notebooks\n{text}"
    town.github.commit_files(SOURCE_REPO, {"Dockerfile": dockerfile}, message="a Dockerfile")


def read_logs(town: Town) -> str:
    """What all builds said so far."""
    chunks = sorted((town.folder / "data" / "logs").rglob("*.chunk"))
    return "".join(chunk.read_text(errors="replace") for chunk in chunks)


def read_answer(town: Town, tag: str) -> str:
    """The one comment on the commit of a release."""
    (comment,) = town.github.commit_comments(SOURCE_REPO, town.github.ref_sha(SOURCE_REPO, f"tags/{tag}"))
    return str(comment["body"])


def test_release_of_a_dockerfile_becomes_image_and_pull_request(quiet_town: Town) -> None:
    """Built by buildah, pushed under its tags, proposed to the hub, answered once; a failing step is in its answer."""
    town = quiet_town
    settle(town)
    town.github.publish_release(SOURCE_REPO, "v1.0")
    town.wait_for_runs()
    manifest = town.registry.manifest("team/ts", "v1.0")
    base = town.registry.manifest("base/busybox", "1")
    (pull_request,) = town.github.pull_requests(HUB_REPO)
    commit(town, BAD)
    town.github.publish_release(SOURCE_REPO, "v1.1")
    states = [run["state"] for run in town.wait_for_runs(2)]
    (check,) = town.github.check_runs(SOURCE_REPO, str(town.github.ref_sha(SOURCE_REPO, "tags/v1.1")))
    lines = [(row["path"], row["start_line"]) for row in town.github.annotations(SOURCE_REPO, check["id"])]

    assert states == ["failed", "delivered"]
    assert manifest is not None
    assert base is not None
    assert manifest["layers"][0] == base["layers"][0]
    assert pull_request["title"] == "List ts v1.0"
    assert read_answer(town, "v1.0").startswith("**Delivered:** `v1.0`")
    assert "STEP 3/3: RUN echo built > /built" in read_logs(town)
    assert "the build failed at step 3 of 3, RUN echo no such thing; exit 4: exit status 4" in read_answer(town, "v1.1")
    assert lines == [("Dockerfile", 3)]
    assert check["output"]["text"].startswith("**Plan:** `ts`: dockerfile")
    assert "STEP 3/3: RUN echo no such thing; exit 4" in check["output"]["text"]


def test_owner_that_is_not_listed_gets_an_answer(quiet_town: Town) -> None:
    """A chroot is no wall for strangers' code: the answer says why nothing was built."""
    town = quiet_town
    settle(town, owner="acme")
    town.github.publish_release(SOURCE_REPO, "v1.0")
    (run,) = town.wait_for_runs()

    assert run["state"] == "failed"
    assert "does not build for the owner octocat" in read_answer(town, "v1.0")
    assert town.registry.tags("team/ts") == ()


def test_killed_service_ends_the_build_once(quiet_town: Town) -> None:
    """kill -9 in the middle of a RUN: the next start builds it anew, and the release is answered once."""
    town = quiet_town
    settle(town, text=SLOW)
    town.github.publish_release(SOURCE_REPO, "v1.0")
    deadline = time.monotonic() + WAIT_SECONDS
    while "RUN sleep 3" not in read_logs(town):
        assert time.monotonic() < deadline, town.read_service_log()[-5000:]
        time.sleep(0.05)
    town.kill_service()
    town.start_service()
    (run,) = town.wait_for_runs()

    assert run["state"] == "delivered"
    assert read_answer(town, "v1.0").startswith("**Delivered:** `v1.0`")
    assert town.registry.tags("team/ts") != ()
