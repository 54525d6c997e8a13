"""The registry as the cache of pods: what one pod made the next one takes, by the service's signature and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from hublish.bootstrap.caches import make_caches
from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.builders.layerindex.registry import CACHE_TAG
from hublish.builders.layerindex.reported import RecordKeeper
from hublish.core.building import BuildSucceeded
from hublish.core.podlines import LayerRecords
from hublish.engines.runs import find_owner
from hublish.oci.manifest import make_digest
from tests.e2e.podsteps import Pod, read_messages
from tests.sandbox.town import SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry, pytest.mark.timeout(600)]
STEPS = ("fetch", "build", "push")
TAKEN = "wheels that are needed: 0; layers of packages from earlier builds: 4 of 4"


def open_caches(town: Town, *, disk: str, key: Path | None = None) -> OwnerCaches:
    """What a service has on a disk of that name, with the key of the town's unless another is named."""
    key_file = key or town.folder / "data" / "cache-key.pem"
    return make_caches(town.folder / disk, images=town.make_registry(), key_file=key_file)


def run_pod(town: Town, *, caches: OwnerCaches, folder: str, repository: str) -> list[str]:
    """Run a build's Steps in a folder that is empty before; returns all they printed."""
    (town.folder / folder).mkdir()
    pod = Pod(town, town.folder / folder, repository=repository, index_keys=caches.public_keys)
    return [line for step in STEPS for line in pod.start(step)]


@pytest.fixture
def built_town(town: Town) -> Town:
    """A town whose service built a release in its own process."""
    town.github.publish_release(SOURCE_REPO, "v1.0")
    town.wait_for_runs()
    town.index.calls.clear()
    return town


def test_pod_takes_what_the_service_signed(built_town: Town) -> None:
    """With the public key alone a pod asks no index and makes no layer of packages; the image is the same."""
    town = built_town
    lines = run_pod(town, caches=open_caches(town, disk="one"), folder="pod", repository="team/ts")

    assert TAKEN in lines
    assert town.index.calls == []
    assert "4 layers of packages: 0 made, 4 kept from earlier builds" in lines
    assert town.registry.manifest_bytes("team/ts", "steps") == town.registry.manifest_bytes("team/ts", "v1.0")


def test_pod_takes_what_another_pod_found_out_once_the_service_signed_it(built_town: Town) -> None:
    """The second build of a lock downloads no wheel; the pod itself leaves nothing that anybody believes."""
    town = built_town
    caches = open_caches(town, disk="service", key=town.folder / "other-key.pem")
    first = run_pod(town, caches=caches, folder="first", repository="team/pods")
    first_calls = len(town.index.calls)
    tags = town.registry.tags("team/pods")
    keep_records(town, first, caches=caches)
    town.index.calls.clear()
    second = run_pod(town, caches=caches, folder="second", repository="team/pods")

    assert first_calls > 0
    assert "4 layers of packages: 4 made, 0 kept from earlier builds" in first
    assert CACHE_TAG not in tags
    assert TAKEN in second
    assert town.index.calls == []
    assert make_digest(town.registry.manifest_bytes("team/pods", "steps")) == read_digest(second)


def keep_records(town: Town, lines: list[str], *, caches: OwnerCaches) -> None:
    """Do what the engine does when a pod's run ended."""
    messages = read_messages("\n".join(lines))
    (records,) = (message for message in messages if isinstance(message, LayerRecords))
    registry = town.make_registry()
    pod = Pod(town, town.folder, repository="team/pods")
    assert pod.request.target is not None
    log: list[str] = []
    RecordKeeper(caches=caches, images=registry, output=registry).keep(
        records,
        pod.request.plan,
        image=pod.request.target.with_digest(read_digest(lines)),
        owner=find_owner(pod.request),
        log=log.append,
    )
    assert log == [f"layer index written to {town.registry.host}/team/pods:hublish-cache"]


def read_digest(lines: list[str]) -> str:
    """The digest that the Step push said."""
    (succeeded,) = (message for message in read_messages("\n".join(lines)) if isinstance(message, BuildSucceeded))
    return succeeded.digest
