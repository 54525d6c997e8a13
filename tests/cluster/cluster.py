"""The cluster that tests run on: the one of this machine, or the one that KUBECONFIG names. Found here, never started."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.binaries import KUBERNETES, find_binaries
from tests.cluster.commands import run
from tests.cluster.configuration import allow_plain_registry
from tests.cluster.images import image_name
from tests.cluster.kubectl import Kubectl
from tests.cluster.lane import find_process, import_images
from tests.cluster.places import HOST_ADDRESS, REGISTRY_HOST, State, find_cache_folder

RESTRICTED = "hublish-builds"
"""Enforces Pod Security `restricted`: layered builds."""
BASELINE = "hublish-builds-baseline"
"""Enforces Pod Security `baseline`: source and Dockerfile builds."""
DEPLOYMENT = Path(__file__).parents[2] / "deploy" / "kubernetes"


class ClusterMissing(RuntimeError):
    """There is no cluster to test on; the message says how to get one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A Kubernetes with Tekton and the namespaces of `deploy/kubernetes`.

    Attributes:
        kubectl: the administrator's.
        kubeconfig: path of the administrator's access.
        registry: `HOST:PORT`, the same for pods and from here; plain HTTP unless `registry_tls`.
        host_address: this machine as pods see it: servers for pods listen there.
        state: files of our own cluster; None for one that KUBECONFIG names.
    """

    kubectl: Kubectl
    kubeconfig: Path
    registry: str
    host_address: str
    state: State | None

    def ensure_image(self, source: str, name: str) -> str:
        """Make an image known to the nodes; returns the reference to use in pods.

        Our own cluster's containerd gets it at once, another cluster pulls it from the registry.

        Args:
            source: "oci-archive:PATH" or "docker-archive:PATH" of one image, named inside it as `image_name(name)`.
            name: short name, e.g. "busybox".
        """
        archive = Path(source.partition(":")[2])
        if self.state is None:
            reference = f"{self.registry}/hublish-tests/{name}:1"
            run("skopeo", "copy", "--dest-tls-verify=false", source, f"docker://{reference}", seconds=300)
            return reference
        # The archives of the cache never change under one name, so what is there already need not be read again.
        imported = self.state.imported / name
        if not imported.is_file() or imported.read_text() != str(archive):
            import_images(self.state, archive)
            imported.write_text(str(archive))
        return image_name(name)

    def allow_plain_registry(self, host: str) -> None:
        """Let the node pull from another registry of this machine over plain HTTP, "ADDRESS:PORT"."""
        allow_plain_registry(self._own_state(), host)

    def signal_process(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process of the node, e.g. SIGKILL to "kube-apiserver"; what ends is restarted after 1 s.

        Raises:
            ClusterMissing: there is none of that name now, or the cluster is not ours.
        """
        state = self._own_state()
        inside = state.pids / name
        process = find_process(state, inside.read_text()) if inside.is_file() else None
        if process is None:
            raise ClusterMissing(f"no process {name} is running on the node")
        os.kill(process, number)

    def enter_network(self) -> tuple[str, ...]:
        """Words before a command that run it in the node's network: what listens there is on this machine for pods only."""
        node = (self._own_state().pids / "node").read_text().strip()
        return ("nsenter", "--target", node, "--net")

    def _own_state(self) -> State:
        if self.state is None:
            raise ClusterMissing("this can be done to the cluster of this machine only: unset KUBECONFIG")
        return self.state


def find_given_kubeconfig(state: State) -> Path | None:
    """The kubeconfig of another cluster than our own, when the environment names one."""
    named = os.environ.get("KUBECONFIG")
    if not named or Path(named).resolve() == state.kubeconfig.resolve():
        return None
    return Path(named)


def find_cluster(state: State) -> Cluster:
    """The cluster that tests use.

    Raises:
        ClusterMissing: ours was never started, or the environment says too little about another one.
    """
    given = find_given_kubeconfig(state)
    if given is None:
        if not state.tekton_installed.exists():
            raise ClusterMissing("no cluster is running: make cluster-up")
        return Cluster(
            kubectl=Kubectl(binary=find_kubectl(), kubeconfig=state.kubeconfig),
            kubeconfig=state.kubeconfig,
            registry=REGISTRY_HOST,
            host_address=HOST_ADDRESS,
            state=state,
        )
    registry, host = os.environ.get("HUBLISH_TEST_REGISTRY"), os.environ.get("HUBLISH_TEST_HOST")
    if not registry or not host:
        raise ClusterMissing(
            "with a KUBECONFIG of yours, set HUBLISH_TEST_REGISTRY (HOST:PORT, plain HTTP, for pods, nodes and this machine) "
            "and HUBLISH_TEST_HOST (this machine's address as pods see it)"
        )
    return Cluster(
        kubectl=Kubectl(binary=find_kubectl(), kubeconfig=given),
        kubeconfig=given,
        registry=registry,
        host_address=host,
        state=None,
    )


def find_kubectl() -> str:
    """The kubectl that was built with the lane; else the one on PATH.

    Raises:
        ClusterMissing: there is neither.
    """
    built = find_binaries(KUBERNETES) / "kubectl"
    found = str(built) if built.is_file() else shutil.which("kubectl")
    if found is None:
        raise ClusterMissing(f"kubectl is neither on PATH nor in {find_cache_folder()}")
    return found


def ensure_deployment(kubectl: Kubectl) -> None:
    """Apply `deploy/kubernetes`: namespaces, accounts, rights, limits."""
    kubectl.run("apply", "--server-side", "--force-conflicts", "-k", str(DEPLOYMENT), seconds=120)
