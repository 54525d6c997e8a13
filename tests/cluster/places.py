"""Where the cluster of tests keeps its files, and which addresses it has. Names only: nothing is made here.

The node lives in network, mount and process namespaces of its own, so that its ports meet nobody's and everything it
started ends with one process.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

NODE_NAME = "hublish-node"
HOST_INTERFACE = "hublish0"
HOST_ADDRESS = "10.97.0.1"
"""This machine as pods see it: servers that tests start for pods listen here."""
NODE_ADDRESS = "10.97.0.2"
NODE_NETWORK = "10.97.0.0/24"
POD_NETWORK = "10.98.0.0/24"
SERVICE_NETWORK = "10.96.0.0/16"
KUBERNETES_SERVICE = "10.96.0.1"
API_PORT = 6443
REGISTRY_HOST = f"{NODE_ADDRESS}:5000"
"""The lane's registry: plain HTTP, asks nobody, the same name for pods and for this machine."""
WEBHOOK_PORT = 8443
CGROUP = "hublish-cluster"


def find_cache_folder() -> Path:
    """What is made once and kept: $HUBLISH_TEST_CACHE, else hublish-test in the user's cache."""
    named = os.environ.get("HUBLISH_TEST_CACHE")
    return Path(named) if named else _find_user_folder("XDG_CACHE_HOME", ".cache") / "hublish-test"


def _find_user_folder(variable: str, usual: str) -> Path:
    named = os.environ.get(variable)
    return Path(named) if named else Path.home() / usual


@dataclass(frozen=True, slots=True)
class State:
    """The files of one run of the cluster; all of them go with `make cluster-down`."""

    folder: Path

    @classmethod
    def find(cls) -> State:
        """$HUBLISH_CLUSTER_STATE, else hublish-cluster among the user's state: one for all checkouts."""
        named = os.environ.get("HUBLISH_CLUSTER_STATE")
        folder = Path(named) if named else _find_user_folder("XDG_STATE_HOME", ".local/state") / "hublish-cluster"
        return cls(folder.resolve())

    @property
    def lock(self) -> Path:
        """Held by whoever starts or stops the cluster; kept with the cache, as the folder goes and comes."""
        return find_cache_folder() / f"{self.folder.name}.lock"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's access."""
        return self.folder / "admin.kubeconfig"

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.folder / "logs"

    @property
    def pids(self) -> Path:
        """One file per process, with its id inside the node's namespace."""
        return self.folder / "pids"

    @property
    def keys(self) -> Path:
        """Certificates and keys, made anew for each start."""
        return self.folder / "keys"

    @property
    def containerd_socket(self) -> Path:
        """Where containerd listens."""
        return self.folder / "containerd.sock"

    @property
    def imported(self) -> Path:
        """One file per image that tests gave to containerd, with the archive it came from."""
        return self.folder / "imported"

    @property
    def tekton_installed(self) -> Path:
        """Made once Tekton's resources are in the cluster; its processes wait for it."""
        return self.folder / "tekton-installed"

    @property
    def tunables(self) -> Path:
        """The machine's kernel settings before kubelet changed them."""
        return self.folder / "tunables.json"
