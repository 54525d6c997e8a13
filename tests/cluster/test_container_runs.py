"""Dockerfile and source-to-image builds in pods where `baseline` is enforced: to the pull request, and what a hostile one finds."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from hublish.oci.manifest import make_digest
from tests.cluster.access import ensure_tasks, remove_runs, write_service_kubeconfig
from tests.cluster.cluster import BASELINE, Cluster
from tests.cluster.pods import find_faults, find_pod, list_secret_mounts
from tests.sandbox.base_image import push_layout
from tests.sandbox.town import HUB_REPO, SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry, pytest.mark.network, pytest.mark.timeout(1500)]
PLANTED = "planted-9c1f"
"""In the name and the password of the registry's login, which only the Steps fetch and push are given."""
# Looks wherever a build could hope for a secret, and fails when it finds one; what it saw goes to the log. The status of a
# grep in folders speaks of those that are missing, too, so that its words count.
SEARCH = f"""#!/bin/sh
id; cat /proc/self/uid_map; ls /secrets /run/secrets /var/run/secrets 2>&1
env | grep -i -e token -e secret -e {PLANTED[:7]} && exit 9
for file in /proc/[0-9]*/environ /proc/[0-9]*/cmdline; do
    tr '\\0' '\\n' <$file 2>/dev/null | grep -e ghs_ -e {PLANTED[:7]}-9c && exit 9
done
for root in / $(ls -d /proc/[0-9]*/root 2>/dev/null); do
    grep -rsl --exclude-dir=proc --exclude-dir=sys --exclude=search -e {PLANTED[:7]}-9c -e ghs_[A-Za-z0-9] \\
        $root/work $root/secrets $root/tekton $root/run $root/tmp $root/var/run $root/etc 2>/dev/null | grep . && exit 9
done
while read -r line; do case "$line" in *secret*|*serviceaccount*) echo "$line"; exit 9;; esac; done </proc/self/mountinfo
mount -t tmpfs none /mnt 2>/dev/null && exit 9
echo nothing found >/found
"""


# The same for the secrets of a Dockerfile, run where another id is mounted: of this one there must be nothing.
SEARCH_OTHER = """#!/bin/sh
word=planted-"$1"-51[c]7
for root in / $(ls -d /proc/[0-9]*/root 2>/dev/null); do
    grep -rs $word $root/work $root/secrets $root/run $root/tmp 2>/dev/null | grep . && exit 9
done
env | grep $word && exit 9
grep -s $word /proc/[0-9]*/environ && exit 9
echo "nothing of $1"
"""


@pytest.fixture
def town(cluster: Cluster, cluster_github, build_image, base_layout: Path, tmp_path: Path) -> Iterator[Town]:
    """A town whose source and Dockerfile builds run in the cluster, its base a Debian."""
    ensure_tasks(cluster)
    write_service_kubeconfig(cluster, tmp_path / "kubeconfig")
    login = tmp_path / "login.json"
    with Town(tmp_path, github=cluster_github, address=cluster.host_address) as town:
        login.write_text(json.dumps({"auths": {town.registry.host: {"username": PLANTED, "password": PLANTED}}}))
        tekton = {"kubeconfig": str(tmp_path / "kubeconfig"), "build_image": build_image}
        town.settle(engines={"use": ["tekton"], "tekton": tekton})
        settings = town.settings
        settings["registries"][town.registry.host]["auth_file"] = str(login)
        for name in ("mine", "other"):
            (tmp_path / name).write_text(f"planted-{name}-51c7\n")
        settings["engines"]["secrets"] = {SOURCE_REPO: {name: str(tmp_path / name) for name in ("mine", "other")}}
        (town.folder / "settings.yaml").write_text(yaml.safe_dump(settings))
        push_layout(base_layout, town.registry.host, "base/debian", "1")
        yield town
    remove_runs(cluster)


def release(town: Town, tag: str, files: Mapping[str, str], **config: Any) -> dict[str, Any]:
    """Commit files, release them and wait for the run's end."""
    document = {"version": 1, "image": {"name": town.image, "tags": ["{release}"]}, "hubs": ["demo"], **config}
    changed = {".hublish.yaml": yaml.safe_dump(document), **files}
    town.github.commit_files(SOURCE_REPO, changed, message=tag)
    town.start_service()
    town.github.publish_release(SOURCE_REPO, tag)
    (run,) = town.wait_for_runs(seconds=900)
    return run


def read_history(town: Town, tag: str) -> list[str]:
    manifest = town.registry.manifest("team/ts", tag)
    config = json.loads(town.registry.blob("team/ts", manifest["config"]["digest"]))
    return [entry.get("created_by", "") for entry in config["history"]]


def test_dockerfile_release_finds_no_secret_and_becomes_a_pull_request(cluster, town) -> None:
    """A hostile RUN searches processes, variables, mounts and other Steps' folders in vain; the image goes the whole way."""
    dockerfile = (
        f"FROM {town.registry.host}/base/debian:1\n"
        "COPY search /search\n"
        "RUN sh /search && mkdir /data && chown 1000:1000 /data\n"
        "USER 1000\n"
        'CMD ["jupyterhub-singleuser"]\n'
    )
    run = release(town, "v1.0", {"Dockerfile": dockerfile, "search": SEARCH}, strategy="dockerfile")
    assert run["state"] == "delivered", (run, town.read_service_log()[-3000:])
    (pipeline_run,) = cluster.kubectl.list("pipelineruns", BASELINE, selector="hublish.dev/ref=v1.0")
    pod = find_pod(cluster, pipeline_run["metadata"]["name"], BASELINE)
    results = {item["name"]: item["value"] for item in pipeline_run["status"]["results"]}
    (pull_request,) = town.github.pull_requests(HUB_REPO)

    assert find_faults(pod) == []
    assert list_secret_mounts(pod) == {"step-fetch": ["-fetch"], "step-build": [], "step-push": ["-push"]}
    assert results["IMAGE_DIGEST"] == make_digest(town.registry.manifest_bytes("team/ts", "v1.0"))
    assert any("sh /search" in line for line in read_history(town, "v1.0"))
    assert pull_request["title"] == "List ts v1.0"


def test_secret_of_a_dockerfile_reaches_the_run_that_mounts_it_alone(cluster, town) -> None:
    """The Secret belongs to the run, is mounted in the Step that builds alone, and is in no layer and no log."""
    dockerfile = (
        f"FROM {town.registry.host}/base/debian:1\n"
        "COPY search /search\n"
        "RUN --mount=type=secret,id=mine,required=true cat /run/secrets/mine && sha256sum /run/secrets/mine >/sum"
        " && sh /search other\n"
        "RUN --mount=type=secret,id=other sh /search mine\n"
        "RUN sh /search mine && sh /search other\n"
        "USER 1000\n"
        'CMD ["jupyterhub-singleuser"]\n'
    )
    run = release(town, "v3.0", {"Dockerfile": dockerfile, "search": SEARCH_OTHER}, strategy="dockerfile")
    assert run["state"] == "delivered", (run, town.read_service_log()[-3000:])
    (pipeline_run,) = cluster.kubectl.list("pipelineruns", BASELINE, selector="hublish.dev/ref=v3.0")
    name = pipeline_run["metadata"]["name"]
    pod = find_pod(cluster, name, BASELINE)
    secrets = [item["metadata"]["name"] for item in cluster.kubectl.list("secrets", BASELINE)]
    manifest = town.registry.manifest("team/ts", "v3.0")
    layers = [gzip.decompress(town.registry.blob("team/ts", item["digest"])) for item in manifest["layers"][1:]]
    log = "".join(path.read_text() for path in (town.folder / "data" / "logs").rglob("*") if path.is_file())

    assert find_faults(pod) == []
    assert list_secret_mounts(pod) == {"step-fetch": ["-fetch"], "step-build": ["-build"], "step-push": ["-push"]}
    assert [item for item in secrets if item.startswith(name)] == []
    assert not any(word in layer for layer in layers for word in (b"planted-mine", b"planted-other"))
    assert "nothing of other" in log
    assert "planted-mine" not in log


def test_source_release_becomes_a_pull_request(cluster, town) -> None:
    """The repository's own scripts are run by source-to-image, in a pod; the image goes the whole way."""
    files = {
        ".s2i/bin/assemble": "#!/bin/sh\nset -e\nmkdir -p /tmp/made && cp -r /tmp/src/. /tmp/made/\n",
        ".s2i/bin/run": "#!/bin/sh\nexec jupyterhub-singleuser\n",
        ".s2i/environment": "PLACE=here\n",
    }
    run = release(town, "v2.0", files, strategy="source", base=f"{town.registry.host}/base/debian:1")
    assert run["state"] == "delivered", (run, town.read_service_log()[-3000:])
    (pipeline_run,) = cluster.kubectl.list("pipelineruns", BASELINE, selector="hublish.dev/ref=v2.0")
    pod = find_pod(cluster, pipeline_run["metadata"]["name"], BASELINE)
    (pull_request,) = town.github.pull_requests(HUB_REPO)

    assert find_faults(pod) == []
    assert list_secret_mounts(pod)["step-build"] == []
    assert any("assemble" in line for line in read_history(town, "v2.0"))
    assert pull_request["title"] == "List ts v2.0"
