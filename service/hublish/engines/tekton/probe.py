"""A pod that only looks around: made like a build's, read, and removed. What it says is judged elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hublish.engines.tekton.cluster import TektonCluster
from hublish.engines.tekton.pods import Obstacle, find_condition, find_obstacle
from hublish.engines.tekton_run import MANAGED_BY, TASK, RunChoices, find_end
from hublish.errors import EngineFailed

STEP = "probe"
_POLL_SECONDS = 0.5
# A registry may stumble once; the kubelet asks again after ten seconds.
_GRACE_SECONDS = 20.0
_LOG_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What became of a probe.

    Attributes:
        lines: what its pod printed; empty when there was none.
        failure: why it did not run to its end; "" when it did.
    """

    lines: tuple[str, ...]
    failure: str


def make_probe(name: str, *, choices: RunChoices, root: bool, environment: dict[str, str]) -> dict[str, Any]:
    """Make the PipelineRun of a probe.

    Args:
        name: of the run.
        choices: image, namespace and account, as builds have them.
        root: as the Step that builds a Dockerfile; else as a layered build's.
        environment: of the Step.
    """
    context: dict[str, Any] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    if root:
        context |= {"runAsUser": 0, "capabilities": {"drop": ["ALL"], "add": ["SETUID", "SETGID", "SETFCAP"]}}
    else:
        context |= {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        context |= {} if choices.user is None else {"runAsUser": choices.user, "runAsGroup": 0}
    step = {
        "name": STEP,
        "image": choices.image,
        "command": ["hublish", "step", "probe"],
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        # What a build asks for at most, so that a quota or a LimitRange refuses the probe as it would refuse the build.
        "computeResources": {
            "limits": {"cpu": choices.cpu, "memory": choices.memory},
            "requests": {"cpu": "50m", "memory": "64Mi"},
        },
        "securityContext": context,
        "volumeMounts": [{"name": "work", "mountPath": "/work"}],
    }
    task = {"name": TASK, "taskSpec": {"volumes": [{"name": "work", "emptyDir": {}}], "steps": [step]}}
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {"name": name, "namespace": choices.namespace, "labels": dict(MANAGED_BY)},
        "spec": {
            "pipelineSpec": {"tasks": [task]},
            "taskRunTemplate": {
                "serviceAccountName": choices.service_account,
                "podTemplate": {"automountServiceAccountToken": False, "enableServiceLinks": False},
            },
        },
    }


def run_probe(
    cluster: TektonCluster,
    probe: dict[str, Any],
    *,
    seconds: float,
    say: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> ProbeResult:
    """Run a probe to its end, or for so long, and remove it.

    Args:
        cluster: where.
        probe: its PipelineRun.
        seconds: at most; what hardly passes, as an image that cannot be pulled, is given up earlier.
        say: told what is waited for.
        clock: seconds that only go up.

    Raises:
        EngineFailed: the cluster refused the run itself.
    """
    name, namespace = probe["metadata"]["name"], probe["metadata"]["namespace"]
    cluster.create_run(probe, namespace=namespace)
    try:
        return _await_end(cluster, name, namespace, wait=_Wait(seconds=seconds, say=say, clock=clock))
    finally:
        cluster.delete_run(name, namespace=namespace)


class _Wait:
    """How long is waited, and what is told meanwhile: each obstacle once."""

    def __init__(self, *, seconds: float, say: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._say = say
        self._clock = clock
        self._deadline = clock() + seconds
        self._blocked_at: float | None = None
        self._told: set[str] = set()

    def is_over(self, obstacle: Obstacle | None) -> bool:
        """Whether waiting on, with this in the way, is of no use."""
        now = self._clock()
        if obstacle is not None and obstacle.message not in self._told:
            self._told.add(obstacle.message)
            self._say(f"waiting: {obstacle.message}")
        if obstacle is None or not obstacle.fatal:
            self._blocked_at = None
        elif self._blocked_at is None:
            self._blocked_at = now
        blocked = self._blocked_at is not None and now - self._blocked_at > _GRACE_SECONDS
        return blocked or now > self._deadline


def _await_end(cluster: TektonCluster, name: str, namespace: str, *, wait: _Wait) -> ProbeResult:
    while True:
        found = cluster.find_run(name, namespace=namespace)
        end = None if found is None else find_end(found)
        pods = cluster.list_pods(name, namespace=namespace)
        task_runs = cluster.list_task_runs(name, namespace=namespace)
        if end is not None and end.succeeded:
            return ProbeResult(lines=_read_lines(cluster, pods, namespace), failure="")
        if end is not None:
            message = next((find_condition(item)[1] for item in task_runs), "") or end.message
            return ProbeResult(lines=(), failure=message or end.reason)
        obstacle = find_obstacle(pods, task_runs)
        if wait.is_over(obstacle):
            return ProbeResult(lines=(), failure="its pod did not run" if obstacle is None else obstacle.message)
        time.sleep(_POLL_SECONDS)


def _read_lines(cluster: TektonCluster, pods: Sequence[dict[str, Any]], namespace: str) -> tuple[str, ...]:
    if not pods:
        raise EngineFailed("the probe's pod was gone before its log was read", transient=True)
    pod = pods[0]["metadata"]["name"]
    with cluster.open_log(pod, f"step-{STEP}", namespace=namespace, since_seconds=None) as response:
        body = b"".join(response.stream(_LOG_BYTES, decode_content=False))[:_LOG_BYTES]
    return tuple(line.partition(" ")[2] for line in body.decode(errors="replace").splitlines())
