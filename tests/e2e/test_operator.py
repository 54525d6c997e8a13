"""What the operator does by hand: a payload from a file, first dry, then for good, then once more."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.e2e.answers import commit_and_release, find_delivery, find_runs, wait_for_ref, wait_until
from tests.e2e.deliveries import read_deliveries
from tests.sandbox.town import Town

pytestmark = [pytest.mark.github, pytest.mark.registry]


def hublish(town: Town, *arguments: str) -> str:
    """Run the command line with the town's settings; returns what it prints."""
    environment = {**os.environ, "HUBLISH_SETTINGS": str(town.folder / "settings.yaml")}
    command = [sys.executable, "-m", "hublish.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120).stdout


def test_payload_by_hand_is_rehearsed_then_delivered(quiet_town: Town) -> None:
    """The dry run writes nothing anywhere and says what the service then says; a replay of what was delivered joins it."""
    town = quiet_town
    sha = commit_and_release(town, "v1.0")
    town.github.await_deliveries()
    payload = town.folder / "payload.json"
    payload.write_text(json.dumps(find_delivery(town, "v1.0")["payload"]))
    town.github.clear_deliveries()
    town.github.clear_calls()
    dry = hublish(town, "trigger", str(payload), "--event", "release", "--dry-run")
    writes = [call.path for call in town.github.calls() if call.method != "GET"]
    guid = json.loads(hublish(town, "trigger", str(payload), "--event", "release", "--json"))["result"]["guid"]
    town.start_service()
    (run,) = wait_for_ref(town, "v1.0")
    hublish(town, "deliveries", "replay", guid)
    wait_until(lambda: [row["state"] for row in read_deliveries(town) if row["guid"] == guid] == ["accepted"])
    again = hublish(town, "deliveries", "replay", guid, "--dry-run")

    assert dry.startswith("decision    building\n")
    assert f"would give a comment at octocat/ts, {sha}:\n  **Building** `v1.0`" in dry
    assert all(path.endswith("/access_tokens") for path in writes)
    assert run["state"] == "delivered"
    assert f"answers this already; it is {run['state']}" in again
    assert len(find_runs(town, "v1.0")) == 1
