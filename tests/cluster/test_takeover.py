"""kill -9 of one of two replicas in the middle of five builds in pods: all are delivered, and none was built twice."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hublish.adapters.archive import DiskArchive
from tests.cluster.access import ensure_tasks, remove_runs, write_service_kubeconfig
from tests.cluster.cluster import BASELINE, Cluster
from tests.cluster.gate import Gate
from tests.e2e.takeover import play_takeover, verify_each_once
from tests.sandbox.base_image import make_busybox_base, push_layout
from tests.sandbox.postgres import Postgres
from tests.sandbox.replicas import Replica
from tests.sandbox.rows import read_rows
from tests.sandbox.town import ENDED, SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry, pytest.mark.timeout(1800)]
RELEASES = 5
SLOTS = 2
AT_WORK = 2 * SLOTS
PATIENCE_SECONDS = 600.0
NUMBER = "number of this commit"


@pytest.fixture
def gate(cluster: Cluster) -> Iterator[Gate]:
    with Gate(cluster.host_address) as gate:
        yield gate


@pytest.fixture
def tekton(cluster: Cluster, build_image: str, tmp_path: Path) -> dict[str, Any]:
    """The settings of the engine."""
    ensure_tasks(cluster)
    write_service_kubeconfig(cluster, tmp_path / "kubeconfig")
    return {"kubeconfig": str(tmp_path / "kubeconfig"), "build_image": build_image, "slots": SLOTS}


@pytest.fixture
def town(cluster: Cluster, cluster_github, tekton, postgres: Postgres, gate: Gate) -> Iterator[Town]:
    """A town on PostgreSQL whose Dockerfile builds run in the cluster, and wait at the gate in their RUN."""
    database = postgres.make_database()
    folder = Path(tekton["kubeconfig"]).parent
    with Town(folder, github=cluster_github, address=cluster.host_address, database=database) as town:
        town.settle(engines={"use": ["tekton"], "tekton": tekton})
        push_layout(make_busybox_base(folder / "busybox"), town.registry.host, "base/busybox", "1")
        town.github.commit_files(SOURCE_REPO, make_files(town, gate), message="a Dockerfile")
        yield town
    remove_runs(cluster)


def make_files(town: Town, gate: Gate) -> dict[str, str]:
    """The build of the n-th release knows its number, for each release adds a note; it tells the gate."""
    image = {"name": town.image, "tags": ["{release}"]}
    config = {"version": 1, "image": image, "strategy": "dockerfile", "hubs": ["demo"]}
    dockerfile = (
        f"FROM {town.registry.host}/base/busybox:1\n"
        "COPY notes /notes\n"
        f"RUN number=$(ls /notes | wc -l); echo {NUMBER} $number; {gate.render_call('$number')} > /made\n"
        'CMD ["jupyterhub-singleuser"]\n'
    )
    return {".hublish.yaml": yaml.safe_dump(config), "Dockerfile": dockerfile}


def list_pods(cluster: Cluster) -> dict[str, list[str]]:
    """PipelineRun -> ids of its pods."""
    found: dict[str, list[str]] = {}
    for pod in cluster.kubectl.list("pods", BASELINE, selector="hublish.dev/strategy=dockerfile"):
        found.setdefault(pod["metadata"]["labels"]["tekton.dev/pipelineRun"], []).append(pod["metadata"]["uid"])
    return found


def are_at_gate(cluster: Cluster, town: Town, gate: Gate) -> bool:
    """Whether as many builds wait in their RUN as have slots, and have nothing more to say for now."""
    # One that ended before will never come.
    assert [run for run in town.read_runs() if run["state"] in ENDED] == [], town.read_runs()
    return len(gate.callers) == AT_WORK and all(is_log_kept(cluster, town, name) for name in list_pods(cluster))


def is_log_kept(cluster: Cluster, town: Town, build: str) -> bool:
    """Whether the reader of a build's log has noted that it came to the last line that the Step build printed."""
    cursor = town.folder / "logs" / ".pods" / f"{build}.json"
    options = ("-c", "step-build", "--timestamps", "--tail=1")
    last = cluster.kubectl.run("logs", f"{build}-build-pod", "-n", BASELINE, *options).partition(" ")[0]
    return cursor.exists() and json.loads(cursor.read_text())[:2] == [1, last]


def test_builds_of_a_killed_replica_are_taken_over_and_built_once(cluster, town, gate) -> None:
    """Four builds wait in their RUN and one for a slot when a replica is killed; the other one adopts the pods as they are."""
    before: dict[str, list[str]] = {}
    with Replica(town, "a") as dying, Replica(town, "b") as living:

        def look_and_open() -> None:
            before.update(list_pods(cluster))
            gate.open()

        takeover = play_takeover(
            town,
            dying,
            living,
            releases=RELEASES,
            is_amid=lambda: are_at_gate(cluster, town, gate),
            go_on=look_and_open,
            patience_seconds=PATIENCE_SECONDS,
        )
    after = list_pods(cluster)
    builds = {row[0] for row in read_rows(town.database, "select name from builds")}
    one_each = dict.fromkeys(builds, 1)

    verify_each_once(town, releases=RELEASES)
    assert "took over from a dead replica" in takeover.log
    assert (len(takeover.interrupted), len(before), len(builds)) == (SLOTS, AT_WORK, RELEASES)
    # No RUN was run twice, and no pod took another's place.
    assert Counter(gate.callers) == {str(number): 1 for number in range(1, RELEASES + 1)}
    assert {name: len(pods) for name, pods in after.items()} == one_each
    assert {name: after[name] for name in before} == before
    # The reader that took over went on where the dead one had stopped.
    assert count_lines(town, builds, r"PipelineRun \S+") == one_each
    assert count_lines(town, builds, rf"{NUMBER} \d") == one_each


def count_lines(town: Town, builds: set[str], pattern: str) -> dict[str, int]:
    """Build -> how often a line stands in its log."""
    archive = DiskArchive(town.folder / "logs")
    return {
        name: sum(re.fullmatch(rf"[\d:]+ {pattern}", line.text) is not None for line in archive.read_lines(name))
        for name in builds
    }
