"""From a build's request to a PipelineRun, and from a PipelineRun back to what became of it. Pure: objects in, objects out.

A run bears the name of its build, so that a second start finds it; its labels and annotations say to a person with only
`kubectl` what it builds. What may be secret is in Secrets that it owns, never in it.

Source: Tekton Pipelines v1, "PipelineRuns"; Kubernetes, "Labels and Selectors".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hublish.core.building import BuildRequest
from hublish.core.measures import render_bytes
from hublish.core.plan import Strategy
from hublish.errors import BuildFailed, EngineFailed, clip

MANAGED_BY = {"app.kubernetes.io/managed-by": "hublish"}
PREFIX = "hublish.dev/"
PART_OF = f"{PREFIX}part-of"
"""Label of a part: the build that needs it."""
_IMAGE = f"{PREFIX}image"
PENDING = "PipelineRunPending"
CANCELLED = "Cancelled"
TASK = "build"
STEPS = ("fetch", "build", "push")
WORKSPACE = "secrets"
_SECRETS_LIMIT_BYTES = 1_000_000
_LABEL_LENGTH = 63
# Time for the pod to be scheduled, its images to be pulled and the first line to be printed.
START_SECONDS = 300
_DISK_PER_IMAGE_BYTE = 4
_LEAST_DISK_BYTES, _MOST_DISK_BYTES = 1 << 30, 64 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChoices:
    """What the operator chose for pods.

    Attributes:
        image: of the Steps.
        namespace: where the pods run.
        service_account: the pods' account; it needs no right at all.
        user: UID of the Steps; None leaves it to the cluster, as OpenShift wants.
        cpu: limit of the Step build, e.g. "2".
        memory: limit of the Step build, e.g. "4Gi".
        link: root of the service's pages; "" when there are none.
    """

    image: str
    namespace: str
    service_account: str
    user: int | None
    cpu: str
    memory: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """How a PipelineRun ended.

    Attributes:
        succeeded: Tekton's word.
        reason: of its condition, e.g. "Failed", "PipelineRunTimeout", "Cancelled".
        message: of the condition.
        results: name -> text.
    """

    succeeded: bool
    reason: str
    message: str
    results: Mapping[str, str]


def make_run(request: BuildRequest, *, choices: RunChoices, has_build_secrets: bool = False) -> dict[str, Any]:
    """Make the PipelineRun of a build; it is pending until its Secrets are there.

    Args:
        request: what to build.
        choices: the operator's.
        has_build_secrets: the Step build has a Secret too; it is mounted there and nowhere else.
    """
    plan = request.plan
    workspace = {"name": WORKSPACE, "secret": {"secretName": f"{request.name}-build"}}
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {
            "name": request.name,
            "namespace": choices.namespace,
            "labels": _make_labels(request),
            "annotations": _make_annotations(request, choices),
        },
        "spec": {
            "status": PENDING,
            "pipelineRef": {"name": f"hublish-{plan.strategy.value}"},
            "params": [{"name": "image", "value": choices.image}, {"name": "run", "value": request.name}],
            **({"workspaces": [workspace]} if has_build_secrets else {}),
            "timeouts": {"pipeline": f"{plan.time_seconds + START_SECONDS}s"},
            "taskRunTemplate": {
                "serviceAccountName": choices.service_account,
                "podTemplate": {
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "securityContext": _make_user(plan.strategy, choices),
                },
            },
            "taskRunSpecs": [{"pipelineTaskName": TASK, "stepSpecs": _make_limits(request, choices)}],
        },
    }


def make_secret(run: Mapping[str, Any], *, step: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    """Make the Secret of one Step, owned by the run.

    Args:
        run: the PipelineRun as the cluster has it.
        step: fetch, build or push.
        files: name -> bytes.

    Raises:
        BuildFailed: it is more than a Secret may hold.
    """
    size = sum(len(body) for body in files.values())
    if size > _SECRETS_LIMIT_BYTES:
        raise BuildFailed(
            f"what the Step {step} needs to know has {render_bytes(size)}, a Secret holds {render_bytes(_SECRETS_LIMIT_BYTES)}",
            hint="Lock fewer packages, or name a smaller `ca_file`.",
        )
    metadata = run["metadata"]
    owner = {
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": False,
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"{metadata['name']}-{step}",
            "namespace": metadata["namespace"],
            "labels": dict(MANAGED_BY),
            "ownerReferences": [owner],
        },
        "immutable": True,
        "data": {name: base64.b64encode(body).decode() for name, body in files.items()},
    }


def is_ours(run: Mapping[str, Any]) -> bool:
    """Whether hublish made the object."""
    labels = run["metadata"].get("labels") or {}
    return all(labels.get(name) == value for name, value in MANAGED_BY.items())


def verify_run(run: Mapping[str, Any], request: BuildRequest) -> None:
    """Make sure that the run of a build's name is that build's.

    Raises:
        EngineFailed: hublish did not make it, or it pushes to another place.
    """
    metadata = run["metadata"]
    there = f"there is a PipelineRun {metadata['namespace']}/{metadata['name']} that"
    if not is_ours(run):
        raise EngineFailed(f"{there} is not hublish's", hint="Nobody else may create runs in the build namespaces.")
    image = (metadata.get("annotations") or {}).get(_IMAGE)
    if image is not None and image != _name_target(request):
        raise EngineFailed(
            f"{there} pushes to {clip(image)}, which is not where this build goes",
            hint="Delete that run, or let it end, and ask again.",
        )


def is_pending(run: Mapping[str, Any]) -> bool:
    """Whether it still waits for its Secrets."""
    return bool(run["spec"].get("status") == PENDING)


def is_waiting(run: Mapping[str, Any]) -> bool:
    """Whether it is a run of ours that waits for its Secrets and has not ended."""
    return is_ours(run) and is_pending(run) and find_end(run) is None


def find_end(run: Mapping[str, Any]) -> RunEnd | None:
    """How a run ended; None while it has not."""
    status = run.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Succeeded" and condition.get("status") in ("True", "False"):
            return RunEnd(
                succeeded=condition["status"] == "True",
                reason=str(condition.get("reason", "")),
                message=str(condition.get("message", "")),
                results={item["name"]: str(item["value"]) for item in status.get("results") or ()},
            )
    return None


def _make_labels(request: BuildRequest) -> dict[str, str]:
    repository, ref = request.repository, request.ref
    labels = {**MANAGED_BY, f"{PREFIX}strategy": request.plan.strategy.value}
    if request.part is not None and request.part.build:
        labels[PART_OF] = request.part.build
    if repository is not None and ref is not None:
        labels[f"{PREFIX}repository"] = _make_label(repository.full_name.replace("/", "."))
        labels[f"{PREFIX}ref"] = _make_label(ref.name)
    return labels


def _make_label(text: str) -> str:
    """What of a text may be a label's value: the annotation of the same name has all of it."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[:_LABEL_LENGTH].strip("._-")


def _make_annotations(request: BuildRequest, choices: RunChoices) -> dict[str, str]:
    plan, repository, ref = request.plan, request.repository, request.ref
    texts = {
        "repository": None if repository is None else repository.full_name,
        "ref": None if ref is None else ref.name,
        "commit": plan.commit,
        "image": _name_target(request),
        "base": None if plan.base is None else str(plan.base),
        "part": _name_part(request),
        "service": choices.link or None,
    }
    return {f"{PREFIX}{name}": text for name, text in texts.items() if text is not None}


def _name_target(request: BuildRequest) -> str | None:
    return None if request.target is None else str(request.target)


def _name_part(request: BuildRequest) -> str | None:
    if request.part is None:
        return None
    return "a base with packages" if request.part.script is None else request.part.script.title


def _make_user(strategy: Strategy, choices: RunChoices) -> dict[str, Any]:
    if strategy is not Strategy.LAYERED:
        return {}
    context: dict[str, Any] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if choices.user is not None:
        context |= {"runAsUser": choices.user, "runAsGroup": 0}
    return context


def _make_limits(request: BuildRequest, choices: RunChoices) -> list[dict[str, Any]]:
    wanted = request.plan.size_bytes * _DISK_PER_IMAGE_BYTE
    disk = str(min(max(wanted, _LEAST_DISK_BYTES), _MOST_DISK_BYTES))
    limits = {
        "fetch": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": disk},
        "build": {"cpu": choices.cpu, "memory": choices.memory, "ephemeral-storage": disk},
        "push": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"},
    }
    return [
        {
            "name": step,
            "computeResources": {
                "limits": limits[step],
                # Steps run one after the other: asking for the sum of their limits would keep a node empty.
                "requests": {"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "64Mi"},
            },
        }
        for step in STEPS
    ]
