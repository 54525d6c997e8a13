"""A registry that refuses, breaks off, is full or lies: waited out, or answered clearly with no release tag set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.answers import publish, read_answers, redeliver_release
from tests.sandbox.contract import check_calls
from tests.sandbox.github import GitHubSandbox
from tests.sandbox.registry_faults import Fault, FaultProxy
from tests.sandbox.town import HUB_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry]

IS_ROOT = os.geteuid() == 0
STORAGE_BYTES = 8 << 20


@dataclass(frozen=True)
class Harbour:
    """A town whose registry is reached through a proxy that misbehaves."""

    town: Town
    proxy: FaultProxy


@pytest.fixture(scope="module")
def harbour(tmp_path_factory: pytest.TempPathFactory, github_process: GitHubSandbox) -> Iterator[Harbour]:
    github_process.reset()
    limit = STORAGE_BYTES if IS_ROOT else None
    folder = tmp_path_factory.mktemp("town")
    with (
        Town(folder, github=github_process, registry_bytes=limit) as town,
        FaultProxy(town.registry.host) as proxy,
    ):
        # Everybody, the tests included, knows the registry by the proxy's name from now on.
        town.registry.host = proxy.host
        town.settle()
        town.start_service()
        yield Harbour(town, proxy)
        town.stop_service()
    violations = check_calls(github_process.calls())
    if violations:
        pytest.fail("\n".join(("calls break GitHub's contract:", *violations)), pytrace=False)


def refuse(status: int, code: str) -> Fault:
    """A registry that turns every upload away."""
    body = f'{{"errors":[{{"code":"{code}","message":"not for you"}}]}}'.encode()
    return Fault(method="POST", path="/blobs/uploads/", times=99, status=status, body=body)


REFUSALS = {
    "no credentials": (
        refuse(401, "UNAUTHORIZED"),
        "expected 201 or 202, got 401 Unauthorized - UNAUTHORIZED: not for you.",
        "Check the credentials",
    ),
    "no permission": (refuse(403, "DENIED"), "got 403 Forbidden - DENIED: not for you.", "Check the credentials"),
    "quota": (
        Fault(method="PUT", path="/manifests/", times=99, status=507, body=b"quota"),
        "(the registry is full)",
        "nothing is lost",
    ),
    "another digest": (
        Fault(method="PUT", path="/manifests/", times=99, headers={"Docker-Content-Digest": "sha256:" + "0" * 64}),
        "sha256:" + "0" * 64,
        "",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refused_push_is_answered_and_the_next_attempt_delivers(harbour: Harbour, name: str) -> None:
    """A push that the registry turns away sets no tag; once it takes pushes again a redelivery delivers."""
    fault, message, hint = REFUSALS[name]
    tag = f"v1.{list(REFUSALS).index(name)}"
    town = harbour.town
    fault.times = 99
    harbour.proxy.add(fault)

    refused = publish(town, tag)
    tags = town.registry.tags("team/ts")
    fault.times = 0
    redeliver_release(town, tag)
    (again, delivered) = read_answers(town, tag)

    assert refused.startswith(f"**Not delivered:** `{tag}`")
    assert "RegistryFailed" in refused
    assert message in refused
    assert hint in refused
    assert tag not in tags
    assert again == refused
    assert delivered.startswith(f"**Delivered:** `{tag}`")
    assert tag in town.registry.tags("team/ts")


TROUBLES = {
    "blob cut in the middle": Fault(method="PUT", path="/blobs/uploads/", times=2, drop_after_bytes=40),
    "blob lost after it came": Fault(method="PUT", path="/blobs/uploads/", times=1, drop_answer=True),
    "blob damaged on its way": Fault(method="PUT", path="/blobs/uploads/", times=1, corrupt=True),
    "500 for a while": Fault(method="POST", path="/blobs/uploads/", times=2, status=500),
    "503 on the manifest": Fault(method="PUT", path="/manifests/", times=2, status=503),
    "429 on the tag": Fault(method="PUT", path="/manifests/v2", times=1, status=429, headers={"Retry-After": "1"}),
    "base cut in the middle": Fault(method="GET", path="/base/python/", times=1, drop_after_bytes=20),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_that_passes_is_waited_out(harbour: Harbour, name: str) -> None:
    """A registry that fails for a moment does not fail a release."""
    tag = f"v2.{list(TROUBLES).index(name)}"
    harbour.proxy.add(TROUBLES[name])

    assert publish(harbour.town, tag).startswith(f"**Delivered:** `{tag}`")
    assert TROUBLES[name].times == 0
    assert tag in harbour.town.registry.tags("team/ts")


@pytest.mark.skipif(not IS_ROOT, reason="only root can mount a small storage")
def test_full_registry_is_answered_and_the_next_attempt_delivers(harbour: Harbour) -> None:
    """A registry whose disk is full is named as such; with room again the same release is delivered."""
    town = harbour.town
    ballast = town.registry.folder / "storage" / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            while file.write(bytes(1 << 14)) == 1 << 14:
                pass
    except OSError:
        pass  # full, as wanted

    refused = publish(town, "v3.0")
    ballast.unlink()
    redeliver_release(town, "v3.0")

    assert refused.startswith("**Not delivered:** `v3.0`")
    assert "the registry is full" in refused
    assert "Free or enlarge its storage" in refused
    assert read_answers(town, "v3.0")[-1].startswith("**Delivered:** `v3.0`")


def test_hub_sees_one_pull_request_through_it_all(harbour: Harbour) -> None:
    """Refusals, repetitions and redeliveries leave one pull request, with one entry for each delivered release."""
    town = harbour.town
    (pull_request,) = town.github.pull_requests(HUB_REPO)

    assert pull_request["title"] == f"List ts {'v3.0' if IS_ROOT else 'v2.6'}"
    assert town.github.pull_requests(HUB_REPO, state="closed") == []
