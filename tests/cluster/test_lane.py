"""The cluster itself: it runs PipelineRuns, refuses what policy forbids, and its pods reach what builds need."""

from __future__ import annotations

import os
import sys

import pytest

from hublish.adapters.index import read_pip_configuration
from tests.cluster.cluster import BASELINE, RESTRICTED
from tests.cluster.commands import CommandFailed
from tests.cluster.places import NODE_NAME
from tests.cluster.runs import make_run, run_script

TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"


def make_pod(namespace: str, image: str, *, security: dict | None = None, **specification: object) -> dict:
    """A pod that would sleep; tests offer it to admission only."""
    container = {"name": "sleep", "image": image, "command": ["sleep", "1"], "securityContext": security or {}}
    metadata = {"name": "refused", "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [container], **specification},
    }


def test_node_is_ready_and_of_the_expected_version(cluster):
    """The node reports Ready, as the release that was built."""
    if cluster.state is None:
        nodes = cluster.kubectl.list("nodes", "default")
    else:
        nodes = [cluster.kubectl.get("node", NODE_NAME)]

    ready = [
        condition["status"]
        for node in nodes
        for condition in node["status"]["conditions"]
        if condition["type"] == "Ready"
    ]

    assert ready == ["True"] * len(nodes)
    if cluster.state is not None:
        assert nodes[0]["status"]["nodeInfo"]["kubeletVersion"] == "v1.34.4"


@pytest.mark.parametrize("namespace", [RESTRICTED, BASELINE])
def test_pipeline_run_succeeds_and_its_log_is_read(cluster, busybox, namespace):
    """A PipelineRun of one step ends well in both build namespaces, and its log is what the step printed."""
    outcome = run_script(cluster, "#!/bin/sh\necho one\nid -u\n", image=busybox, namespace=namespace)

    assert (outcome.succeeded, outcome.reason, outcome.log) == (True, "Succeeded", "one\n1000\n")


def test_step_that_fails_ends_its_run(cluster, busybox):
    """A step that ends with an error fails its run, whose message names the step."""
    outcome = run_script(cluster, "#!/bin/sh\necho bad; exit 3\n", image=busybox)

    assert (outcome.succeeded, outcome.reason, outcome.log) == (False, "Failed", "bad\n")


@pytest.mark.parametrize(
    ("namespace", "asks", "reason"),
    [
        (RESTRICTED, {"security": {"privileged": True}}, "privileged"),
        (RESTRICTED, {}, "allowPrivilegeEscalation != false"),
        (BASELINE, {"security": {"privileged": True}}, "privileged"),
        (BASELINE, {"security": {"capabilities": {"add": ["SYS_ADMIN"]}}}, "non-default capabilities"),
        (BASELINE, {"hostNetwork": True}, "host namespaces"),
        (BASELINE, {"volumes": [{"name": "root", "hostPath": {"path": "/"}}]}, "hostPath volumes"),
    ],
)
def test_pod_that_asks_for_privilege_is_refused(cluster, busybox, namespace, asks, reason):
    """Admission refuses what the namespace's Pod Security level forbids, and says which rule it is."""
    level = "restricted" if namespace == RESTRICTED else "baseline"

    with pytest.raises(CommandFailed, match=f'violates PodSecurity "{level}') as refusal:
        cluster.kubectl.create(make_pod(namespace, busybox, **asks))

    assert reason in str(refusal.value)


def test_run_as_root_is_refused_where_restricted_is_enforced(cluster, busybox):
    """A PipelineRun whose pod breaks the policy ends as a failure that says so: there never is a pod."""
    outcome = run_script(cluster, "#!/bin/sh\nid\n", image=busybox, root=True)

    assert (outcome.succeeded, outcome.pod, outcome.log) == (False, None, "")
    assert "violates PodSecurity" in outcome.message


def test_pod_finds_no_service_account_token(cluster, busybox):
    """There is no token in the pod's files, and the API server takes an anonymous pod for nobody."""
    script = f"#!/bin/sh\nls {TOKEN} 2>/dev/null\ngrep -c kubernetes.io/serviceaccount /proc/mounts\nexit 0\n"
    outcome = run_script(cluster, script, image=busybox)

    assert (outcome.succeeded, outcome.log) == (True, "0\n")


def test_default_account_hands_out_no_token_either(cluster, busybox):
    """A run that names no account and forgets to decline the token gets none."""
    run = make_run("#!/bin/sh\nexit 0\n", image=busybox)
    run["spec"]["taskRunTemplate"].pop("serviceAccountName")
    run["spec"]["taskRunTemplate"]["podTemplate"].pop("automountServiceAccountToken")
    run["metadata"] = {"name": "forgetful", "namespace": RESTRICTED}
    cluster.kubectl.create(run)

    try:
        name = "forgetful-script-pod"
        pod = cluster.kubectl.await_object("pod", name, RESTRICTED, until=lambda _: True)
    finally:
        cluster.kubectl.delete("pipelinerun", "forgetful", RESTRICTED)

    mounts = [mount["mountPath"] for container in pod["spec"]["containers"] for mount in container["volumeMounts"]]
    assert TOKEN not in mounts


def test_pods_reach_registry_index_and_github(cluster, busybox, registry, index, cluster_github):
    """The registry, the package index and the GitHub of tests answer a pod under the URLs that they have here."""
    index.add_wheel("six", "1.17.0")
    urls = {
        "REGISTRY": f"{registry.url}/v2/",
        "INDEX": f"{index.url}/six/",
        "GITHUB": f"{cluster_github.api_url}/meta",
    }
    script = "#!/bin/sh\nfor url in $REGISTRY $INDEX $GITHUB; do wget -q -O /dev/null $url && echo reached; done\n"

    outcome = run_script(cluster, script, image=busybox, environment=urls)

    assert outcome.log == "reached\n" * 3


@pytest.mark.network
def test_pods_reach_the_package_index_of_this_machine(cluster, base, authorities):
    """A pod resolves and reaches the index that pip uses here, with this machine's certificate authorities."""
    configuration = read_pip_configuration(os.environ, python=sys.executable)
    assert configuration is not None
    script = (
        "#!/usr/bin/python3\nimport os, urllib.request\n"
        "with urllib.request.urlopen(os.environ['INDEX'], timeout=60) as answer:\n"
        "    print(answer.status, b'six-1.17.0-py2.py3-none-any.whl' in answer.read())\n"
    )

    outcome = run_script(
        cluster,
        script,
        image=base,
        environment={"INDEX": f"{configuration.index_url}/six/", "SSL_CERT_FILE": "/authorities/ca.crt"},
        volumes=[({"configMap": {"name": authorities}}, "/authorities")],
    )

    assert outcome.log == "200 True\n"
