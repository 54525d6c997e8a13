"""What the service has in a cluster: its account's own access, and the Tasks and Pipelines of `tekton/`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.cluster.cluster import BASELINE, RESTRICTED, Cluster

TEKTON_FOLDER = Path(__file__).parents[2] / "tekton"
TOKEN_SECONDS = 6 * 3600


def write_service_kubeconfig(cluster: Cluster, path: Path) -> None:
    """Write the access of the service's account, which has the rights of deploy/kubernetes and no others."""
    administrator: dict[str, Any] = yaml.safe_load(cluster.kubeconfig.read_text())
    token = cluster.kubectl.run("create", "token", "hublish", "-n", "hublish", f"--duration={TOKEN_SECONDS}s").strip()
    (entry,) = administrator["clusters"]
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [entry],
        "users": [{"name": "hublish", "user": {"token": token}}],
        "contexts": [{"name": "hublish", "context": {"cluster": entry["name"], "user": "hublish"}}],
        "current-context": "hublish",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document))


def ensure_tasks(cluster: Cluster) -> None:
    """Apply `tekton/`, as an operator does."""
    cluster.kubectl.run("apply", "--server-side", "--force-conflicts", "-k", str(TEKTON_FOLDER), seconds=120)


def remove_runs(cluster: Cluster) -> None:
    """Remove what builds left in the build namespaces."""
    for namespace in (RESTRICTED, BASELINE):
        cluster.kubectl.run(
            "delete", "pipelineruns", "-n", namespace, "-l", "app.kubernetes.io/managed-by=hublish", seconds=120
        )
