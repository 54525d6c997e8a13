"""The bare subject: a TaskRun of the same Task, with the same image, Secrets and limits, that nobody but Tekton looks after."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, replace
from typing import Any

from bench.engines.stage import PATIENCE_SECONDS, Stage
from hublish.bootstrap.pods.engine import make_run_choices
from hublish.bootstrap.pods.files import StepFileMaker
from hublish.core.building import BuildRequest
from hublish.core.plan import Strategy
from hublish.engines.tekton_run import make_run

LABEL = {"hublish-bench": "bare"}
_CALL_SECONDS = (5, 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class BareBuild:
    """One TaskRun whose Secrets are there; times in seconds since the epoch come with its run."""

    name: str
    run: dict[str, Any]
    namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BareTimes:
    """When it was asked for, when its pod came to be, when it ended."""

    asked_at: float
    pod_at: float
    ended_at: float


def prepare_bare(stage: Stage, request: BuildRequest, *, name: str) -> BareBuild:
    """Make what a person would have made beforehand: the Secrets of the Steps, under the TaskRun's name.

    Args:
        stage: where.
        request: of a build that hublish did; the image goes to the same repository, under the TaskRun's name.
        name: of the TaskRun.
    """
    if request.target is None:
        raise ValueError(f"{request.name} has no target")
    own = replace(request, name=name, target=replace(request.target, tag=name))
    choices = make_run_choices(stage.settings)[own.plan.strategy]
    github = stage.town.github
    maker = StepFileMaker(
        settings=stage.settings,
        mint_token=lambda repository: github.make_installation_token(repository.full_name),
        find_secrets=lambda _: {},
        index_keys=stage.find_index_keys(),
    )
    for step, files in maker.make(own).items():
        body = {
            "metadata": {"name": f"{name}-{step}", "labels": LABEL},
            "data": {file: base64.b64encode(content).decode() for file, content in files.items()},
        }
        stage.observer.core.create_namespaced_secret(choices.namespace, body, _request_timeout=_CALL_SECONDS)
    pipeline_run = make_run(own, choices=choices)
    template = pipeline_run["spec"]["taskRunTemplate"]
    run = {
        "apiVersion": "tekton.dev/v1",
        "kind": "TaskRun",
        "metadata": {"name": name, "namespace": choices.namespace, "labels": LABEL},
        "spec": {
            "taskRef": {"name": "hublish-layered" if own.plan.strategy is Strategy.LAYERED else "hublish-container"},
            "params": pipeline_run["spec"]["params"],
            "serviceAccountName": template["serviceAccountName"],
            "podTemplate": template["podTemplate"],
            "stepSpecs": pipeline_run["spec"]["taskRunSpecs"][0]["stepSpecs"],
        },
    }
    return BareBuild(name=name, run=run, namespace=choices.namespace)


def run_bare(stage: Stage, build: BareBuild) -> BareTimes:
    """Create the TaskRun and wait for its end.

    Raises:
        NothingSeen: it failed, or did not end.
    """
    asked_at = time.time()
    stage.observer.objects.create_namespaced_custom_object(
        "tekton.dev", "v1", build.namespace, "taskruns", build.run, _request_timeout=_CALL_SECONDS
    )
    pod_at = stage.observer.await_pod(build.name, seconds=PATIENCE_SECONDS)
    ended_at = stage.observer.await_end(build.name, seconds=PATIENCE_SECONDS)
    return BareTimes(asked_at=asked_at, pod_at=pod_at, ended_at=ended_at)


def remove_bare(stage: Stage, build: BareBuild) -> None:
    """Remove what `prepare_bare` and `run_bare` made."""
    kubectl = stage.cluster.kubectl
    kubectl.delete("taskrun", build.name, build.namespace)
    for step in ("fetch", "push"):
        kubectl.delete("secret", f"{build.name}-{step}", build.namespace)
