"""kill -9 before and after every effect: nothing is lost, nothing is done twice."""

from __future__ import annotations

import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.github import GitHubSandbox
from tests.sandbox.town import ENDED, HUB_REPO, SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry]

LEAST_KILLS = 25
CRASHING = (sys.executable, "-m", "tests.e2e.crashing_service")


def make_masked(text: str, town: Town, tag: str) -> str:
    """The text without what differs between two undisturbed runs: ids, times, durations, the release's name."""
    for old, new in (
        (town.url, "URL"),
        (town.registry.host, "REGISTRY"),
        (town.github.api_url, "GITHUB"),
        (tag, "TAG"),
    ):
        text = text.replace(old, new)
    text = re.sub(r"[0-9a-f]{32}\b", "RUN", text)
    text = re.sub(r"pull request #\d+|/pull/\d+", "PULL", text)
    return re.sub(r"\d+(?:\.\d+)? (?:s|min|B|kB)\b(?: \d+ s)?", "N", text)


def read_result(town: Town, tag: str) -> dict[str, Any]:
    """Everything the world can see of a release's run."""
    sha = town.github.ref_sha(SOURCE_REPO, f"tags/{tag}")
    mine = [comment["body"] for comment in town.github.commit_comments(SOURCE_REPO, sha) if tag in comment["body"]]
    checks = [check for check in town.github.check_runs(SOURCE_REPO, sha) if tag in check["output"]["title"]]
    pulls = town.github.pull_requests(HUB_REPO)
    files = [
        (file["filename"], file["patch"])
        for pull in pulls
        for file in town.github.pull_request_files(HUB_REPO, pull["number"])
    ]
    manifests = {name: town.registry.manifest_bytes("team/ts", name) for name in (tag, "latest")}
    return {
        "manifests": list(manifests.values()),
        "comments": [make_masked(body, town, tag) for body in mine],
        "checks": [
            (
                check["name"],
                check["status"],
                check["conclusion"],
                make_masked(str(check["output"]["summary"]), town, tag),
            )
            for check in checks
        ],
        "pulls": [(make_masked(pull["title"], town, tag), make_masked(pull["body"], town, tag)) for pull in pulls],
        "files": [(name, make_masked(patch, town, tag)) for name, patch in files],
    }


def clean_hub(town: Town) -> None:
    """Close the hub's pull request and delete its branch, as a maintainer would."""
    for pull in town.github.pull_requests(HUB_REPO):
        town.github.api("PATCH", f"/repos/{HUB_REPO}/pulls/{pull['number']}", {"state": "closed"}, login="acme-admin")
    town.github.delete_ref(HUB_REPO, "heads/hublish/octocat--ts", login="acme-admin")


def redeliver_missed(town: Town) -> None:
    """Ask for what the service missed while it was dead; GitHub never delivers again by itself."""
    told = {("release", "published"), ("release", "released")}
    deliveries = [item for item in town.github.deliveries() if (item["event"], item["action"]) in told]
    taken = {item["guid"] for item in deliveries if item["status_code"] == 202}
    for missed in {item["guid"]: item["id"] for item in deliveries if item["guid"] not in taken}.values():
        town.github.redeliver(missed)


def run_through_crashes(town: Town, record: Path, *, seconds: float) -> int:
    """Restart the service after each of its deaths until its run has ended; returns the number of kills."""
    deadline = time.monotonic() + seconds
    ended_quietly = 0
    while time.monotonic() < deadline:
        if town.service is None or town.service.poll() is not None:
            town.service = None
            try:
                town.start_service(HUBLISH_TEST_CRASHES=str(record))
            except RuntimeError:
                continue  # it died while starting: a point was reached at once
        time.sleep(0.05)
        redeliver_missed(town)
        rows = town.read_runs()
        done = bool(rows) and all(row["state"] in ENDED for row in rows)
        ended_quietly = ended_quietly + 1 if done and town.service is not None and town.service.poll() is None else 0
        if ended_quietly > 20:
            return len(record.read_text().splitlines())
    raise AssertionError(f"not done after {seconds} s: {town.read_runs()}\n{town.read_service_log()[-5000:]}")


@pytest.mark.timeout(1800)
def test_release_survives_kill_at_every_effect(tmp_path: Path, github: GitHubSandbox) -> None:
    """A run that is killed before and after each of its effects ends like one that nobody disturbed."""
    with Town(tmp_path, github=github, serve=CRASHING) as town:
        town.settle()
        record = tmp_path / "crashes.txt"
        town.start_service(HUBLISH_TEST_CRASHES=str(record))
        town.github.publish_release(SOURCE_REPO, "v1.0")

        kills = run_through_crashes(town, record, seconds=1500)
        disturbed = read_result(town, "v1.0")
        town.stop_service()
        clean_hub(town)
        shutil.rmtree(tmp_path / "data")
        town.serve = (sys.executable, "-m", "hublish.cli")
        town.start_service()
        town.github.publish_release(SOURCE_REPO, "v1.1")
        (run,) = town.wait_for_runs()
        undisturbed = read_result(town, "v1.1")

        assert kills >= LEAST_KILLS
        assert run["state"] == "delivered"
        assert disturbed == undisturbed
        assert len(disturbed["comments"]) == len(disturbed["checks"]) == len(disturbed["pulls"]) == 1
