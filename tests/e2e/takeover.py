"""Two replicas, one killed amid its builds: what has to hold, whatever engine executes them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.e2e.answers import commit_and_release, find_runs, read_answers, wait_until
from tests.sandbox.replicas import Replica
from tests.sandbox.rows import read_rows
from tests.sandbox.town import ENDED, HUB_REPO, SOURCE_REPO, Town

SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """What happened.

    Attributes:
        interrupted: builds that the dead replica had slots for.
        killed_at: seconds since the epoch.
        log: of the other one.
    """

    interrupted: frozenset[str]
    killed_at: float
    log: str


def play_takeover(
    town: Town,
    dying: Replica,
    living: Replica,
    *,
    releases: int,
    is_amid: Callable[[], bool] = lambda: True,
    go_on: Callable[[], None] = lambda: None,
    patience_seconds: float = SECONDS,
) -> Takeover:
    """Publish releases at both replicas, which run; kill one amid its builds, and wait until all runs have ended.

    Args:
        town: settled, on PostgreSQL.
        dying: gets one half of the webhooks, and kill -9.
        living: gets the other.
        releases: their number.
        is_amid: what must be so besides before one is killed.
        go_on: called once the other one has taken over.
        patience_seconds: how long each of these is waited for.
    """
    tags = make_tags(releases)
    publish_at(town, dying, tags[::2])
    publish_at(town, living, tags[1::2])
    wait_until(
        lambda: bool(find_at_work(town, dying)) and bool(find_at_work(town, living)) and is_amid(),
        seconds=patience_seconds,
    )
    dying.kill()
    killed_at = time.time()
    interrupted = find_at_work(town, dying)  # as the dead one left it
    wait_until(lambda: list_replicas(town) == [living.name], seconds=patience_seconds)
    go_on()
    wait_for_all(town, tags, seconds=patience_seconds)
    wait_until(lambda: read_rows(town.database, "select name from build_queue") == [])
    return Takeover(interrupted=interrupted, killed_at=killed_at, log=living.read_log())


def verify_each_once(town: Town, *, releases: int) -> None:
    """Assert that each release was delivered once: one run, one build, one answer, one check run; one pull request."""
    tags = make_tags(releases)

    assert [[run["state"] for run in find_runs(town, tag)] for tag in tags] == [["delivered"]] * releases
    assert [len(read_answers(town, tag)) for tag in tags] == [1] * releases
    assert [len(town.github.check_runs(SOURCE_REPO, find_commit(town, tag))) for tag in tags] == [1] * releases
    assert len(town.github.pull_requests(HUB_REPO)) == 1
    assert {row[0] for row in read_rows(town.database, "select attempt from builds")} == {1}


def make_tags(releases: int) -> list[str]:
    """Names of releases, oldest first."""
    return [f"v1.{number}" for number in range(releases)]


def publish_at(town: Town, replica: Replica, tags: list[str]) -> None:
    """Publish releases whose webhooks go to one replica."""
    town.github.set_webhook_url(f"{replica.url}/webhook")
    for tag in tags:
        commit_and_release(town, tag)
    town.github.await_deliveries()


def wait_for_all(town: Town, tags: list[str], *, seconds: float = SECONDS) -> None:
    """Wait until every release's run has ended."""
    try:
        wait_until(
            lambda: all(any(run["state"] in ENDED for run in find_runs(town, tag)) for tag in tags), seconds=seconds
        )
    except TimeoutError as error:
        logs = "\n".join(path.read_text()[-6000:] for path in sorted(town.folder.glob("*/service.log")))
        raise AssertionError(f"not all ended: {town.read_runs()}\n{logs}") from error


def find_at_work(town: Town, replica: Replica) -> frozenset[str]:
    """The builds that have a slot on a replica and were begun."""
    rows = read_rows(
        town.database,
        "select q.name, q.replica from build_queue q join builds b on b.name = q.name "
        "where q.started_at is not null and b.outcome is null",
    )
    return frozenset(name for name, place in rows if place == replica.name)


def list_replicas(town: Town) -> list[str]:
    """The replicas that are alive, or not yet known to be dead."""
    return [row[0] for row in read_rows(town.database, "select id from replicas order by id")]


def find_commit(town: Town, tag: str) -> str:
    """The commit of a tag."""
    return str(town.github.ref_sha(SOURCE_REPO, f"tags/{tag}"))
