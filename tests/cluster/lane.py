"""Starts and stops the cluster of this machine. One at a time, whichever checkout asks; a half-started one is removed."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.binaries import KUBERNETES, TEKTON, ensure_binaries
from tests.cluster.certificates import write_certificates
from tests.cluster.commands import CommandFailed, run, succeeds
from tests.cluster.configuration import write_configuration
from tests.cluster.images import ensure_archives
from tests.cluster.kubectl import Kubectl
from tests.cluster.machine import (
    LeftBehind,
    find_mounts,
    remove_cgroups,
    remove_traces,
    restore_tunables,
    save_tunables,
)
from tests.cluster.network import connect_node, disconnect_node, find_mtu, find_network
from tests.cluster.places import NODE_NAME, State
from tests.cluster.tekton import install_tekton

READY_SECONDS = 480.0
END_SECONDS = 120.0
NODE_MODULE = "tests.cluster.node"
PROGRAMS = (
    "docker-registry", "etcd", "containerd", "runc", "ip", "iptables", "conntrack", "unshare", "mount", "sysctl"
)  # fmt: skip
_CHECKOUT = Path(__file__).parents[2]


class LaneBroken(RuntimeError):
    """The cluster cannot be started here, or did not become ready; the message says what to look at."""


def ensure_cluster(state: State) -> bool:
    """Start the cluster, or leave it be when it runs and is healthy.

    Returns:
        True when it was started, False when it was there.

    Raises:
        LaneBroken: a program is missing, we are not root, or it did not become ready.
        BinariesMissing: its programs could not be built.
    """
    _verify_machine()
    kubernetes, tekton = ensure_binaries(KUBERNETES), ensure_binaries(TEKTON)
    archives = ensure_archives(tekton)
    kubectl = Kubectl(binary=str(kubernetes / "kubectl"), kubeconfig=state.kubeconfig)
    with _hold_lock(state):
        if _is_healthy(state, kubectl):
            return False
        _remove(state)
        _prepare(state)
        _boot(state, kubernetes=kubernetes, tekton=tekton)
        _await_ready(state, kubectl, tekton=tekton, archives=archives)
    return True


def remove_cluster(state: State) -> bool:
    """Stop the cluster and remove every trace of it, also of one that never became ready; returns whether there was one.

    Raises:
        LeftBehind: something could not be removed.
    """
    with _hold_lock(state):
        return _remove(state)


def find_node(state: State) -> tuple[int, ...]:
    """Ids, as this machine sees them, of the processes that hold or are the node; the first process of it is last."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                arguments = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if NODE_MODULE in arguments and str(state.folder) in arguments:
                found.append(int(folder.name))
    return tuple(sorted(found))


def find_process(state: State, inside: str) -> int | None:
    """The id that this machine knows a process of the node by; None when it has ended.

    Args:
        state: of the running cluster.
        inside: its id in the node's namespace, as it stands in the state's `pids`.
    """
    node = (state.pids / "node").read_text().strip()
    namespace = os.readlink(f"/proc/{node}/ns/pid")
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                status = (folder / "status").read_text()
                same = os.readlink(folder / "ns" / "pid") == namespace
            except OSError:
                continue
            (ids,) = [line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")]
            if same and ids[-1] == inside.strip():
                return int(folder.name)
    return None


def _verify_machine() -> None:
    if os.geteuid() != 0:
        raise LaneBroken("the cluster needs root: it makes namespaces, interfaces and mounts")
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise LaneBroken(f"not on PATH: {', '.join(missing)}; run bash tests/sandbox/install-system.sh cluster")


@contextmanager
def _hold_lock(state: State) -> Iterator[None]:
    state.lock.parent.mkdir(parents=True, exist_ok=True)
    with state.lock.open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _is_healthy(state: State, kubectl: Kubectl) -> bool:
    if not find_node(state) or not state.tekton_installed.exists():
        return False
    return _node_is_ready(kubectl)


def _remove(state: State) -> bool:
    nodes = find_node(state)
    there = bool(nodes) or state.folder.exists()
    for process in reversed(nodes):
        # The kernel takes everything in the namespaces along, and the holder ends after its child.
        _kill(process)
    _await(lambda: not find_node(state), seconds=END_SECONDS, failure=LeftBehind(f"the node {nodes} does not end"))
    disconnect_node()
    remove_cgroups()
    restore_tunables(state)
    remove_traces(state)
    remains = (*find_network(), *find_mounts(state))
    if remains:
        raise LeftBehind(f"still there after the cluster: {', '.join(remains)}")
    return there


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def _prepare(state: State) -> None:
    for folder in (state.folder, state.logs, state.pids, state.imported):
        folder.mkdir(mode=0o700, parents=True)
    save_tunables(state)
    write_certificates(state)
    write_configuration(state, mtu=find_mtu())


def _boot(state: State, *, kubernetes: Path, tekton: Path) -> None:
    command = ["unshare", "--fork", "--kill-child", "--pid", "--mount-proc", "--mount", "--net"]
    node = [sys.executable, "-m", NODE_MODULE, str(state.folder), str(kubernetes), str(tekton)]
    with (state.logs / "node.log").open("wb") as log:
        holder = subprocess.Popen(
            [*command, *node],
            cwd=_CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    # The node outlives this process on purpose: nobody will wait for its holder.
    children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children")
    failure = LaneBroken(f"the node did not start: see {state.logs / 'node.log'}")
    _await(lambda: bool(children.read_text().split()), seconds=60, failure=failure)
    (process,) = children.read_text().split()
    (state.pids / "node").write_text(f"{process}\n")
    connect_node(int(process), mtu=find_mtu())
    holder.returncode = 0


def _await_ready(state: State, kubectl: Kubectl, *, tekton: Path, archives: tuple[Path, ...]) -> None:
    failure = LaneBroken(f"the cluster is not ready after {READY_SECONDS:.0f} s: see {state.logs}")
    with ThreadPoolExecutor() as pool:
        imported = pool.submit(import_images, state, *archives)
        _await(lambda: _answers(kubectl), seconds=READY_SECONDS, failure=failure)
        install_tekton(kubectl, state, tekton)
        imported.result()
    _await(lambda: _node_is_ready(kubectl), seconds=READY_SECONDS, failure=failure)
    _await(lambda: _admits(kubectl), seconds=READY_SECONDS, failure=failure)


def import_images(state: State, *archives: Path) -> None:
    """Put OCI archives into the node's containerd, under the names they carry."""
    failure = LaneBroken(f"containerd does not answer: see {state.logs / 'containerd.log'}")
    door = ("ctr", "--address", str(state.containerd_socket), "--namespace", "k8s.io")
    _await(lambda: succeeds(*door, "version"), seconds=READY_SECONDS, failure=failure)
    for archive in archives:
        run(*door, "images", "import", str(archive), seconds=900)


def _answers(kubectl: Kubectl) -> bool:
    try:
        return kubectl.run("get", "--raw", "/readyz").strip() == "ok"
    except CommandFailed:
        return False


def _node_is_ready(kubectl: Kubectl) -> bool:
    path = '{.status.conditions[?(@.type=="Ready")].status}'
    try:
        return kubectl.run("get", "node", NODE_NAME, "-o", f"jsonpath={path}") == "True"
    except CommandFailed:
        return False


def _admits(kubectl: Kubectl) -> bool:
    """Whether Tekton's webhook answers: a task is offered and not kept."""
    step = {"name": "step", "image": "none.invalid/none"}
    task = {
        "apiVersion": "tekton.dev/v1",
        "kind": "Task",
        "metadata": {"name": "probe", "namespace": "default"},
        "spec": {"steps": [step]},
    }
    try:
        kubectl.apply(task, arguments=("--dry-run=server",))
    except CommandFailed:
        return False
    return True


def _await(condition: Callable[[], bool], *, seconds: float, failure: Exception) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise failure
        time.sleep(0.1)
