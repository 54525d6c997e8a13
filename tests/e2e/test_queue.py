"""The queue before the engine: two slots, ten builds of two owners, and everybody knows where their build stands."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.answers import commit_and_release, find_runs, wait_for_ref, wait_until
from tests.e2e.build_events import BuildEvent, noting_builds, open_gate, read_events
from tests.e2e.command_line import run_hublish
from tests.sandbox.github import GitHubSandbox
from tests.sandbox.rows import read_rows
from tests.sandbox.town import Town

pytestmark = [pytest.mark.github, pytest.mark.registry, pytest.mark.timeout(1800)]

SLOW = (sys.executable, "-m", "tests.e2e.slow_service")
SECONDS = 600.0
SLOTS = 2
TAGS = [f"v1.{number}" for number in range(9)]
OTHER_REPO, OTHER_TAG = "bell/notes", "b1.0"


@pytest.fixture
def town(tmp_path: Path, github: GitHubSandbox) -> Iterator[Town]:
    """A town with a repository of a second owner; no build ends before the gate is open."""
    with noting_builds(tmp_path, seconds=0.5, gated=True), Town(tmp_path, github=github, serve=SLOW) as town:
        host = town.registry.host
        registries = {host: {"plain_http": True, "namespaces": {"octocat": ["team"], "bell": ["bell"]}}}
        town.settle(engines={"local": {"workers": 1, "slots": SLOTS}}, registries=registries)
        image = {"name": f"{host}/bell/notes", "tags": ["{release}"]}
        github.create_repo(OTHER_REPO, files=town.make_source_files(image=image, hubs=[]))
        town.start_service()
        yield town


def test_owners_take_turns_at_the_slots(town: Town) -> None:
    """Nine builds of one owner and then one of another: the other one's is the next to start, and all are delivered.

    Meanwhile the progress comment, the run's page and the command line say where a build stands.
    """
    for tag in TAGS:
        commit_and_release(town, tag)
    wait_until(lambda: len(list_queue(town)) == len(TAGS) and count_running(town) == SLOTS, seconds=SECONDS)
    town.github.publish_release(OTHER_REPO, OTHER_TAG)
    wait_until(lambda: len(list_queue(town)) == len(TAGS) + 1, seconds=SECONDS)
    queue = list_queue(town)
    (other,) = set(queue) - set(list_queue(town, owner="octocat"))
    expected = f"notes waits for a slot, position 1 of {len(queue) - SLOTS}"
    places = read_places(town, expected)
    open_gate(town.folder)
    for tag in (*TAGS, OTHER_TAG):
        wait_for_ref(town, tag, seconds=SECONDS)
    wait_until(lambda: list_queue(town) == [])
    events = read_events(town.folder)
    started = dict(read_rows(town.database, "select name, started_at from builds"))

    # When each got its slot; two that got theirs at once may begin in any order.
    assert [started[name] for name in queue] == sorted(started.values())
    assert sorted(event.name for event in events if event.what == "start") == sorted(queue)
    assert queue.index(other) == SLOTS
    assert find_most_at_once(events) == SLOTS
    assert [place.startswith(expected) for place in places] == [True] * 3, places
    assert {run["state"] for tag in (*TAGS, OTHER_TAG) for run in find_runs(town, tag)} == {"delivered"}


def list_queue(town: Town, *, owner: str = "%") -> list[str]:
    """The builds that run and those that wait, in the order in which they get their slots."""
    query = f"select name from build_queue where owner like '{owner}' order by started_at is null, turn, entered_at"
    return [row[0] for row in read_rows(town.database, query)]


def count_running(town: Town) -> int:
    """How many builds have a slot."""
    return len(read_rows(town.database, "select name from build_queue where started_at is not null"))


def read_places(town: Town, expected: str) -> tuple[str, str, str]:
    """Where the other owner's build stands, by the progress comment, the run's page and the command line.

    The comment is edited now and then: it is waited for until it says what is expected.
    """
    (run,) = find_runs(town, OTHER_TAG)
    sha = str(town.github.ref_sha(OTHER_REPO, f"tags/{OTHER_TAG}"))

    def read_comment() -> str:
        bodies = [comment["body"] for comment in town.github.commit_comments(OTHER_REPO, sha)]
        return next((body[body.index("notes waits") :] for body in bodies if "notes waits" in body), "")

    wait_until(lambda: read_comment().startswith(expected), seconds=SECONDS)
    page = town.get(f"/runs/{run['id']}")[1]
    settings = str(town.folder / "settings.yaml")
    (listed,) = run_hublish("runs show", run["id"], HUBLISH_SETTINGS=settings)["result"]["queue"]
    place = f"{listed['image']} waits for a slot, position {listed['position']} of {listed['waiting']}"
    return read_comment(), f"notes {page[page.index('waits for a slot') :]}", place


def find_most_at_once(events: list[BuildEvent]) -> int:
    """How many builds ran at the same time at most."""
    running = most = 0
    for event in events:
        running += 1 if event.what == "start" else -1
        most = max(most, running)
    return most
