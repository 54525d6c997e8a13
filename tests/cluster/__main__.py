"""`python -m tests.cluster up|down|status|programs`: what `make cluster-up` and `make cluster-down` run.

`programs` builds what `up` starts and starts nothing, so that it can be done while something else is waited for.
"""

from __future__ import annotations

import sys
import time

from tests.cluster.binaries import KUBERNETES, TEKTON, BinariesMissing, ensure_binaries
from tests.cluster.cluster import (
    BASELINE,
    DEPLOYMENT,
    RESTRICTED,
    Cluster,
    ClusterMissing,
    ensure_deployment,
    find_cluster,
    find_given_kubeconfig,
)
from tests.cluster.commands import CommandFailed
from tests.cluster.components import TEKTON_NAMESPACE
from tests.cluster.lane import LaneBroken, ensure_cluster, find_node, remove_cluster
from tests.cluster.machine import LeftBehind
from tests.cluster.places import State


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 not understood."""
    commands = {"up": _up, "down": _down, "status": _status, "programs": _programs}
    if len(arguments) != 1 or arguments[0] not in commands:
        print(f"usage: python -m tests.cluster {'|'.join(commands)}", file=sys.stderr)
        return 2
    try:
        return commands[arguments[0]](State.find())
    except (LaneBroken, ClusterMissing, BinariesMissing, CommandFailed, LeftBehind) as error:
        print(f"tests.cluster {arguments[0]}: {error}", file=sys.stderr)
        return 1


def _up(state: State) -> int:
    given = find_given_kubeconfig(state)
    if given is not None:
        return _use(find_cluster(state))
    began = time.monotonic()
    started = ensure_cluster(state)
    ensure_deployment(find_cluster(state).kubectl)
    if started:
        print(f"The cluster is ready after {time.monotonic() - began:.0f} s.")
    else:
        print("The cluster is running already.")
    print(f"export KUBECONFIG={state.kubeconfig}")
    return 0


def _use(cluster: Cluster) -> int:
    print(f"Using the cluster of KUBECONFIG={cluster.kubeconfig}; nothing is started here.")
    flags = cluster.kubectl.get("configmap", "feature-flags", TEKTON_NAMESPACE)
    if flags is None:
        print(f"tests.cluster up: no Tekton Pipelines in namespace {TEKTON_NAMESPACE} there", file=sys.stderr)
        return 1
    if flags.get("data", {}).get("set-security-context") != "true":
        print('tests.cluster up: set "set-security-context": "true" in configmap feature-flags there', file=sys.stderr)
        return 1
    ensure_deployment(cluster.kubectl)
    print(f"Applied {DEPLOYMENT.name}: namespaces {RESTRICTED} and {BASELINE} are ready.")
    return 0


def _down(state: State) -> int:
    given = find_given_kubeconfig(state)
    if given is not None:
        print(
            f"The cluster of KUBECONFIG={given} is yours and stays: kubectl delete -k deploy/kubernetes undoes our part."
        )
        return 0
    began = time.monotonic()
    removed = remove_cluster(state)
    print(f"The cluster is gone after {time.monotonic() - began:.0f} s." if removed else "There was no cluster.")
    return 0


def _status(state: State) -> int:
    processes = find_node(state)
    print(f"running, process {processes[-1]}; files in {state.folder}" if processes else "not running")
    return 0


def _programs(_: State) -> int:
    for product in (KUBERNETES, TEKTON):
        print(ensure_binaries(product))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
