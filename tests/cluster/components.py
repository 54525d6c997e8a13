"""The processes of the node and how each is started. Values only: `node` runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.images import TEKTON_IMAGES, image_name
from tests.cluster.places import (
    API_PORT,
    NODE_ADDRESS,
    NODE_NAME,
    POD_NETWORK,
    SERVICE_NETWORK,
    WEBHOOK_PORT,
    State,
)

ETCD = "http://127.0.0.1:2379"
TEKTON_NAMESPACE = "tekton-pipelines"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One process.

    Attributes:
        name: of its log file and in what people read.
        command: program and arguments.
        environment: added to the node's own.
        after_path: it is started once this exists.
        after_port: it is started once someone listens here, on the node's address.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    after_path: Path | None = None
    after_port: int | None = None


def make_components(state: State, *, kubernetes: Path, tekton: Path) -> tuple[Component, ...]:
    """All processes in the order they start in.

    Args:
        state: folder with their configuration.
        kubernetes: folder of the Kubernetes binaries.
        tekton: folder of the Tekton binaries.
    """
    return (*_make_control_plane(state, kubernetes), *_make_workers(state, kubernetes), *_make_tekton(state, tekton))


def _make_control_plane(state: State, binaries: Path) -> tuple[Component, ...]:
    keys = state.keys
    server = (
        f"--etcd-servers={ETCD}",
        "--bind-address=0.0.0.0",
        f"--secure-port={API_PORT}",
        f"--advertise-address={NODE_ADDRESS}",
        f"--cert-dir={keys}",
        f"--tls-cert-file={keys}/apiserver.crt",
        f"--tls-private-key-file={keys}/apiserver.key",
        f"--client-ca-file={keys}/ca.crt",
        f"--token-auth-file={keys}/tokens.csv",
        f"--service-account-key-file={keys}/service-accounts.key",
        f"--service-account-signing-key-file={keys}/service-accounts.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--enable-aggregator-routing=true",
        # What is refused must be refused by the namespaces' policy, as on any other cluster.
        "--allow-privileged=true",
        f"--kubelet-client-certificate={keys}/kubelet-client.crt",
        f"--kubelet-client-key={keys}/kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
    )
    manager = (
        f"--kubeconfig={state.folder}/controller-manager.kubeconfig",
        f"--service-account-private-key-file={keys}/service-accounts.key",
        f"--root-ca-file={keys}/ca.crt",
        "--secure-port=0",
        "--leader-elect=false",
        # Each controller acts as its own account, with the rights that Kubernetes gives it.
        "--use-service-account-credentials=true",
        # A node that is silent is noticed within a test's patience; its pods are removed after five minutes, as anywhere.
        "--node-monitor-grace-period=20s",
    )
    scheduler = (f"--kubeconfig={state.folder}/scheduler.kubeconfig", "--secure-port=0", "--leader-elect=false")
    etcd = (
        "etcd",
        f"--data-dir={state.folder}/etcd",
        # Only on loopback of the node's own network: who reaches etcd owns the cluster.
        f"--listen-client-urls={ETCD}",
        f"--advertise-client-urls={ETCD}",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--unsafe-no-fsync",
        "--log-level=warn",
    )
    return (
        Component(name="registry", command=("docker-registry", "serve", f"{state.folder}/registry.yaml")),
        Component(name="etcd", command=etcd),
        Component(name="containerd", command=("containerd", "--config", f"{state.folder}/containerd.toml")),
        Component(name="kube-apiserver", command=(f"{binaries}/kube-apiserver", *server)),
        Component(
            name="kube-controller-manager",
            command=(f"{binaries}/kube-controller-manager", *manager),
            after_port=API_PORT,
        ),
        Component(name="kube-scheduler", command=(f"{binaries}/kube-scheduler", *scheduler), after_port=API_PORT),
    )


def _make_workers(state: State, binaries: Path) -> tuple[Component, ...]:
    kubelet = (
        f"--config={state.folder}/kubelet.yaml",
        f"--kubeconfig={state.folder}/node.kubeconfig",
        f"--root-dir={state.folder}/kubelet",
        f"--cert-dir={state.keys}/kubelet",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_ADDRESS}",
    )
    proxy = (
        f"--kubeconfig={state.folder}/proxy.kubeconfig",
        "--proxy-mode=iptables",
        f"--cluster-cidr={POD_NETWORK}",
        f"--hostname-override={NODE_NAME}",
        # These limits belong to the machine, not to the node's network.
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
    )
    return (
        Component(name="kubelet", command=(f"{binaries}/kubelet", *kubelet), after_path=state.containerd_socket),
        Component(name="kube-proxy", command=(f"{binaries}/kube-proxy", *proxy), after_port=API_PORT),
    )


def _make_tekton(state: State, binaries: Path) -> tuple[Component, ...]:
    common = {
        "SYSTEM_NAMESPACE": TEKTON_NAMESPACE,
        "KUBERNETES_MIN_VERSION": "v1.28.0",
        "METRICS_DOMAIN": "tekton.dev/pipeline",
        "CONFIG_LOGGING_NAME": "config-logging",
        "CONFIG_OBSERVABILITY_NAME": "config-observability",
        "CONFIG_FEATURE_FLAGS_NAME": "feature-flags",
    }
    webhook = {
        **common,
        "POD_NAME": "webhook",
        "PROBES_PORT": "8181",
        "METRICS_PROMETHEUS_PORT": "9190",
        "WEBHOOK_PORT": str(WEBHOOK_PORT),
        "WEBHOOK_ADMISSION_CONTROLLER_NAME": "webhook.pipeline.tekton.dev",
        "WEBHOOK_SERVICE_NAME": "tekton-pipelines-webhook",
        "WEBHOOK_SECRET_NAME": "webhook-certs",
        "CONFIG_LEADERELECTION_NAME": "config-leader-election-webhook",
    }
    controller = {
        **common,
        "POD_NAME": "controller",
        "PROBES_PORT": "8182",
        "METRICS_PROMETHEUS_PORT": "9191",
        "CONFIG_DEFAULTS_NAME": "config-defaults",
        "CONFIG_LEADERELECTION_NAME": "config-leader-election-controller",
        "CONFIG_SPIRE": "config-spire",
    }
    images = tuple(part for name in TEKTON_IMAGES for part in (f"-{name}-image", image_name(name)))
    access = ("-kubeconfig", str(state.kubeconfig))
    return (
        Component(
            name="tekton-webhook",
            command=(f"{binaries}/webhook", *access),
            environment=webhook,
            after_path=state.tekton_installed,
        ),
        Component(
            name="tekton-controller",
            command=(
                f"{binaries}/controller",
                *access,
                "-disable-ha",
                *images,
                "-shell-image",
                image_name("shell"),
                "-shell-image-win",
                "none",
            ),
            environment=controller,
            after_path=state.tekton_installed,
        ),
    )
