"""Layered builds in pods where `restricted` is enforced: from a published release to the pull request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hublish.oci.manifest import make_digest
from tests.cluster.access import ensure_tasks, remove_runs, write_service_kubeconfig
from tests.cluster.cluster import RESTRICTED, Cluster
from tests.cluster.pods import find_faults, find_pod, list_secret_mounts
from tests.sandbox.town import HUB_REPO, SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry, pytest.mark.network, pytest.mark.timeout(2000)]


@pytest.fixture
def town(cluster: Cluster, cluster_github, service_image, tmp_path) -> Iterator[Town]:
    """A town whose builds run in the cluster."""
    ensure_tasks(cluster)
    write_service_kubeconfig(cluster, tmp_path / "kubeconfig")
    engines = {
        "use": ["tekton"],
        "tekton": {"kubeconfig": str(tmp_path / "kubeconfig"), "image": service_image},
    }
    with Town(tmp_path, github=cluster_github, address=cluster.host_address) as town:
        town.settle(engines=engines)
        yield town
    remove_runs(cluster)


def find_run(cluster: Cluster, tag: str) -> dict[str, Any]:
    """The PipelineRun of a release."""
    (run,) = cluster.kubectl.list("pipelineruns", RESTRICTED, selector=f"hublish.dev/ref={tag}")
    return run


def test_release_becomes_image_and_pull_request(cluster, town) -> None:
    """A release is built by a PipelineRun, pushed under its tags, proposed to the hub and answered once."""
    town.start_service()
    town.github.publish_release(SOURCE_REPO, "v1.0")
    (run,) = town.wait_for_runs(seconds=900)

    assert run["state"] == "delivered"
    assert {"v1.0", "latest"} <= set(town.registry.tags("team/ts"))
    (pull_request,) = town.github.pull_requests(HUB_REPO)
    assert pull_request["title"] == "List ts v1.0"
    sha = town.github.ref_sha(SOURCE_REPO, "tags/v1.0")
    (comment,) = town.github.commit_comments(SOURCE_REPO, sha)
    assert comment["body"].startswith("**Delivered:** `v1.0`")


def test_pod_has_neither_privilege_nor_token_and_build_has_no_secret(cluster, town) -> None:
    """As the cluster stored it: each Secret in one Step, none in `build`, and gone with the build; the run says what it is."""
    town.start_service()
    town.github.publish_release(SOURCE_REPO, "v2.0")
    town.wait_for_runs(seconds=900)
    run = find_run(cluster, "v2.0")
    name = run["metadata"]["name"]
    pod = find_pod(cluster, name, RESTRICTED)
    sha = town.github.ref_sha(SOURCE_REPO, "tags/v2.0")
    digest = make_digest(town.registry.manifest_bytes("team/ts", "v2.0"))
    results = {item["name"]: item["value"] for item in run["status"]["results"]}

    assert find_faults(pod) == []
    assert list_secret_mounts(pod) == {"step-fetch": ["-fetch"], "step-build": [], "step-push": ["-push"]}
    assert cluster.kubectl.list("secrets", RESTRICTED, selector="app.kubernetes.io/managed-by=hublish") == []
    assert results == {
        "IMAGE_URL": run["metadata"]["annotations"]["hublish.dev/image"],
        "IMAGE_DIGEST": digest,
        "CHAINS-GIT_URL": f"{town.github.api_url}/{SOURCE_REPO}",
        "CHAINS-GIT_COMMIT": sha,
    }
    assert run["metadata"]["annotations"]["hublish.dev/repository"] == SOURCE_REPO
