"""An hour in which no webhook arrived: everything of it is made up for at the next start, each thing once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.answers import commit_and_release, find_delivery, find_runs, read_answers, wait_for_ref, wait_until
from tests.e2e.deliveries import post_signed, read_deliveries
from tests.sandbox.rows import read_rows
from tests.sandbox.town import HUB_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry]

HOUR_SECONDS = 3600
REPLAYS = 100


def test_outage_and_a_hundred_replays_end_in_one_build(quiet_town: Town) -> None:
    """A release of an hour ago is fetched at the start; a hundred replays of it add no run, answer or pull request."""
    town = quiet_town
    commit_and_release(town, "v1.0")
    town.github.age_deliveries(HOUR_SECONDS)
    delivery = find_delivery(town, "v1.0")
    town.start_service()
    wait_until(lambda: any(row["guid"] == delivery["guid"] for row in read_deliveries(town)))
    body = json.dumps(delivery["payload"]).encode()

    def replay(_number: int) -> int:
        return post_signed(town, body, event="release", guid=delivery["guid"])

    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(replay, range(REPLAYS)))
    (run,) = wait_for_ref(town, "v1.0")
    wait_until(lambda: all(row["state"] != "received" for row in read_deliveries(town)))
    rows = [row for row in read_deliveries(town) if row["guid"] == delivery["guid"]]

    assert statuses == [202] * REPLAYS
    assert [(row["times"], row["state"], row["run_id"]) for row in rows] == [(REPLAYS + 1, "accepted", run["id"])]
    assert run["state"] == "delivered"
    assert len(find_runs(town, "v1.0")) == 1
    assert len(read_answers(town, "v1.0")) == 1
    assert len(read_rows(town.database, "select name from builds")) == 1
    assert len(town.github.pull_requests(HUB_REPO, state="all")) == 1
