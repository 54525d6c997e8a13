"""What keeps a pod from running, in words for people: no such image, no room, a policy or a quota."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hublish.errors import clip

_PULL = frozenset({"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"})
_CREATE = frozenset({"CreateContainerConfigError", "CreateContainerError"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why a pod does not run; `fatal` when waiting will not help much longer."""

    message: str
    hint: str
    fatal: bool


def find_obstacle(pods: Sequence[Mapping[str, Any]]) -> Obstacle | None:
    """Find what keeps the pods of a run from running; None when nothing does."""
    for pod in pods:
        status = pod.get("status") or {}
        for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
            waiting = (container.get("state") or {}).get("waiting") or {}
            reason, message = str(waiting.get("reason", "")), clip(str(waiting.get("message", "")))
            if reason in _PULL:
                return Obstacle(
                    message=f"the image {clip(str(container.get('image')))} cannot be pulled: {message or reason}",
                    hint="The operator names the images of builds under `engines.tekton`.",
                    fatal=True,
                )
            if reason in _CREATE:
                return Obstacle(
                    message=f"the container {container['name']} cannot be created: {message or reason}",
                    hint="The operator sees more by `kubectl describe pod`.",
                    fatal=True,
                )
        for condition in status.get("conditions") or ():
            if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
                return Obstacle(
                    message=f"the cluster has no room for the pod yet: {clip(str(condition.get('message', '')))}",
                    hint="",
                    fatal=False,
                )
    return None
