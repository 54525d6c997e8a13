"""Tekton in the cluster: its resources from the published module, its webhook reached at the node's address."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.components import TEKTON_NAMESPACE
from tests.cluster.kubectl import Kubectl
from tests.cluster.places import NODE_ADDRESS, WEBHOOK_PORT, State

SERVICE = "tekton-pipelines-webhook"
CRD_SECONDS = 240
# Restricted pods need it: without it Tekton's own containers in a pod state no security context and are refused.
FLAGS = {"set-security-context": "true"}


def install_tekton(kubectl: Kubectl, state: State, binaries: Path) -> None:
    """Create Tekton's resources and let its processes start.

    Args:
        kubectl: the administrator's.
        state: of the running cluster.
        binaries: folder of the Tekton product, with the module's `config` in it.
    """
    config = binaries / "config"
    settings = sorted(
        path for path in config.glob("config-*.yaml") if path.name != "config-leader-election-events.yaml"
    )
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEKTON_NAMESPACE}})
    _apply_files(kubectl, config / "300-crds", *settings, config / "500-webhooks.yaml")
    flags = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "feature-flags"}, "data": FLAGS}
    kubectl.apply(flags, arguments=("-n", TEKTON_NAMESPACE, "--force-conflicts"))
    kubectl.apply(*_make_webhook_service(), arguments=("-n", TEKTON_NAMESPACE))
    kubectl.run("wait", "--for=condition=Established", f"--timeout={CRD_SECONDS}s", "crd", "-l", _RELEASE, seconds=300)
    state.tekton_installed.touch()


_RELEASE = "app.kubernetes.io/part-of=tekton-pipelines"


def _apply_files(kubectl: Kubectl, *paths: Path) -> None:
    files = [part for path in paths for part in ("-f", str(path))]
    kubectl.run("apply", "--server-side", "--field-manager=tekton", "-n", TEKTON_NAMESPACE, *files, seconds=120)


def _make_webhook_service() -> tuple[dict[str, object], ...]:
    """The service that the admission hooks name: no pod stands behind it, but a process of the node."""
    port = {"name": "https-webhook", "port": WEBHOOK_PORT}
    return (
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": SERVICE},
            "spec": {"ports": [{"name": "https-webhook", "port": 443, "targetPort": WEBHOOK_PORT}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": SERVICE, "labels": {"kubernetes.io/service-name": SERVICE}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [NODE_ADDRESS]}],
            "ports": [port],
        },
    )
