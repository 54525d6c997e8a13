"""A GitHub that fails, hangs up, asks to wait or says everything twice: waited out, with one run and one answer."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.answers import (
    commit_and_release,
    find_delivery,
    find_runs,
    publish,
    read_answers,
    redeliver_release,
    wait_for_ref,
    wait_until,
)
from tests.e2e.deliveries import post_signed, read_deliveries
from tests.sandbox.index import Fault
from tests.sandbox.rows import read_rows
from tests.sandbox.town import HUB_REPO, SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry]

COMMENTS = r"/octocat/ts/commits/\w+/comments$"
# What fails while a stage of the run is at work; `after` lets the call take effect first, so that a blind second try
# would double it.
OUTAGES: dict[str, tuple[dict[str, Any], ...]] = {
    # First, as only the first release mints tokens and opens the pull request.
    "proposing": (
        {"path_regex": r"/access_tokens$", "status": 502},
        {"method": "POST", "path_regex": r"/acme/apps/git/commits$", "status": 503, "times": 2},
        {"method": "POST", "path_regex": r"/acme/apps/pulls$", "drop": True, "after": True},
    ),
    "planning": (
        {"path_regex": r"/reactions$", "drop": True},
        {"path_regex": r"/octocat/ts/git/ref/tags/", "status": 500, "times": 2},
        {"path_regex": r"/octocat/ts/tarball/", "drop": True},
        # A machine of GitHub's that does not know the new tag yet.
        {"path_regex": r"/octocat/ts/git/ref/tags/", "status": 404},
        {"method": "POST", "path_regex": r"/check-runs$", "status": 500, "after": True},
    ),
    "answering": (
        {"method": "PATCH", "path_regex": r"/check-runs/", "status": 504},
        {"method": "POST", "path_regex": COMMENTS, "drop": True},
        {"method": "POST", "path_regex": COMMENTS, "status": 502, "after": True},
        {"method": "DELETE", "path_regex": r"/octocat/ts/comments/", "status": 500, "after": True},
    ),
}


@pytest.mark.parametrize("stage", OUTAGES)
def test_outage_is_waited_out_with_one_answer(shared_town: Town, stage: str) -> None:
    """GitHub failing at any stage delays a release and doubles nothing."""
    tag = f"v1.{list(OUTAGES).index(stage)}"
    shared_town.github.clear_calls()
    for fault in OUTAGES[stage]:
        shared_town.github.add_fault(**fault)

    answer = publish(shared_town, tag)
    sha = str(shared_town.github.ref_sha(SOURCE_REPO, f"tags/{tag}"))
    checks = shared_town.github.check_runs(SOURCE_REPO, sha)
    met = sum(call.faulted for call in shared_town.github.calls())

    assert met == sum(fault.get("times", 1) for fault in OUTAGES[stage])
    assert answer.startswith(f"**Delivered:** `{tag}`")
    assert [check["conclusion"] for check in checks] == ["success"]
    assert len(shared_town.github.pull_requests(HUB_REPO, state="all")) == 1


def test_secondary_limit_is_obeyed(shared_town: Town) -> None:
    """A secondary rate limit is waited out for as long as GitHub asks, then the release goes on."""
    shared_town.github.add_secondary_limit(path_regex=COMMENTS, retry_after=2)

    assert publish(shared_town, "v2.0").startswith("**Delivered:** `v2.0`")


def test_tag_that_moves_during_the_build_is_not_pushed(shared_town: Town) -> None:
    """A tag that points elsewhere when the build is done sets no image tag; the answer names both commits."""
    town = shared_town
    old = town.github.commit_files(SOURCE_REPO, town.make_source_files({"slow": "1.0"}), message="slow")
    go_on = threading.Event()
    town.index.add_fault(Fault(path_regex=r"slow", times=1, gate=go_on))
    town.github.publish_release(SOURCE_REPO, "v3.0")
    wait_until(lambda: any(run["state"] == "building" for run in find_runs(town, "v3.0")))
    new = town.github.commit_files(SOURCE_REPO, {"moved.txt": "x"}, message="moved")
    town.github.move_tag(SOURCE_REPO, "v3.0", target=new)
    go_on.set()
    (run,) = wait_for_ref(town, "v3.0")
    (comment,) = town.github.commit_comments(SOURCE_REPO, old)

    assert run["state"] == "failed"
    assert comment["body"].startswith("**Not delivered:** `v3.0`")
    assert f"the tag v3.0 pointed at {old} when the build began and points at {new} now" in comment["body"]
    assert "v3.0" not in town.registry.tags("team/ts")


def test_redelivery_of_a_failed_run_is_a_new_attempt(shared_town: Town) -> None:
    """A redelivery after a failure tries again and answers again; one after a delivery does nothing."""
    town = shared_town
    town.index.add_wheel("late", "1.0")
    files = town.make_source_files({"late": "1.0"})
    town.index.remove("late", "1.0")
    town.github.commit_files(SOURCE_REPO, files, message="late")
    first = publish(town, "v4.0")
    town.index.find_files("late", "1.0")[0].gone = False
    redeliver_release(town, "v4.0")
    attempts = [(run["attempt"], run["state"]) for run in find_runs(town, "v4.0")]
    second = read_answers(town, "v4.0")
    town.github.redeliver(find_delivery(town, "v4.0")["id"])
    town.github.await_deliveries()
    guid = find_delivery(town, "v4.0")["guid"]
    wait_until(lambda: [row["state"] for row in read_deliveries(town) if row["guid"] == guid] == ["accepted"])

    assert first.startswith("**Not delivered:** `v4.0`")
    assert attempts == [(2, "delivered"), (1, "failed")]
    assert second[0] == first
    assert second[1].startswith("**Delivered:** `v4.0`")
    assert len(find_runs(town, "v4.0")) == 2
    assert read_answers(town, "v4.0") == second


def test_twenty_duplicates_at_once_are_one_run(shared_town: Town) -> None:
    """The same webhook twenty times at the same moment, under one GUID or under several, starts one run."""
    town = shared_town
    town.github.duplicate_webhooks(3)
    commit_and_release(town, "v5.0")
    town.github.await_deliveries()
    delivery = find_delivery(town, "v5.0")
    body = json.dumps(delivery["payload"]).encode()

    def send(number: int) -> int:
        guid = delivery["guid"] if number % 2 else f"copy-{number}"
        return post_signed(town, body, event="release", guid=guid)

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(send, range(20)))
    runs = wait_for_ref(town, "v5.0")
    wait_until(lambda: all(row["state"] != "received" for row in read_deliveries(town)))

    assert statuses == [202] * 20
    assert [run["state"] for run in runs] == ["delivered"]
    assert len(find_runs(town, "v5.0")) == 1
    assert len(read_answers(town, "v5.0")) == 1
    assert len(read_rows(town.database, f"select build_name from run_builds where run_id = '{runs[0]['id']}'")) == 1
    assert [pull_request["title"] for pull_request in town.github.pull_requests(HUB_REPO)] == ["List ts v5.0"]
