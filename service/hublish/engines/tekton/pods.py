"""What keeps a pod from running, in words for people: no such image, no room, a quota, a node that is gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hublish.errors import clip

IMAGE_HINT = "The operator names the images of pods under `engines.tekton`."
QUOTA_HINT = "The operator raises the quota of the namespace, or lowers `engines.tekton.slots`."
_DESCRIBE_HINT = "The operator sees more by `kubectl describe pod`."
_PULL = frozenset({"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"})
_CREATE = frozenset({"CreateContainerConfigError", "CreateContainerError"})
_QUOTA = "ExceededResourceQuota"
# What a kubelet writes into pods that it ends, or never begins, for the node's own reasons; "OutOfcpu" and the like, too.
_NODE_REASONS = frozenset(
    {"NodeAffinity", "NodeLost", "NodeShutdown", "Preempting", "Terminated", "UnexpectedAdmissionError"}
)
_OUT_OF = "OutOf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why a pod does not run.

    Attributes:
        message: for people.
        hint: what to do.
        fatal: waiting will not help much longer.
        transient: the same build may succeed later.
        removal: it was there, and is being removed.
    """

    message: str
    hint: str
    fatal: bool
    transient: bool = False
    removal: bool = False


def find_obstacle(pods: Sequence[Mapping[str, Any]], task_runs: Sequence[Mapping[str, Any]]) -> Obstacle | None:
    """Find what keeps the pods of a run from running; None when nothing does."""
    for pod in pods:
        found = next(_find_in_pod(pod), None)
        if found is not None:
            return found
    for task_run in task_runs:
        reason, message = find_condition(task_run)
        if reason == _QUOTA:
            return Obstacle(
                message=f"the namespace's quota has no room for the pod yet: {clip(message)}",
                hint=QUOTA_HINT,
                fatal=False,
                transient=True,
            )
    return None


def find_condition(task_run: Mapping[str, Any]) -> tuple[str, str]:
    """`(reason, message)` of what Tekton says last of a TaskRun; empty while it says nothing."""
    for condition in (task_run.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Succeeded":
            return str(condition.get("reason", "")), str(condition.get("message", ""))
    return "", ""


def find_removal(pods: Sequence[Mapping[str, Any]], task_runs: Sequence[Mapping[str, Any]]) -> str:
    """Find how the pod of a run that failed was taken away from it; "" when it was not.

    Tekton itself leaves pods that failed where they are. One that the cluster ended for its own reasons says so, and
    may stay, too: a node that shuts down, a pod of more importance, a node that had less room than it was thought to have.

    Source: Kubernetes, "Disruptions", pod disruption conditions; "Graceful node shutdown".
    """
    for pod in pods:
        status = pod.get("status") or {}
        reason, message = str(status.get("reason") or ""), str(status.get("message") or "")
        if status.get("phase") == "Failed" and (reason in _NODE_REASONS or reason.startswith(_OUT_OF)):
            return f"the cluster ended the pod: {clip(message or reason)}"
        for condition in status.get("conditions") or ():
            if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
                words = str(condition.get("message") or condition.get("reason") or "DisruptionTarget")
                return f"the cluster ended the pod: {clip(words)}"
    left = {pod["metadata"]["name"] for pod in pods if pod["metadata"].get("deletionTimestamp") is None}
    names = ((task_run.get("status") or {}).get("podName") for task_run in task_runs)
    if any(name and name not in left for name in names):
        return "the pod was removed while it ran: its node was drained or is gone, or somebody deleted it"
    return ""


def find_unstarted(pods: Sequence[Mapping[str, Any]]) -> str | None:
    """Name of the pod that has a node which has not started it yet; None when there is none."""
    for pod in pods:
        pending = (pod.get("status") or {}).get("phase") == "Pending"
        if pending and (pod.get("spec") or {}).get("nodeName") and pod["metadata"].get("deletionTimestamp") is None:
            return str(pod["metadata"]["name"])
    return None


def make_start_obstacle(warnings: Sequence[tuple[str, str]]) -> Obstacle:
    """What to say of a pod that its node does not start.

    Args:
        warnings: `(reason, message)` of the pod's events, oldest first.
    """
    reason, message = warnings[-1] if warnings else ("", "")
    return Obstacle(
        message=f"the node has not started the pod yet{': ' if message else ''}{clip(message)}",
        hint=_DESCRIBE_HINT,
        # A Secret that somebody deleted does not come back.
        fatal=reason == "FailedMount" and "not found" in message,
        transient=True,
    )


def _find_in_pod(pod: Mapping[str, Any]) -> Iterator[Obstacle]:
    status = pod.get("status") or {}
    if pod["metadata"].get("deletionTimestamp") is not None and status.get("phase") in ("Pending", "Running"):
        yield Obstacle(
            message="the pod is being removed: its node does not answer, or somebody deleted it",
            hint="Ask again: the build starts anew.",
            fatal=True,
            transient=True,
            removal=True,
        )
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        yield from _find_in_container(container)
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield Obstacle(
                message=f"the cluster has no room for the pod yet: {clip(str(condition.get('message', '')))}",
                hint="The operator adds nodes, or lowers `engines.tekton.slots`.",
                fatal=False,
                transient=True,
            )


def _find_in_container(container: Mapping[str, Any]) -> Iterator[Obstacle]:
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason, message = str(waiting.get("reason", "")), clip(str(waiting.get("message", "")))
    if reason in _PULL:
        yield Obstacle(
            message=f"the image {clip(str(container.get('image')))} cannot be pulled: {message or reason}",
            hint=IMAGE_HINT,
            fatal=True,
        )
    if reason in _CREATE:
        yield Obstacle(
            message=f"the container {container['name']} cannot be created: {message or reason}",
            hint=_DESCRIBE_HINT,
            fatal=True,
        )
