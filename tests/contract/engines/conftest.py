"""One registry with a base and one store per engine for the whole module: a base is brought there once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from hublish.builders.containers.containerrun import ContainerBackend
from hublish.core.reference import parse_reference
from hublish.engines.containers import ContainerEngine
from tests.contract.engines.parts import Sources, Yard
from tests.contract.engines.subjects import make_buildah, make_docker, make_engine
from tests.sandbox.base_image import make_debian_base, push_layout
from tests.sandbox.registry import Registry


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    folder = tmp_path_factory.mktemp("yard")
    with Registry.start(folder / "registry") as registry:
        digest = push_layout(make_debian_base(folder / "base"), registry.host, "base/debian", "1")
        base = parse_reference(f"{registry.host}/base/debian:1").with_digest(digest)
        yield Yard(registry=registry, base=base, sources=Sources({}), folder=folder / "layers")


@pytest.fixture(scope="module", params=["buildah", "docker"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def backend(kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ContainerBackend:
    if kind == "docker":
        return make_docker(request.getfixturevalue("docker_engine").host)
    if shutil.which("buildah") is None:
        pytest.skip("buildah is not installed")
    return make_buildah(tmp_path_factory.mktemp("store"))


@pytest.fixture
def engine(kind: str, backend: ContainerBackend, yard: Yard, tmp_path) -> Iterator[ContainerEngine]:
    engine = make_engine(
        backend, name=kind, folder=tmp_path, sources=yard.sources, images=yard.images, output=yard.images
    )
    yield engine
    engine.close()
