"""The main road: a published release becomes an image and a pull request."""

from __future__ import annotations

import pytest

from tests.e2e.answers import wait_until
from tests.e2e.deliveries import read_deliveries
from tests.sandbox.contract import check_calls
from tests.sandbox.town import HUB_FOLDER, HUB_REPO, KUSTOMIZATION, SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry]


def test_release_becomes_image_and_pull_request(town: Town) -> None:
    """A release is built, pushed under its tags, proposed to the hub and answered once."""
    town.github.publish_release(SOURCE_REPO, "v1.0")
    (run,) = town.wait_for_runs()

    assert run["state"] == "delivered"
    assert {"v1.0", "latest"} <= set(town.registry.tags("team/ts"))
    (pull_request,) = town.github.pull_requests(HUB_REPO)
    assert pull_request["title"] == "List ts v1.0"
    sha = town.github.ref_sha(SOURCE_REPO, "tags/v1.0")
    (comment,) = town.github.commit_comments(SOURCE_REPO, sha)
    assert comment["body"].startswith("**Delivered:** `v1.0`")


def test_calls_to_github_fit_its_description(town: Town) -> None:
    """Every request and answer of a release fits GitHub's OpenAPI description."""
    town.github.clear_calls()
    town.github.publish_release(SOURCE_REPO, "v1.0")
    town.wait_for_runs()

    assert check_calls(town.github.calls()) == ()


def test_second_release_moves_the_pull_request_on(town: Town) -> None:
    """A newer release updates the open pull request instead of opening another, and the list gains one file and line."""
    town.github.publish_release(SOURCE_REPO, "v1.0")
    town.wait_for_runs()
    town.github.commit_files(SOURCE_REPO, {"notebooks/more.py": "x = 1\n"}, message="more")
    town.github.publish_release(SOURCE_REPO, "v1.1")
    town.wait_for_runs(2)

    (pull_request,) = town.github.pull_requests(HUB_REPO)
    assert pull_request["title"] == "List ts v1.1"
    files = {file["filename"] for file in town.github.pull_request_files(HUB_REPO, pull_request["number"])}
    assert files == {f"{HUB_FOLDER}/kustomization.yaml", f"{HUB_FOLDER}/ts.yaml"}
    kustomization = town.github.file_text(HUB_REPO, f"{HUB_FOLDER}/kustomization.yaml", ref="hublish/octocat--ts")
    assert kustomization == KUSTOMIZATION + "  - ts.yaml\n"


def test_merged_entry_gains_a_tag_and_the_body_names_what_changed(town: Town) -> None:
    """After a merge the next release adds a tag, and the pull request tells the packages that changed."""
    town.github.publish_release(SOURCE_REPO, "v1.0")
    town.wait_for_runs()
    (pull_request,) = town.github.pull_requests(HUB_REPO)
    town.github.merge_pull_request(HUB_REPO, pull_request["number"])
    town.github.commit_files(SOURCE_REPO, town.make_source_files({"six": "1.17.0"}), message="bump")
    town.github.publish_release(SOURCE_REPO, "v1.1")
    town.wait_for_runs(2)
    (pull_request,) = town.github.pull_requests(HUB_REPO)
    (file,) = town.github.pull_request_files(HUB_REPO, pull_request["number"])

    assert pull_request["title"] == "Update ts to v1.1"
    assert "| `six` | `1.16.0` | `1.17.0` |" in pull_request["body"]
    assert [line for line in file["patch"].splitlines() if line.startswith("-")] == []


def test_older_release_leaves_latest_alone(town: Town) -> None:
    """A release with a lower version gets its own tag only, and the open pull request stays; the answer says both."""
    town.github.publish_release(SOURCE_REPO, "v2.0")
    town.wait_for_runs()
    newest = town.registry.manifest_bytes("team/ts", "latest")
    sha = town.github.commit_files(SOURCE_REPO, {"a.txt": "a\n"}, message="a")
    town.github.publish_release(SOURCE_REPO, "v1.9")
    town.wait_for_runs(2)
    (comment,) = town.github.commit_comments(SOURCE_REPO, sha)

    (pull_request,) = town.github.pull_requests(HUB_REPO)

    assert "| `latest` not moved | it points at v2.0, which is newer |" in comment["body"]
    assert "left as it is, as it proposes v2.0, which is newer" in comment["body"].replace("\\", "")
    assert pull_request["title"] == "List ts v2.0"
    assert town.registry.manifest_bytes("team/ts", "latest") == newest


def test_redelivery_and_replay_give_one_answer(town: Town) -> None:
    """The same release, delivered again and again, leads to one build, one answer and one pull request."""
    town.github.publish_release(SOURCE_REPO, "v1.0")
    town.wait_for_runs()
    delivery = next(
        item for item in town.github.deliveries() if (item["event"], item["action"]) == ("release", "published")
    )
    for _ in range(10):
        town.github.redeliver(delivery["id"])
    town.github.await_deliveries()
    wait_until(lambda: all(row["state"] != "received" for row in read_deliveries(town)))
    runs = town.wait_for_runs()
    sha = town.github.ref_sha(SOURCE_REPO, "tags/v1.0")

    assert len(runs) == 1
    assert len(town.github.commit_comments(SOURCE_REPO, sha)) == 1
    assert len(town.github.check_runs(SOURCE_REPO, sha)) == 1
    assert len(town.github.pull_requests(HUB_REPO)) == 1


def test_run_page_shows_state_steps_and_log(town: Town) -> None:
    """The live link leads to a page with the state, the steps and the log, and to the whole log as text."""
    town.github.publish_release(SOURCE_REPO, "v1.0")
    (run,) = town.wait_for_runs()
    status, page = town.get(f"/runs/{run['id']}")

    assert status == 200
    assert '<p class="state delivered">delivered</p>' in page
    assert "publish ts" in page
    assert "layer six 1.16.0" in page
    assert town.get("/runs/0123456789abcdef")[0] == 404
