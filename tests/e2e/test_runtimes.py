"""Images in the runtimes that people have: Docker Engine, containerd, and crane as the judge of every digest."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.test_layered_image import build, write_repository
from tests.sandbox.base_image import make_debian_base
from tests.sandbox.containerd import Containerd
from tests.sandbox.daemon import DaemonMissing, run_client
from tests.sandbox.docker_engine import DockerEngine
from tests.sandbox.index import PackageIndexSandbox
from tests.sandbox.registry import Registry
from tests.sandbox.wheels import PLACEHOLDER_SOURCE

CRANE = Path(os.environ.get("HUBLISH_TEST_CACHE") or Path.home() / ".cache" / "hublish-test") / "tools/crane-v0.20.6"
PROBE = "import alpha, sys; print(alpha.x, sys.prefix)"
ANSWER = "1 /opt/hublish/venv\n"
PACKAGES = {"jupyterhub": "5.3.0", "jupyterlab": "4.4.0", "pip": "25.2", "alpha": "1.0"}


@dataclass(frozen=True)
class Built:
    """One image in all its places."""

    host: str
    digest: str
    config: str
    archive: Path
    arguments: tuple[str, ...]

    @property
    def remote(self) -> str:
        return f"{self.host}/team/ts:v1"


def find_index_options(index: PackageIndexSandbox) -> tuple[str, ...]:
    return ("--index-map", f"{PLACEHOLDER_SOURCE}={index.url}", "--plain-http", index.host)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry.start(tmp_path_factory.mktemp("registry")) as started:
        yield started


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackageIndexSandbox]:
    with PackageIndexSandbox.start(tmp_path_factory.mktemp("index")) as sandbox:
        sandbox.add_notebook_packages()
        files = {"alpha/__init__.py": "x = 1\n", "alpha/data.bin": bytes(range(256)) * 4096}
        sandbox.add_wheel("alpha", "1.0", files)
        yield sandbox


@pytest.fixture(scope="module")
def folder(index: PackageIndexSandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_repository(tmp_path_factory.mktemp("source") / "ts", *index.make_lock(PACKAGES))


@pytest.fixture(scope="module")
def built(
    index: PackageIndexSandbox, registry: Registry, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Built:
    """An image on a real Debian, pushed to a registry and written as an archive."""
    there = tmp_path_factory.mktemp("built")
    base = make_debian_base(there / "base")
    arguments = ("--base", f"oci:{base}", "--cache", str(there / "cache"), *find_index_options(index))
    plain = ("--plain-http", registry.host)
    pushed = build(folder, *arguments, *plain, "--push", f"{registry.host}/team/ts:v1")
    archive = there / "ts.tar"
    written = build(folder, *arguments, "--output", f"docker-archive:{archive}", "--tag", "localhost/ts:archive")
    manifest = registry.manifest("team/ts", "v1")
    assert written["digest"] == pushed["digest"]
    assert manifest is not None
    return Built(registry.host, pushed["digest"], manifest["config"]["digest"], archive, arguments)


def run_probe(engine: DockerEngine, image: str) -> str:
    return engine.run("run", "--rm", "--network", "none", image, "python", "-c", PROBE)


def find_image_id(engine: DockerEngine, image: str) -> str:
    return engine.run("inspect", "--format", "{{.Id}}", image).strip()


@pytest.mark.daemon
@pytest.mark.registry
@pytest.mark.timeout(600)
def test_docker_loads_the_archive_and_runs_it(built: Built, docker_engine: DockerEngine):
    """Its ID is the digest of the image's config, and Python finds the packages."""
    docker_engine.run("load", "-i", str(built.archive))

    assert find_image_id(docker_engine, "localhost/ts:archive") == built.config
    assert run_probe(docker_engine, "localhost/ts:archive") == ANSWER
    docker_engine.run("rmi", "-f", built.config)


@pytest.mark.daemon
@pytest.mark.registry
@pytest.mark.timeout(600)
def test_build_loads_into_docker(built: Built, folder: Path, docker_engine: DockerEngine):
    """`--load` gives the same image, without a file."""
    loaded = build(folder, *built.arguments, "--load", "--tag", "localhost/ts:loaded", DOCKER_HOST=docker_engine.host)

    assert loaded["digest"] == built.digest
    assert find_image_id(docker_engine, "localhost/ts:loaded") == built.config
    assert run_probe(docker_engine, "localhost/ts:loaded") == ANSWER
    docker_engine.run("rmi", "-f", built.config)


@pytest.mark.daemon
@pytest.mark.registry
@pytest.mark.timeout(600)
def test_docker_pulls_from_a_registry_and_runs_it(built: Built, docker_engine: DockerEngine):
    """Every layer is downloaded, verified and unpacked."""
    docker_engine.run("pull", built.remote)

    assert find_image_id(docker_engine, built.remote) == built.config
    assert run_probe(docker_engine, built.remote) == ANSWER
    docker_engine.run("rmi", "-f", built.config)


@pytest.mark.registry
@pytest.mark.timeout(600)
def test_bill_of_materials_stands_beside_the_image(built: Built, registry: Registry, folder: Path, tmp_path: Path):
    """The registry's list leads to the very document that `--sbom` writes; the image is the same with and without it."""
    layout = build(folder, *built.arguments, "--output", tmp_path / "image", "--sbom", tmp_path / "bill.json")
    listed = registry.manifest("team/ts", built.digest.replace(":", "-"))
    artifact = registry.manifest("team/ts", listed["manifests"][0]["digest"])
    bill = (tmp_path / "bill.json").read_bytes()

    assert layout["digest"] == built.digest
    assert artifact["subject"]["digest"] == built.digest
    assert registry.blob("team/ts", artifact["layers"][0]["digest"]) == bill
    assert [part["name"] for part in json.loads(bill)["components"][1:]] == sorted(PACKAGES)


@pytest.fixture(scope="module")
def containerd() -> Iterator[Containerd]:
    try:
        started = Containerd.start()
    except DaemonMissing as error:
        pytest.skip(str(error))
    with started:
        yield started


def read_in_containerd(containerd: Containerd, image: str, path: str, folder: Path) -> str:
    """Mount an image's snapshot and read a file of it."""
    folder.mkdir()
    containerd.run("images", "mount", image, str(folder))
    try:
        return (folder / path).read_text()
    finally:
        run_client(["umount", str(folder)])


ALPHA = "opt/hublish/venv/lib/python3.11/site-packages/alpha/__init__.py"


@pytest.mark.daemon
@pytest.mark.registry
@pytest.mark.timeout(600)
def test_containerd_pulls_and_unpacks_it(built: Built, containerd: Containerd, tmp_path: Path):
    """Pull compares every diff ID while it unpacks."""
    containerd.run("images", "pull", "--plain-http", built.remote)

    assert built.digest in containerd.run("images", "ls", f"name=={built.remote}")
    assert read_in_containerd(containerd, built.remote, ALPHA, tmp_path / "mount") == "x = 1\n"


@pytest.mark.daemon
@pytest.mark.registry
@pytest.mark.timeout(600)
def test_containerd_imports_the_archive(built: Built, containerd: Containerd):
    """By the layout that lies in it: name and manifest digest are kept."""
    containerd.run("images", "import", str(built.archive))

    assert built.digest in containerd.run("images", "ls", "name==localhost/ts:archive")


@pytest.mark.registry
@pytest.mark.timeout(600)
def test_crane_finds_everything_valid(built: Built):
    """Digests, sizes and diff IDs of all layers, in the registry and in the archive."""
    if not CRANE.exists():
        pytest.skip("crane is not built: run tests/sandbox/install-tools.sh with go on PATH")

    assert run_client([str(CRANE), "validate", "--insecure", "--remote", built.remote]).startswith("PASS")
    assert run_client([str(CRANE), "validate", "--tarball", str(built.archive)]).startswith("PASS")


@pytest.mark.daemon
@pytest.mark.registry
@pytest.mark.timeout(600)
def test_base_with_zstd_layers_is_built_on(
    registry: Registry, index: PackageIndexSandbox, folder: Path, containerd: Containerd, tmp_path: Path
):
    """The base's layers stay as they are; containerd reads them beside ours."""
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed")
    make_debian_base(tmp_path / "base")
    places = (f"oci:{tmp_path / 'base'}:base", f"oci:{tmp_path / 'zstd'}:base")
    run_client(["skopeo", "copy", "-q", "--dest-compress", "--dest-compress-format", "zstd", *places], seconds=300)
    image = f"{registry.host}/team/zstd:v1"
    options = ("--cache", tmp_path / "cache", "--plain-http", registry.host, *find_index_options(index))

    build(folder, "--base", f"oci:{tmp_path / 'zstd'}", "--push", image, *options)
    containerd.run("images", "pull", "--plain-http", image)
    manifest = registry.manifest("team/zstd", "v1")

    assert [layer["mediaType"].rpartition("+")[2] for layer in manifest["layers"][:2]] == ["zstd", "gzip"]
    assert json.loads(registry.blob("team/zstd", manifest["config"]["digest"]))["os"] == "linux"
    assert read_in_containerd(containerd, image, ALPHA, tmp_path / "mount") == "x = 1\n"
