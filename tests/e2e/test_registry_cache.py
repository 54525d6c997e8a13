"""The registry as the cache, by the command line against a real registry: empty disks, siblings, other keys."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command_line import build, write_repository
from tests.sandbox.base_image import make_tiny_base
from tests.sandbox.index import PackageIndexSandbox
from tests.sandbox.registry import Registry
from tests.sandbox.wheels import PLACEHOLDER_SOURCE

pytestmark = [pytest.mark.registry]

PACKAGES = {"jupyterhub": "5.3.0", "jupyterlab": "4.4.0", "pip": "25.2", "one": "1.0", "two": "1.0"}


class Place:
    """A registry, an index, a base and a key; each build names its own disk."""

    def __init__(self, folder: Path, registry: Registry, index: PackageIndexSandbox) -> None:
        self.folder = folder
        self.registry = registry
        self.index = index
        self.base = make_tiny_base(folder / "base")

    def write(self, name: str, packages: dict[str, str]) -> Path:
        """Write a repository."""
        return write_repository(self.folder / name, *self.index.make_lock(packages))

    def build(self, repository: Path, *arguments: object, disk: str, image: str = "team/ts", key: str = "key") -> Any:
        """Build and push it; returns the result."""
        return build(
            repository,
            *("--base", f"oci:{self.base}", "--push", f"{self.registry.host}/{image}:v1"),
            *("--cache", self.folder / disk, "--cache-key", self.folder / f"{key}.pem"),
            *("--index-map", f"{PLACEHOLDER_SOURCE}={self.index.url}"),
            *("--plain-http", self.index.host, "--plain-http", self.registry.host),
            *arguments,
        )

    def requests(self) -> list[tuple[str, str]]:
        """Method and path of every request the registry has answered."""
        log = (self.registry.folder / "registry.log").read_text()
        return re.findall(r'http\.request\.method=(\S+) .*?http\.request\.uri="?(\S+?)"? ', log)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with (
        Registry.start(tmp_path / "registry") as registry,
        PackageIndexSandbox.start(tmp_path / "index") as index,
    ):
        index.add_notebook_packages()
        for name in ("one", "two"):
            index.add_wheel(name, "1.0", {f"{name}/data.bin": os.urandom(1 << 20), f"{name}/__init__.py": "x = 1\n"})
        yield Place(tmp_path, registry, index)


def transfers(result: Any) -> dict[str, str]:
    return {layer["title"]: layer["transfer"] for layer in result["layers"]}


def test_empty_disk_builds_without_the_index(place: Place) -> None:
    """The second builder has nothing but the key: the index is down, and the image is the same but for its source."""
    repository = place.write("ts", PACKAGES)
    first = place.build(repository, disk="one")
    place.index.stop()

    same = place.build(repository, disk="two")
    (repository / "notebook.ipynb").write_text('{"cells": [1]}\n')
    changed = place.build(repository, disk="three")

    assert same["digest"] == first["digest"]
    assert set(transfers(same).values()) == {"present"}
    assert {title for title, way in transfers(changed).items() if way != "present"} == {"source"}
    assert stat.S_IMODE((place.folder / "key.pem").stat().st_mode) == 0o600


def test_cache_stands_beside_the_image(place: Place) -> None:
    """A registry takes the artifact as it is, and shows it under its tag, beside the image and its bill of materials."""
    image = place.build(place.write("ts", PACKAGES), disk="one")

    manifest = place.registry.manifest("team/ts", "hublish-cache")

    assert manifest is not None
    assert manifest["artifactType"] == "application/vnd.hublish.layer-index.v1"
    bill_of_materials = image["digest"].replace(":", "-")
    assert sorted(place.registry.tags("team/ts")) == ["hublish-cache", bill_of_materials, "v1"]


def test_sibling_on_an_empty_disk_mounts_layers(place: Place) -> None:
    """Another repository with a package less: what both have is neither fetched nor sent."""
    place.build(place.write("ts", PACKAGES), disk="one")
    sibling = place.write("other", {name: version for name, version in PACKAGES.items() if name != "two"})

    result = place.build(sibling, "--cache-from", f"{place.registry.host}/team/ts", disk="two", image="team/other")

    assert transfers(result)["one 1.0"] == "mounted"


def test_key_of_somebody_else_is_not_believed(place: Place) -> None:
    """The layers are made anew, with the same bytes."""
    repository = place.write("ts", PACKAGES)
    first = place.build(repository, disk="one")

    second = place.build(repository, disk="two", key="other")

    assert second["digest"] == first["digest"]
    assert len(place.index.calls) > 0
