"""What a pod of a build may be: asserted of every strategy's, as the cluster stored it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.cluster.cluster import Cluster

BASELINE_CAPABILITIES = frozenset(
    {
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP"),
        *("SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    }
)


def find_pod(cluster: Cluster, run: str, namespace: str) -> dict[str, Any]:
    """The one pod of a PipelineRun."""
    (pod,) = cluster.kubectl.list("pods", namespace, selector=f"tekton.dev/pipelineRun={run}")
    return pod


def find_faults(pod: Mapping[str, Any]) -> list[str]:
    """What must not be in the pod of any build; empty when nothing is."""
    return [*_find_pod_faults(pod["spec"]), *_find_container_faults(pod["spec"]), *_find_mount_faults(pod["spec"])]


def list_secret_mounts(pod: Mapping[str, Any]) -> dict[str, list[str]]:
    """Container -> Secrets that it can read, without the run's name."""
    run = pod["metadata"]["labels"]["tekton.dev/pipelineRun"]
    volumes = {item["name"]: item["secret"]["secretName"] for item in pod["spec"]["volumes"] if "secret" in item}
    return {
        container["name"]: [
            volumes[mount["name"]].removeprefix(run) for mount in container["volumeMounts"] if mount["name"] in volumes
        ]
        for container in pod["spec"]["containers"]
    }


def _find_pod_faults(spec: Mapping[str, Any]) -> Iterator[str]:
    for name in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
        if spec.get(name):
            yield name
    if spec.get("automountServiceAccountToken") is not False:
        yield "a token may be mounted"
    for volume in spec["volumes"]:
        if "hostPath" in volume or "projected" in volume:
            yield f"volume {volume['name']}"


def _find_container_faults(spec: Mapping[str, Any]) -> Iterator[str]:
    for container in (*spec["containers"], *spec.get("initContainers", ())):
        context = container.get("securityContext") or {}
        added = set((context.get("capabilities") or {}).get("add") or ()) - BASELINE_CAPABILITIES
        if context.get("privileged") or added:
            yield f"{container['name']} is privileged or has {sorted(added)}"
        if not {"cpu", "memory", "ephemeral-storage"} <= set(container["resources"]["limits"]):
            yield f"{container['name']} has no limits"
        if any("valueFrom" in item for item in container.get("env", ())) or container.get("envFrom"):
            yield f"{container['name']} is given variables from elsewhere"


def _find_mount_faults(spec: Mapping[str, Any]) -> Iterator[str]:
    for container in spec["containers"]:
        if any("kubernetes.io/serviceaccount" in mount["mountPath"] for mount in container["volumeMounts"]):
            yield f"{container['name']} has a token"
