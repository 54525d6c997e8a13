"""Bases with system packages: what is run, what is kept, and how apt's refusal is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hublish.builders.containers.containerrun import ContainerBackend, ContainerJob
from hublish.builders.containers.systembase import SystemBaseFolder, make_system_plan
from hublish.core.plan import make_build_key
from hublish.core.reference import Reference
from hublish.errors import BaseUnsupported, BuildFailed, StrategyUnavailable
from tests.fakes import TINY_BASE, FakeImages, make_tar

BASE = Reference(registry="registry.example.org", repository="base/python", tag="3.11")
PINNED = Reference(registry="registry.example.org", repository="base/python", digest="sha256:" + "a" * 64)


@dataclass
class Refusing:
    """A backend whose builds print something and fail."""

    prints: tuple[str, ...]
    jobs: list[ContainerJob] = field(default_factory=list)
    message: str = "the build failed at step 2 of 2: exit status 100"

    def verify_container(self, container: object) -> None:
        pass

    def ensure_base(self, *_: object, **__: object) -> None:
        """There."""

    def has_image(self, _: Reference) -> bool:
        return False

    def build(self, job: ContainerJob) -> None:
        self.jobs.append(job)
        for line in self.prints:
            job.log(line)
        raise BuildFailed(self.message)


@pytest.fixture
def images() -> FakeImages:
    images = FakeImages()
    images.add_image(BASE, [make_tar(TINY_BASE)])
    return images


@pytest.fixture
def lines() -> list[str]:
    return []


def open_folder(
    images: FakeImages, folder: Path, backend: Refusing | None, lines: list[str], added: list[Path] | None = None
) -> SystemBaseFolder:
    def open_backend(_: Callable[[str], None]) -> ContainerBackend:
        if backend is None:
            raise StrategyUnavailable("no engine")
        return backend

    def add_layout(place: Path) -> Reference:
        if added is not None:
            added.append(place)
        return PINNED

    return SystemBaseFolder(
        open_backend=open_backend, images=images, make_layout=lambda _: images, add_layout=add_layout, folder=folder,
        log=lines.append,
    )  # fmt: skip


def ensure(systems: SystemBaseFolder, images: FakeImages, *packages: str, user: str = "") -> Reference:
    base = BASE.with_digest(images.fetch_manifest(BASE).digest)
    return systems.ensure_base(base, packages, platform="linux/amd64", user=user)


def test_packages_are_installed_by_one_step() -> None:
    """Sorted, after `--`, so that none is read as an option; the user of the base stays."""
    plan = make_system_plan(PINNED, ("tree", "g++=4:12.2.0-3"), platform="linux/amd64", user="1001:0")
    first, root, run, last = plan.container.dockerfile_text.splitlines()

    assert (first, root, last) == (f"FROM {PINNED}", "USER 0:0", "USER 1001:0")
    assert json.loads(run.removeprefix("RUN "))[:2] == ["/bin/sh", "-euc"]
    assert "apt-get install -q -y --no-install-recommends -- g++=4:12.2.0-3 tree\n" in json.loads(run[4:])[2]
    other = make_system_plan(PINNED, ("tree",), platform="linux/amd64", user="")
    assert [line.split()[0] for line in other.container.dockerfile_text.splitlines()] == ["FROM", "RUN"]
    assert make_build_key(plan) != make_build_key(other)


def test_strange_user_of_a_base_is_refused() -> None:
    """It would stand in a Dockerfile."""
    with pytest.raises(BaseUnsupported, match="not one that a build can change back to"):
        make_system_plan(PINNED, ("tree",), platform="linux/amd64", user="a\nRUN evil")


def test_base_of_an_earlier_build_is_taken(images, tmp_path, lines) -> None:
    """By base, platform and list in any order; nothing is run."""
    added: list[Path] = []
    systems = open_folder(images, tmp_path, Refusing(()), lines, added)
    with pytest.raises(BuildFailed):
        ensure(systems, images, "tree", "curl")
    assert list(tmp_path.iterdir()) == []
    (key,) = {backend_key(images, tmp_path, lines, order) for order in (("tree", "curl"), ("curl", "tree"))}
    (tmp_path / key).mkdir()
    (tmp_path / key / "index.json").write_text("{}")

    assert ensure(systems, images, "curl", "tree") == PINNED
    assert added == [tmp_path / key]
    assert lines[-1] == "the base with curl, tree is the one of an earlier build"


def backend_key(images: FakeImages, folder: Path, lines: list[str], packages: tuple[str, ...]) -> str:
    backend = Refusing(())
    with pytest.raises(BuildFailed):
        ensure(open_folder(images, folder, backend, lines), images, *packages)
    return str(backend.jobs[0].image.tag).rpartition("-")[0]


def test_refusal_of_apt_is_told(images, tmp_path, lines) -> None:
    """Its own words make the message; the end of its output is shown, without secrets."""
    prints = ("Get:1 https://me:secret@host/ x", "E: Unable to locate package nothing", "installed: x 1")
    with pytest.raises(BuildFailed) as caught:
        ensure(open_folder(images, tmp_path, Refusing(prints), lines), images, "nothing")

    assert caught.value.message == "system.apt: nothing cannot be installed: Unable to locate package nothing"
    assert "Get:1 https://***@host/ x" in lines
    assert list(tmp_path.iterdir()) == []


def test_failure_without_words_of_apt_is_told_without_the_script(images, tmp_path, lines) -> None:
    """A base that has no apt, for one; another reason of the engine's stays as it is."""
    with pytest.raises(BuildFailed) as caught:
        ensure(open_folder(images, tmp_path, Refusing(("sh: apt-get: not found",)), lines), images, "tree")
    backend = Refusing((), message="the build needed more memory than 64 MiB")
    with pytest.raises(BuildFailed) as other:
        ensure(open_folder(images, tmp_path, backend, lines), images, "tree")

    assert caught.value.message == "system.apt: tree cannot be installed: exit status 100"
    assert "sh: apt-get: not found" in lines
    assert other.value.message == backend.message


def test_engine_tells_whether_packages_can_be_installed(images, tmp_path, lines) -> None:
    """Asked when a config names some."""
    answers = [open_folder(images, tmp_path, backend, lines).can_build() for backend in (Refusing(()), None)]

    assert answers == [True, False]
