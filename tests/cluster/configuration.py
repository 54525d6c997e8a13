"""The configuration files that the cluster's processes read, written anew for each start."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.places import (
    API_PORT,
    CGROUP,
    NODE_ADDRESS,
    NODE_NAME,
    POD_NETWORK,
    REGISTRY_HOST,
    State,
)

PAUSE_IMAGE = "images.hublish.invalid/pause:1"
"""What holds a pod's namespaces; imported into containerd, never pulled."""
BRIDGE = "pods0"
_USERS = {
    "admin": ("admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "proxy": ("system:kube-proxy", ""),
    "node": (f"system:node:{NODE_NAME}", "system:nodes"),
}


def write_configuration(state: State, *, mtu: int) -> None:
    """Write every file below the state's folder.

    Args:
        state: its folder exists, its keys are written.
        mtu: largest packet of the way out of this machine, which pods must not exceed.
    """
    _write_access(state)
    _write_yaml(state.folder / "registry.yaml", _make_registry(state))
    _write_yaml(state.folder / "kubelet.yaml", _make_kubelet(state))
    (state.folder / "containerd.toml").write_text(_render_containerd(state))
    allow_plain_registry(state, REGISTRY_HOST)
    networks = state.folder / "cni"
    networks.mkdir()
    (networks / "10-pods.conflist").write_text(json.dumps(_make_network(state, mtu=mtu)))


def allow_plain_registry(state: State, host: str) -> None:
    """Let containerd pull from a registry over plain HTTP; it looks at every pull.

    Args:
        state: of the cluster.
        host: "ADDRESS:PORT", as it stands in references.
    """
    folder = state.folder / "registries" / host
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hosts.toml").write_text(f'[host."http://{host}"]\n  capabilities = ["pull", "resolve"]\n')


def make_kubeconfig(state: State, *, token: str) -> dict[str, Any]:
    """A kubeconfig document for the bearer of `token`."""
    cluster = {"server": f"https://{NODE_ADDRESS}:{API_PORT}", "certificate-authority": str(state.keys / "ca.crt")}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "hublish", "cluster": cluster}],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [{"name": "hublish", "context": {"cluster": "hublish", "user": "user"}}],
        "current-context": "hublish",
    }


def _write_access(state: State) -> None:
    rows = []
    for name, (user, group) in _USERS.items():
        token = secrets.token_hex(16)
        rows.append(f"{token},{user},{name},{group}\n" if group else f"{token},{user},{name}\n")
        path = state.folder / f"{name}.kubeconfig"
        path.touch(mode=0o600)
        _write_yaml(path, make_kubeconfig(state, token=token))
    tokens = state.keys / "tokens.csv"
    tokens.touch(mode=0o600)
    tokens.write_text("".join(rows))


def _make_registry(state: State) -> dict[str, Any]:
    return {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(state.folder / "registry")}, "delete": {"enabled": True}},
        "http": {"addr": REGISTRY_HOST, "secret": "only-for-tests"},
    }


def _make_kubelet(state: State) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(state.keys / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "failCgroupV1": False,
        "failSwapOn": False,
        # A fork bomb ends in its own pod.
        "podPidsLimit": 1024,
        "containerRuntimeEndpoint": f"unix://{state.containerd_socket}",
        "podLogsDir": str(state.folder / "pod-logs"),
        "volumePluginDir": str(state.folder / "volume-plugins"),
        "clusterDomain": "cluster.local",
        "resolvConf": str(find_resolver()),
        "healthzPort": 0,
        # Builds fill a disk faster than kubelet looks; images imported by the lane must never be collected.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "2%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
        "serializeImagePulls": False,
    }


def find_resolver() -> Path:
    """The file that names the machine's own DNS servers: a stub on loopback is of no use inside a pod."""
    stubbed = Path("/run/systemd/resolve/resolv.conf")
    return stubbed if stubbed.is_file() else Path("/etc/resolv.conf")


def _make_network(state: State, *, mtu: int) -> dict[str, Any]:
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "ipMasq": True,
        # A pod reaches itself through its service.
        "hairpinMode": True,
        "mtu": mtu,
        "ipam": {
            "type": "host-local",
            "dataDir": str(state.folder / "pod-addresses"),
            "ranges": [[{"subnet": POD_NETWORK}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    return {"cniVersion": "0.4.0", "name": "hublish-pods", "plugins": [bridge]}


def _render_containerd(state: State) -> str:
    folder = state.folder
    return f"""version = 2
root = "{folder}/containerd"
state = "{folder}/containerd-state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "{state.containerd_socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  # Without CAP_SYS_RESOURCE no process may lower its score below its parent's.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{folder}/registries"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
"""


def _write_yaml(path: Path, document: object) -> None:
    path.write_text(yaml.safe_dump(document, sort_keys=False))
