"""Fixtures of the tests that need a cluster: see README.md beside this file for what each gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hublish.core.reference import Reference
from tests.cluster.access import remove_runs, write_service_kubeconfig
from tests.cluster.cluster import BASELINE, RESTRICTED, Cluster, ClusterMissing, find_cluster
from tests.cluster.images import find_archive
from tests.cluster.places import State
from tests.cluster.program_images import make_program_archive
from tests.cluster.scripted import ensure_program
from tests.cluster.yard import Yard
from tests.sandbox.base_image import make_debian_base, push_layout
from tests.sandbox.contract import check_calls
from tests.sandbox.github import SANDBOX_FOLDER, GitHubSandbox
from tests.sandbox.index import PackageIndexSandbox
from tests.sandbox.registry import RegistryContent

CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The running cluster, with Tekton and the namespaces of deploy/kubernetes."""
    try:
        return find_cluster(State.find())
    except ClusterMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def busybox(cluster: Cluster) -> str:
    """Reference of an image with a shell, for pods."""
    return cluster.ensure_image(f"oci-archive:{find_archive('busybox')}", "busybox")


@pytest.fixture(scope="session")
def registry(cluster: Cluster) -> RegistryContent:
    """The cluster's registry: asks nobody, plain HTTP, the same name for pods and for this machine."""
    return RegistryContent(host=cluster.registry)


@pytest.fixture(scope="session")
def base_layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Debian with Python 3.11 as an OCI layout on this machine."""
    return make_debian_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def base(base_layout: Path, registry: RegistryContent) -> str:
    """That Debian in the registry: a reference with its digest."""
    digest = push_layout(base_layout, registry.host, "base/python", "3.11")
    return f"{registry.host}/base/python@{digest}"


@pytest.fixture(scope="session")
def service_image(cluster: Cluster, base: str) -> str:
    """Reference of target `service` of the Dockerfile, built from this checkout."""
    archive = make_program_archive("service", base=base)
    return cluster.ensure_image(f"docker-archive:{archive}", "hublish-service")


@pytest.fixture(scope="session")
def build_image(cluster: Cluster, base: str) -> str:
    """Reference of target `build` of the Dockerfile, built from this checkout."""
    archive = make_program_archive("build", base=base)
    return cluster.ensure_image(f"docker-archive:{archive}", "hublish-build")


@pytest.fixture
def index(cluster: Cluster, tmp_path: Path) -> Iterator[PackageIndexSandbox]:
    """A package index of this machine that pods reach under the same URL."""
    with PackageIndexSandbox.start(tmp_path / "index", address=cluster.host_address) as started:
        yield started


@pytest.fixture(scope="session")
def cluster_github_process(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubSandbox]:
    """The running emulator; tests ask for `cluster_github`, which is this one, empty."""
    if not (SANDBOX_FOLDER / "node_modules" / ".bin" / "node").exists():
        pytest.skip(f"the GitHub sandbox is not installed: run {SANDBOX_FOLDER / 'install.sh'}")
    with GitHubSandbox.start(tmp_path_factory.mktemp("github"), address=cluster.host_address) as sandbox:
        yield sandbox


@pytest.fixture
def cluster_github(cluster_github_process: GitHubSandbox) -> Iterator[GitHubSandbox]:
    """A GitHub of this machine that pods reach under the same URL; its contract is checked after the test."""
    cluster_github_process.reset()
    yield cluster_github_process
    violations = check_calls(cluster_github_process.calls())
    if violations:
        pytest.fail("\n".join(("calls break GitHub's contract:", *violations)), pytrace=False)


@pytest.fixture(scope="session")
def authorities(cluster: Cluster) -> str:
    """Name of a ConfigMap in both build namespaces whose key `ca.crt` holds this machine's certificate authorities."""
    data = {"ca.crt": Path(CERTIFICATES).read_text()}
    for namespace in (RESTRICTED, BASELINE):
        metadata = {"name": "authorities", "namespace": namespace}
        cluster.kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    return "authorities"


@pytest.fixture(scope="session")
def program(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The image of scripted pods, and the Tasks."""
    ensure_program(cluster, tmp_path_factory.mktemp("program"))


@pytest.fixture
def yard(cluster: Cluster, program: None, base_layout: Path, tmp_path: Path) -> Iterator[Yard]:
    """The engine `tekton` with scripted pods."""
    write_service_kubeconfig(cluster, tmp_path / "kubeconfig")
    digest = push_layout(base_layout, cluster.registry, "team/ts", "built")
    target = Reference(registry=cluster.registry, repository="team/ts", tag="built")
    yard = Yard(cluster=cluster, folder=tmp_path, digest=digest, target=target)
    yield yard
    for engine in yard.engines:
        engine.close()
    remove_runs(cluster)
