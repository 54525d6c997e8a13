"""One registry with a base and one store per engine for the whole session: a base is brought there once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hublish.builders.containers.containerrun import ContainerBackend
from hublish.core.reference import parse_reference
from hublish.engines.containers import ContainerEngine
from tests.contract.engines.parts import Sources, Yard
from tests.contract.engines.subjects import (
    ContainerSubject,
    LocalSubject,
    Subject,
    make_backend,
    make_engine,
)
from tests.sandbox.base_image import make_busybox_base, push_layout
from tests.sandbox.docker_engine import DockerEngine
from tests.sandbox.registry import Registry
from tests.unit.builders.samples import Bench


@pytest.fixture(scope="session")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    folder = tmp_path_factory.mktemp("yard")
    with Registry.start(folder / "registry") as registry:
        digest = push_layout(make_busybox_base(folder / "base"), registry.host, "base/busybox", "1")
        base = parse_reference(f"{registry.host}/base/busybox:1").with_digest(digest)
        yield Yard(
            registry=registry, base=base, sources=Sources({}), folder=folder / "layers", base_layout=folder / "base"
        )


@pytest.fixture(scope="module", params=["buildah", "docker"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def buildah_place(tmp_path_factory: pytest.TempPathFactory) -> str:
    if shutil.which("buildah") is None:
        pytest.skip("buildah is not installed")
    return str(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def docker_place(docker_engine: DockerEngine) -> str:
    return docker_engine.host


@pytest.fixture
def place(kind: str, request: pytest.FixtureRequest) -> str:
    """Where an engine's store is: a folder, or the address of a daemon."""
    return str(request.getfixturevalue(f"{kind}_place"))


@pytest.fixture
def backend(kind: str, place: str) -> ContainerBackend:
    return make_backend(kind, place)


@pytest.fixture(params=["local", "buildah", "docker"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    """Each engine with builds that it can do."""
    if request.param == "local":
        bench = Bench(tmp_path)
        bench.add_base()
        bench.add_package("alpha")
        return LocalSubject(bench)
    yard = request.getfixturevalue("yard")
    backend = make_backend(request.param, request.getfixturevalue(f"{request.param}_place"))
    return ContainerSubject(kind=request.param, backend=backend, yard=yard, folder=tmp_path)


@pytest.fixture
def engine(kind: str, backend: ContainerBackend, yard: Yard, tmp_path: Path) -> Iterator[ContainerEngine]:
    engine = make_engine(
        backend, name=kind, folder=tmp_path, sources=yard.sources, images=yard.images, output=yard.images
    )
    yield engine
    engine.close()
