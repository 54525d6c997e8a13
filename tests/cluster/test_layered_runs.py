"""Layered builds in pods where `restricted` is enforced: from a published release to the pull request."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hublish.oci.manifest import make_digest
from tests.cluster.access import ensure_tasks, remove_runs, write_service_kubeconfig
from tests.cluster.cluster import BASELINE, RESTRICTED, Cluster
from tests.cluster.pods import find_faults, find_pod, list_secret_mounts
from tests.sandbox.base_image import push_layout
from tests.sandbox.town import HUB_REPO, SOURCE_REPO, Town
from tests.sandbox.wheels import make_wheel
from tests.unit.builders.wheels.sdists import make_sdist

# Stands in for pip, of which the build needs no more than this: it lets the package make its wheel.
PIP = """
import pathlib, runpy, sys
folder = pathlib.Path(sys.argv[-1])
sys.argv = ["setup.py", sys.argv[sys.argv.index("--wheel-dir") + 1]]
runpy.run_path(str(folder / "setup.py"), run_name="__main__")
"""
PROJECT = "[build-system]\nrequires = []\n"
# Looks for the registry and for secrets, and makes its wheel only where it finds neither.
SETUP = """
import base64, os, pathlib, socket, sys
try:
    socket.create_connection({registry!r}, timeout=10)
except OSError:
    pass
else:
    raise SystemExit("the registry answers")
assert not [name for name in ("/secrets", "/run/secrets", "/var/run/secrets") if os.path.exists(name)]
out = pathlib.Path(sys.argv[1])
out.mkdir(exist_ok=True)
(out / "wordy-1.0-py3-none-any.whl").write_bytes(base64.b64decode({wheel!r}))
"""

pytestmark = [pytest.mark.github, pytest.mark.registry, pytest.mark.network, pytest.mark.timeout(3000)]


@pytest.fixture
def town(cluster: Cluster, cluster_github, service_image, tmp_path) -> Iterator[Town]:
    """A town whose builds run in the cluster."""
    ensure_tasks(cluster)
    write_service_kubeconfig(cluster, tmp_path / "kubeconfig")
    tekton = {"kubeconfig": str(tmp_path / "kubeconfig"), "image": service_image}
    with Town(tmp_path, github=cluster_github, address=cluster.host_address) as town:
        town.settle(engines={"use": ["tekton"], "tekton": tekton})
        yield town
    remove_runs(cluster)


@pytest.fixture
def lone_town(town: Town, build_image: str, base_layout: Path) -> Town:
    """That town with a Debian for its base and pods for container builds, one at a time; there is no other engine.

    Its repository needs a Debian package, and one of Python that has a source distribution only.
    """
    tekton = {**town.settings["engines"]["tekton"], "build_image": build_image}
    push_layout(base_layout, town.registry.host, "base/debian", "1")
    town.write_settings(
        base=f"{town.registry.host}/base/debian:1",
        engines={"use": ["tekton"], "tekton": tekton},
        limits={"queue": {"builds": 1, "per_owner": 1, "per_repo": 1}},
    )
    town.index.add_wheel("pip", "99.0", {"pip/__main__.py": PIP})
    host, _, port = town.registry.host.rpartition(":")
    setup = SETUP.format(registry=(host, int(port)), wheel=base64.b64encode(make_wheel("wordy", "1.0")))
    town.index.add_file(
        "wordy", "1.0", "wordy-1.0.tar.gz", make_sdist("wordy", "1.0", {"pyproject.toml": PROJECT, "setup.py": setup})
    )
    files = town.make_source_files({"wordy": "1.0"}, system={"apt": ["tree"]})
    town.github.commit_files(SOURCE_REPO, files, message="needs more")
    return town


def find_run(cluster: Cluster, tag: str) -> dict[str, Any]:
    """The PipelineRun of a release."""
    (run,) = cluster.kubectl.list("pipelineruns", RESTRICTED, selector=f"hublish.dev/ref={tag}")
    return run


def test_release_becomes_image_and_pull_request(cluster, lone_town) -> None:
    """A release is built by pods alone, pushed under its tags, proposed to the hub and answered once.

    The base with its packages and the wheel have pods of their own, in which nothing of a stranger meets a secret.
    """
    town = lone_town
    town.start_service()
    town.github.publish_release(SOURCE_REPO, "v1.0")
    (run,) = town.wait_for_runs(seconds=1500)
    assert run["state"] == "delivered", (run, town.read_service_log()[-3000:])
    (built,) = cluster.kubectl.list("pipelineruns", RESTRICTED, selector="hublish.dev/ref=v1.0")
    parts = cluster.kubectl.list("pipelineruns", BASELINE, selector="app.kubernetes.io/managed-by=hublish")
    pods = [find_pod(cluster, part["metadata"]["name"], BASELINE) for part in parts]
    (base,) = [name for name in town.registry.repositories() if "hublish-base-" in name]
    image = {layer["digest"] for layer in town.registry.manifest("team/ts", "v1.0")["layers"]}

    assert sorted(part["metadata"]["annotations"]["hublish.dev/part"] for part in parts) == [
        "a base with packages",
        "the wheel of wordy 1.0",
    ]
    assert [find_faults(pod) for pod in pods] == [[], []]
    assert [list_secret_mounts(pod) for pod in pods] == [
        {"step-fetch": ["-fetch"], "step-build": [], "step-push": ["-push"]}
    ] * 2
    assert {layer["digest"] for layer in town.registry.manifest(base, "base")["layers"]} < image
    assert built["metadata"]["annotations"]["hublish.dev/base"].partition("@")[0].endswith(base)
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
