"""`hublish doctor --cluster` on a real cluster: pods of both kinds come up, and a policy in the way is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.access import write_service_kubeconfig
from tests.cluster.cluster import BASELINE, RESTRICTED, Cluster
from tests.e2e.command_line import run_hublish

pytestmark = [pytest.mark.timeout(1500)]
LAYERED, CONTAINERS = "layered in pods", "source and dockerfile in pods"


@pytest.fixture
def settings(cluster: Cluster, service_image: str, build_image: str, tmp_path: Path) -> dict[str, Any]:
    """The settings of a service with this cluster, as far as the doctor looks at them."""
    write_service_kubeconfig(cluster, tmp_path / "kubeconfig")
    for name in ("key.pem", "webhook-secret"):
        (tmp_path / name).write_text("unused\n")
    tekton = {"kubeconfig": str(tmp_path / "kubeconfig"), "image": service_image, "build_image": build_image}
    return {
        "github": {"app_id": 1, "private_key_file": "key.pem", "webhook_secret_files": ["webhook-secret"]},
        "public_url": "https://hublish.example.com",
        "data": str(tmp_path / "data"),
        "database": f"sqlite:///{tmp_path}/hublish.sqlite",
        "registries": {cluster.registry: {"plain_http": True}},
        "engines": {"use": ["tekton"], "tekton": tekton},
    }


def examine(folder: Path, settings: dict[str, Any]) -> dict[str, tuple[bool, str, str]]:
    """Check -> whether it passed, what was seen, what to do; only those that have to do with pods."""
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump(settings))
    document = run_hublish("doctor --cluster", code=None, HUBLISH_SETTINGS=str(path))
    return {
        check["name"]: (check["ok"], check["detail"], check["hint"])
        for check in document["result"]
        if "in pods" in check["name"]
    }


def test_cluster_with_all_that_builds_need_passes(cluster, settings, tmp_path) -> None:
    """A pod of each kind is run, reaches the registry, and is gone afterwards."""
    found = examine(tmp_path, settings)
    left = [
        run["metadata"]["name"]
        for namespace in (RESTRICTED, BASELINE)
        for run in cluster.kubectl.list("taskruns,pipelineruns", namespace)
        if run["metadata"]["name"].startswith("hublish-probe")
    ]

    assert found == {
        LAYERED: (True, f"a pod came up in {RESTRICTED} and has what builds need", ""),
        CONTAINERS: (True, f"a pod came up in {BASELINE} and has what builds need", ""),
    }
    assert left == []


def test_policy_in_the_way_of_a_strategy_is_named(settings, tmp_path) -> None:
    """Where `restricted` is enforced, builds as root are refused; the other strategy is not touched by it."""
    settings["engines"]["tekton"]["namespaces"] = {"baseline": RESTRICTED}
    found = examine(tmp_path, settings)
    passed, detail, hint = found[CONTAINERS]

    assert found[LAYERED][0] is True
    assert passed is False
    assert "violates PodSecurity" in detail
    assert hint.startswith(
        "The namespace's label pod-security.kubernetes.io/enforce is stricter than this strategy needs"
    )
