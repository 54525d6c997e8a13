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


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why a pod does not run.

    Attributes:
        message: for people.
        hint: what to do.
        fatal: waiting will not help much longer.
        transient: the same build may succeed later.
        removal: it ran, and is being removed.
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


def is_removed(pods: Sequence[Mapping[str, Any]], task_runs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the pod of a run that failed was taken away from it: Tekton itself leaves such pods where they are."""
    left = {pod["metadata"]["name"] for pod in pods if pod["metadata"].get("deletionTimestamp") is None}
    names = ((task_run.get("status") or {}).get("podName") for task_run in task_runs)
    return any(name and name not in left for name in names)


def _find_in_pod(pod: Mapping[str, Any]) -> Iterator[Obstacle]:
    status = pod.get("status") or {}
    if pod["metadata"].get("deletionTimestamp") is not None and status.get("phase") == "Running":
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
