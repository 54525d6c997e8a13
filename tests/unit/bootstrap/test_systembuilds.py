"""Which engine installs packages for whom, and what becomes of an installation that does not end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from hublish.bootstrap.systembuilds import (
    ServedBackend,
    SystemBuilder,
    SystemBuilders,
    make_system_builders,
    serves,
)
from hublish.builders.containers.containerrun import ContainerJob
from hublish.core.plan import Trust
from hublish.core.reference import Reference
from hublish.errors import BuildFailed, EngineFailed, RunCancelled
from tests.fakes import TINY_BASE, FakeImages, make_tar

BASE = Reference(registry="registry.example.org", repository="base/python", tag="3.11")
TARGET = Reference(registry="registry.example.org", repository="team/hublish-base-1", tag="base")
STOPPING = threading.Event()


@dataclass
class Slow:
    """A backend whose build goes on until it is stopped."""

    act: Callable[[], None]

    def verify_container(self, container: object) -> None:
        pass

    def ensure_base(self, *_: object, **__: object) -> None:
        """There."""

    def has_image(self, _: Reference) -> bool:
        return False

    def build(self, job: ContainerJob) -> None:
        job.verify_running()
        self.act()
        job.verify_running()
        raise AssertionError("the build was not stopped")


def install(builder: SystemBuilder, base: Reference, *, verify_running: Callable[[], None] = lambda: None) -> str:
    """Install two packages into a base."""
    return builder.build(
        base,
        ("tree", "curl"),
        platform="linux/amd64",
        user="",
        target=TARGET,
        name="base-1",
        log=lambda _: None,
        verify_running=verify_running,
    )


class Pods:
    """Stands in for what installs packages in pods."""


def make_builders(
    names: Sequence[str],
    backends: Sequence[ServedBackend],
    images: FakeImages,
    folder: Path,
    *,
    pods: Pods | None = None,
) -> SystemBuilders:
    """Make the builders of a service with a limit of a minute."""
    return make_system_builders(
        names, backends, pods=pods, registry=images, folder=folder, build_seconds=60, stopping=STOPPING
    )


@pytest.fixture
def images() -> FakeImages:
    images = FakeImages()
    images.add_image(BASE, [make_tar(TINY_BASE)])
    return images


def test_installation_that_takes_too_long_is_stopped(images: FakeImages, tmp_path: Path) -> None:
    """By the operator's limit of a build; nothing of it stays."""
    now = [0.0]
    backend = Slow(lambda: now.__setitem__(0, 61.0))
    builder = SystemBuilder(
        backend=backend, registry=images, folder=tmp_path / "tasks", seconds=60, clock=lambda: now[0]
    )
    base = BASE.with_digest(images.fetch_manifest(BASE).digest)

    with pytest.raises(BuildFailed, match=r"system\.apt: installing tree, curl took longer than 60 seconds"):
        install(builder, base)
    assert list((tmp_path / "tasks").iterdir()) == []
    assert images.fetch_manifest(TARGET) is None


def test_service_that_stops_ends_an_installation(images: FakeImages, tmp_path: Path) -> None:
    """At once, and so that it is tried again; none begins after that."""
    now = [0.0]
    stopping = threading.Event()

    def stop() -> None:
        stopping.set()
        now[0] = 5.0

    builder = SystemBuilder(
        backend=Slow(stop), registry=images, folder=tmp_path / "tasks", seconds=60, stopping=stopping,
        clock=lambda: now[0],
    )  # fmt: skip
    base = BASE.with_digest(images.fetch_manifest(BASE).digest)

    for _ in range(2):
        with pytest.raises(EngineFailed, match="this service stops") as caught:
            install(builder, base)
        assert caught.value.transient
    assert list((tmp_path / "tasks").iterdir()) == []


def test_run_that_is_cancelled_ends_its_installation(images: FakeImages, tmp_path: Path) -> None:
    """With the word of whoever asked, and the next one may begin."""
    now = [0.0]
    builder = SystemBuilder(
        backend=Slow(lambda: now.__setitem__(0, 5.0)), registry=images, folder=tmp_path / "tasks", seconds=60,
        clock=lambda: now[0],
    )  # fmt: skip
    base = BASE.with_digest(images.fetch_manifest(BASE).digest)

    def verify() -> None:
        if now[0]:
            raise RunCancelled("octocat cancelled this.")

    for _ in range(2):
        now[0] = 0.0
        with pytest.raises(RunCancelled, match="octocat cancelled this"):
            install(builder, base, verify_running=verify)


def test_first_engine_that_serves_the_owner_installs(images: FakeImages, tmp_path: Path) -> None:
    """In the operator's order, by the limit that is lower."""
    backends = [
        ServedBackend(name=name, owners=owners, slots=1, backend=Slow(lambda: None))
        for name, owners in (("buildah", frozenset({"org"})), ("docker", None))
    ]
    builders = make_builders(("buildah", "docker"), backends, images, tmp_path)
    found = [
        builders.find(owner, trust) for owner, trust in (("Org", Trust.OWNER), ("Org", Trust.FORK), ("x", Trust.OWNER))
    ]

    assert [builder.backend for builder in found] == [
        backend.backend for backend in (backends[0], backends[1], backends[1])
    ]
    assert found[0].seconds == 60
    assert make_builders(("buildah",), backends[:1], images, tmp_path).find("x", Trust.OWNER) is None


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("tekton", "docker"), ["pods", "pods", "pods"]),
        (("docker", "tekton"), ["docker", "docker", "docker"]),
        (("buildah", "tekton"), ["buildah", "pods", "pods"]),
        (("local",), [None, None, None]),
    ],
)
def test_pods_install_where_the_operator_names_them_first(
    images: FakeImages, tmp_path: Path, names: tuple[str, ...], expected: list[str | None]
) -> None:
    """For everybody whom no engine before them serves."""
    pods = Pods()
    owners = {"docker": None, "buildah": frozenset({"org"})}
    backends = [
        ServedBackend(name=name, owners=owners[name], slots=1, backend=Slow(lambda: None))
        for name in names
        if name in owners
    ]
    builders = make_builders(names, backends, images, tmp_path, pods=pods)
    known = {id(pods): "pods", **{id(backend.backend): backend.name for backend in backends}}
    asked = (("org", Trust.OWNER), ("org", Trust.FORK), ("x", Trust.OWNER))
    found = [builders.find(owner, trust) for owner, trust in asked]

    assert [None if item is None else known[id(getattr(item, "backend", item))] for item in found] == expected


@pytest.mark.parametrize(
    ("owners", "trust", "expected"),
    [
        (None, Trust.FORK, True),
        (frozenset({"org"}), Trust.PULL_REQUEST, True),
        (frozenset({"org"}), Trust.FORK, False),
        (frozenset({"other"}), Trust.OWNER, False),
        (frozenset(), Trust.OWNER, False),
    ],
)
def test_engine_serves_whom_the_operator_lists(owners: frozenset[str] | None, trust: Trust, expected: bool) -> None:
    """And never a fork, unless it serves everybody."""
    assert serves(owners, owner="Org", trust=trust) is expected
