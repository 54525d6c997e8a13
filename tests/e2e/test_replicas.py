"""Two processes of the service over one PostgreSQL: they share the work, and one goes on where the other died."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.answers import read_answers, wait_until
from tests.e2e.build_events import noting_builds, read_events
from tests.e2e.command_line import run_hublish
from tests.e2e.takeover import (
    SECONDS,
    find_at_work,
    list_replicas,
    play_takeover,
    publish_at,
    verify_each_once,
    wait_for_all,
)
from tests.sandbox.github import GitHubSandbox
from tests.sandbox.postgres import Postgres
from tests.sandbox.replicas import Replica
from tests.sandbox.town import Town

pytestmark = [pytest.mark.github, pytest.mark.registry, pytest.mark.timeout(1800)]

SLOW = (sys.executable, "-m", "tests.e2e.slow_service")
BUILD_SECONDS = 3
RELEASES = 10


@pytest.fixture
def town(tmp_path: Path, github: GitHubSandbox, postgres: Postgres) -> Iterator[Town]:
    """A town on PostgreSQL, without a service of its own; the engine of every replica has two slots and takes its time."""
    with (
        noting_builds(tmp_path, seconds=BUILD_SECONDS),
        Town(tmp_path, github=github, serve=SLOW, database=postgres.make_database()) as town,
    ):
        town.settle(engines={"local": {"workers": 1, "slots": 2}})
        yield town


def test_replicas_share_the_work_and_one_takes_over_from_the_other(town: Town) -> None:
    """Ten releases, kill -9 of one replica amid its builds: all are delivered, each once, in one pull request."""
    with Replica(town, "a") as dying, Replica(town, "b") as living:
        takeover = play_takeover(town, dying, living, releases=RELEASES)
    events = read_events(town.folder)
    starts = Counter(event.name for event in events if event.what == "start")

    verify_each_once(town, releases=RELEASES)
    assert "took over from a dead replica" in takeover.log
    # Each build once: only what died in the middle was begun again, by the one that lived.
    assert {name for name, count in starts.items() if count > 1} <= takeover.interrupted
    assert max(starts.values()) <= 2
    assert {event.replica for event in events if event.at > takeover.killed_at + 1} == {"b"}


def find_built(listed: list[dict], tags: list[str]) -> list[dict]:
    """The runs of releases: the push of a release's tag has one of its own, which leaves the build to it."""
    return [run for run in listed if run["ref"] in tags and run["state"] != "skipped"]


def test_stopped_replica_leaves_its_work_to_the_other(town: Town) -> None:
    """A rolling update: what a replica was told to stop in goes on at once elsewhere, and it may come back.

    An operator at the machine sees who is alive, and the runs of all replicas.
    """
    tags = ["v1.0", "v1.1", "v1.2"]
    with Replica(town, "b") as living:
        with Replica(town, "a") as leaving:
            publish_at(town, leaving, tags)
            wait_until(lambda: bool(find_at_work(town, leaving)), seconds=SECONDS)
        wait_until(lambda: list_replicas(town) == ["b"], seconds=SECONDS)
        leaving.start()
        publish_at(town, leaving, ["v1.3"])
        wait_for_all(town, [*tags, "v1.3"])
        settings = living.environment["HUBLISH_SETTINGS"]
        listed = run_hublish("runs list", HUBLISH_SETTINGS=settings)["result"]
        checks = run_hublish("doctor", HUBLISH_SETTINGS=settings)["result"]
        leaving.stop()
        log = living.read_log()
    (database,) = [check for check in checks if check["name"] == "database"]

    assert [run["state"] for run in town.read_runs()] == ["delivered"] * 4
    assert [len(read_answers(town, tag)) for tag in (*tags, "v1.3")] == [1] * 4
    assert "took over from a dead replica" in log
    assert [(run["state"], run["queue"]) for run in find_built(listed, tags)] == [("delivered", [])] * 3
    assert re.fullmatch(r"PostgreSQL [0-9.]+ opens; a \(alive\), b \(alive\)", database["detail"])


def test_second_process_on_sqlite_is_refused(tmp_path: Path, github: GitHubSandbox) -> None:
    """SQLite serves one process."""
    with Town(tmp_path, github=github) as town:
        town.settle(database=f"sqlite:///{tmp_path}/shared.sqlite")
        with Replica(town, "a"):
            second = Replica(town, "b")
            with pytest.raises(RuntimeError, match="several replicas need `database: postgresql://"):
                second.start()
            second.stop()
