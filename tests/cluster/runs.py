"""One script in one pod of the cluster, as a PipelineRun: for tests of the lane, and for tests that look from inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.cluster.cluster import RESTRICTED, Cluster

TASK = "script"
STEP = "run"
_USER = {"runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 0, "seccompProfile": {"type": "RuntimeDefault"}}
_HARMLESS = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended.

    Attributes:
        succeeded: whether Tekton says so.
        reason: of its last condition, e.g. "Succeeded", "Failed".
        message: of its task's last condition, which says more than the run's; the run's when there is no task.
        log: what the script printed; "" when it never started.
        pod: the pod as it ended; None when there was none.
    """

    succeeded: bool
    reason: str
    message: str
    log: str
    pod: dict[str, Any] | None


def make_run(
    script: str,
    *,
    image: str,
    namespace: str = RESTRICTED,
    environment: Mapping[str, str] | None = None,
    volumes: Sequence[tuple[dict[str, Any], str]] = (),
    root: bool = False,
) -> dict[str, Any]:
    """A PipelineRun of one step whose pod gets no token.

    Args:
        script: begins with its interpreter, "#!/bin/sh" say.
        image: the step's.
        namespace: where it runs.
        environment: variables of the step.
        volumes: pairs of a volume without its name, and where it is mounted, read-only.
        root: run as UID 0 with the capabilities that the runtime gives, which `restricted` refuses.
    """
    names = [f"volume-{number}" for number in range(len(volumes))]
    step = {
        "name": STEP,
        "image": image,
        "script": script,
        "env": [{"name": name, "value": value} for name, value in (environment or {}).items()],
        "securityContext": {} if root else _HARMLESS,
        "volumeMounts": [
            {"name": name, "mountPath": path, "readOnly": True} for name, (_, path) in zip(names, volumes, strict=True)
        ],
    }
    specification = {
        "steps": [step],
        "volumes": [{"name": name, **volume} for name, (volume, _) in zip(names, volumes, strict=True)],
    }
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {} if root else _USER,
    }
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {"generateName": "test-", "namespace": namespace},
        "spec": {
            "taskRunTemplate": {"serviceAccountName": "build", "podTemplate": pod},
            "pipelineSpec": {"tasks": [{"name": TASK, "taskSpec": specification}]},
        },
    }


def run_script(cluster: Cluster, script: str, *, seconds: float = 480, **arguments: Any) -> Outcome:
    """Run a script to its end and remove the run; the arguments are those of `make_run`.

    Raises:
        CommandFailed: it was refused, or has not ended after `seconds`.
    """
    run = cluster.kubectl.create(make_run(script, **arguments))
    try:
        return await_run(cluster, run, seconds=seconds)
    finally:
        cluster.kubectl.delete("pipelinerun", run["metadata"]["name"], run["metadata"]["namespace"])


def await_run(cluster: Cluster, run: Mapping[str, Any], *, seconds: float = 480) -> Outcome:
    """Wait until a PipelineRun of `make_run` has ended; it stays."""
    name, namespace = run["metadata"]["name"], run["metadata"]["namespace"]
    ended = cluster.kubectl.await_object("pipelinerun", name, namespace, until=_has_ended, seconds=seconds)
    condition = ended["status"]["conditions"][0]
    tasks = cluster.kubectl.list("taskruns", namespace, selector=f"tekton.dev/pipelineRun={name}")
    of_task = tasks[0]["status"]["conditions"][0] if tasks else condition
    pods = cluster.kubectl.list("pods", namespace, selector=f"tekton.dev/pipelineRun={name}")
    log = ""
    if pods and any("terminated" in status["state"] for status in pods[0]["status"].get("containerStatuses", ())):
        log = cluster.kubectl.read_log(pods[0]["metadata"]["name"], namespace, container=f"step-{STEP}")
    return Outcome(
        succeeded=condition["status"] == "True",
        reason=condition["reason"],
        message=of_task["message"],
        log=log,
        pod=pods[0] if pods else None,
    )


def _has_ended(run: dict[str, Any]) -> bool:
    conditions = run.get("status", {}).get("conditions") or [{"status": "Unknown"}]
    return conditions[0]["status"] in ("True", "False")
