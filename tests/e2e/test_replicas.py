"""Two processes of the service over one PostgreSQL: they share the work, and one goes on where the other died."""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.answers import commit_and_release, find_runs, read_answers, wait_until
from tests.e2e.command_line import run_hublish
from tests.sandbox.github import GitHubSandbox
from tests.sandbox.postgres import Postgres
from tests.sandbox.replicas import Replica
from tests.sandbox.rows import read_rows
from tests.sandbox.town import ENDED, HUB_REPO, SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry, pytest.mark.timeout(420)]

SLOW = (sys.executable, "-m", "tests.e2e.slow_service")
SECONDS = 240.0
TAKEOVER_SECONDS = 10.0
"""Two looks a second apart on a quiet machine; tests share theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildEvent:
    """One line of what the engines noted."""

    at: float
    replica: str
    what: str
    name: str


@pytest.fixture
def town(tmp_path: Path, github: GitHubSandbox, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """A town on PostgreSQL, without a service of its own; the engine of every replica has two slots and takes its time."""
    monkeypatch.setenv("HUBLISH_TEST_BUILDS", str(tmp_path / "builds.txt"))
    monkeypatch.setenv("HUBLISH_TEST_BUILD_SECONDS", "4")
    with Town(tmp_path, github=github, serve=SLOW, database=postgres.make_database()) as town:
        town.settle(engines={"local": {"workers": 1, "slots": 2}})
        yield town


def read_builds(town: Town) -> list[BuildEvent]:
    """What the engines of all replicas noted, in order."""
    file = town.folder / "builds.txt"
    lines = file.read_text().splitlines() if file.exists() else []
    return [
        BuildEvent(at=float(at), replica=replica, what=what, name=name)
        for at, replica, what, name in (line.split() for line in lines)
    ]


def publish(town: Town, replica: Replica, tags: list[str]) -> None:
    """Publish releases whose webhooks go to one replica."""
    town.github.set_webhook_url(f"{replica.url}/webhook")
    for tag in tags:
        commit_and_release(town, tag)
    town.github.await_deliveries()


def wait_for_all(town: Town, tags: list[str]) -> None:
    """Wait until every release's run has ended."""
    try:
        wait_until(
            lambda: all(any(run["state"] in ENDED for run in find_runs(town, tag)) for tag in tags), seconds=SECONDS
        )
    except TimeoutError as error:
        logs = "\n".join(path.read_text()[-6000:] for path in sorted(town.folder.glob("*/service.log")))
        raise AssertionError(f"not all ended: {town.read_runs()}\n{read_builds(town)}\n{logs}") from error


def test_replicas_share_the_work_and_one_takes_over_from_the_other(town: Town) -> None:
    """Ten releases, kill -9 of one replica amid its builds: all are delivered, each once, in one pull request."""
    first, second = [f"v1.{number}" for number in range(5)], [f"v2.{number}" for number in range(5)]
    with Replica(town, "a") as dying, Replica(town, "b") as living:
        publish(town, dying, first)
        publish(town, living, second)
        wait_until(lambda: {event.replica for event in read_builds(town)} == {"a", "b"}, seconds=SECONDS)
        wait_until(lambda: find_open(town, "a") != set(), seconds=SECONDS)
        dying.kill()
        killed_at = time.time()
        interrupted = find_open(town, "a")
        wait_until(lambda: read_replicas(town) == ["b"], seconds=SECONDS)
        taken_over_seconds = time.time() - killed_at
        wait_for_all(town, first + second)
        wait_until(lambda: read_rows(town.database, "select name from build_queue") == [])
        log = living.read_log()
    events = read_builds(town)
    starts = Counter(event.name for event in events if event.what == "start")

    assert [[run["state"] for run in find_runs(town, tag)] for tag in first + second] == [["delivered"]] * 10
    assert [len(read_answers(town, tag)) for tag in first + second] == [1] * 10
    assert [len(town.github.check_runs(SOURCE_REPO, str(sha_of(town, tag)))) for tag in first + second] == [1] * 10
    assert len(town.github.pull_requests(HUB_REPO)) == 1
    assert "took over from a dead replica" in log
    assert taken_over_seconds < TAKEOVER_SECONDS
    # Each build once: only what died in the middle was begun again, by the one that lived.
    assert {name for name, count in starts.items() if count > 1} <= interrupted
    assert max(starts.values()) <= 2
    assert {row[0] for row in read_rows(town.database, "select attempt from builds")} == {1}
    assert {event.replica for event in events if event.at > killed_at + 1} == {"b"}


def find_open(town: Town, replica: str) -> set[str]:
    """The builds that a replica has begun and not ended."""
    events = [event for event in read_builds(town) if event.replica == replica]
    return {e.name for e in events if e.what == "start"} - {e.name for e in events if e.what == "end"}


def read_replicas(town: Town) -> list[str]:
    return [row[0] for row in read_rows(town.database, "select id from replicas order by id")]


def sha_of(town: Town, tag: str) -> str | None:
    return town.github.ref_sha(SOURCE_REPO, f"tags/{tag}")


def test_stopped_replica_leaves_its_work_to_the_other(town: Town) -> None:
    """A rolling update: what a replica was told to stop in goes on at once elsewhere, and it may come back."""
    with Replica(town, "b") as living:
        with Replica(town, "a") as leaving:
            publish(town, leaving, ["v1.0", "v1.1", "v1.2"])
            wait_until(lambda: find_open(town, "a") != set(), seconds=SECONDS)
        wait_until(lambda: read_replicas(town) == ["b"], seconds=SECONDS)
        leaving.start()
        publish(town, leaving, ["v1.3"])
        wait_for_all(town, ["v1.0", "v1.1", "v1.2", "v1.3"])
        back = read_replicas(town)
        leaving.stop()
        log = living.read_log()

    assert [run["state"] for run in town.read_runs()] == ["delivered"] * 4
    assert [len(read_answers(town, tag)) for tag in ("v1.0", "v1.1", "v1.2", "v1.3")] == [1] * 4
    assert back == ["a", "b"]
    assert "took over from a dead replica" in log


def test_second_process_of_a_name_is_refused(town: Town) -> None:
    """Two replicas that call themselves the same would take each other's work; the message says what to change."""
    with Replica(town, "a"):
        twin = Replica(town, "b", executor_id="a")
        with pytest.raises(RuntimeError, match="another process runs as the replica a"):
            twin.start()
        twin.stop()


def test_second_process_on_sqlite_is_refused(tmp_path: Path, github: GitHubSandbox) -> None:
    """SQLite serves one process."""
    with Town(tmp_path, github=github) as town:
        town.settle(database=f"sqlite:///{tmp_path}/shared.sqlite")
        with Replica(town, "a"):
            second = Replica(town, "b")
            with pytest.raises(RuntimeError, match="several replicas need `database: postgresql://"):
                second.start()
            second.stop()


def test_doctor_and_runs_know_the_replicas(town: Town) -> None:
    """An operator at the machine sees who is alive, and the runs of all replicas."""
    with Replica(town, "a") as replica:
        publish(town, replica, ["v1.0"])
        wait_for_all(town, ["v1.0"])
        settings = replica.environment["HUBLISH_SETTINGS"]
        (run,) = [run for run in run_hublish("runs list", HUBLISH_SETTINGS=settings)["result"] if run["ref"] == "v1.0"]
        checks = run_hublish("doctor", HUBLISH_SETTINGS=settings)["result"]
    (database,) = [check for check in checks if check["name"] == "database"]

    assert (run["state"], run["queue"]) == ("delivered", [])
    assert re.fullmatch(r"PostgreSQL [0-9.]+ opens; a \(alive\)", database["detail"])
