"""Whose wheels a service builds, and by which engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hublish.bootstrap.engines import can_build_wheels, choose_runner
from hublish.core.building import BuildRequest
from hublish.core.plan import Trust
from hublish.core.reference import Reference
from hublish.core.repository import RefKind, Repository, ResolvedRef
from hublish.enginesettings import EngineSettings
from tests.unit.builders.samples import Bench
from tests.unit.builders.wheels.sdists import FakeRunner

CHROOT, CONTAINERS = FakeRunner(), FakeRunner()
LISTED = (frozenset({"org"}), CHROOT)


@pytest.fixture
def request_of_org(tmp_path) -> BuildRequest:
    return BuildRequest(
        name="b",
        plan=Bench(tmp_path).plan(),
        repository=Repository(id=7, owner="Org", name="ts", installation_id=1, default_branch="main"),
        ref=ResolvedRef(name="v1", kind=RefKind.TAG, sha="a" * 40),
        target=Reference(registry="registry.example.org", repository="team/ts", tag="b"),
    )


def test_listed_owner_is_served_by_chroot(request_of_org) -> None:
    """The first engine that may."""
    assert choose_runner(request_of_org, (LISTED, (None, CONTAINERS))) is CHROOT


@pytest.mark.parametrize("fork", [True, False])
def test_chroot_serves_neither_strangers_nor_forks(request_of_org, fork) -> None:
    """Containers serve everybody; without them nothing of a stranger is run."""
    trust = Trust.FORK if fork else Trust.OWNER
    owner = request_of_org.repository.owner if fork else "stranger"
    request = replace(
        request_of_org,
        plan=replace(request_of_org.plan, trust=trust),
        repository=replace(request_of_org.repository, owner=owner),
    )

    assert choose_runner(request, (LISTED, (None, CONTAINERS))) is CONTAINERS
    assert choose_runner(request, (LISTED,)) is None


@pytest.mark.parametrize(
    ("names", "images", "expected"),
    [
        (["local", "buildah"], {}, True),
        (["docker", "local", "tekton"], {"image": "i"}, True),
        (["local"], {}, False),
        (["tekton", "local", "buildah"], {"image": "i"}, True),
        (["tekton", "buildah"], {"image": "i"}, False),
        (["buildah"], {}, False),
        (["tekton"], {"image": "i", "build_image": "b"}, True),
        (["tekton"], {"build_image": "b"}, False),
        (["local"], {"image": "i", "build_image": "b"}, False),
    ],
)
def test_wheels_are_built_beside_layers_or_in_pods(names, images, expected) -> None:
    """Whatever comes first: an engine that cannot leaves such builds to the next."""
    assert can_build_wheels(EngineSettings(use=names, tekton=images)) == expected
