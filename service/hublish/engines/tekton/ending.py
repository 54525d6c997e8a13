"""How a build ended, from what its run and its Steps said: the run decides, the Steps explain, the registry has the last word."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from hublish.core.building import BuildStopped, BuildSucceeded, LayerSummary, Progress
from hublish.core.podlines import LayerRecords, parse_message
from hublish.core.ports import ImageReader
from hublish.core.redact import redact
from hublish.core.reference import is_digest
from hublish.engines.runs import BuildRun, find_target
from hublish.engines.tekton.pods import IMAGE_HINT, Obstacle
from hublish.engines.tekton_run import RunEnd
from hublish.errors import BuildCancelled, BuildFailed, EngineFailed, HublishError, ImageInvalid, clip
from hublish.oci.manifest import MANIFEST_TYPES, parse_manifest

_TIMEOUTS = frozenset({"PipelineRunTimeout", "TaskRunTimeout"})
_CANCELLATIONS = frozenset({"Cancelled", "PipelineRunCancelled", "TaskRunCancelled", "StoppedRunFinally"})
_PUSH = "push"
_HINT_LIMIT = 1000
_CODE = re.compile(r"[A-Z][A-Za-z]{0,63}")
# How Tekton names the container that failed.
_CONTAINER = re.compile(r'(?:init container failed, )?"(?:step-(?P<step>[^"]*)|[^"]*)" exited ')
_APPLY_HINT = "The operator applies the Tasks and Pipelines: `kubectl apply --server-side -k tekton`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What else is known of a run that ended.

    Attributes:
        reason: Tekton's, of its one TaskRun; "" when there is none.
        message: of that.
        obstacle: what kept its pod from running when it was last looked at.
        removal: how its pod was taken away, which Tekton does only to runs that it stopped; "" when it was not.
    """

    reason: str = ""
    message: str = ""
    obstacle: Obstacle | None = None
    removal: str = ""


class StepFailed(HublishError):
    """A Step ended with a reason of its own; code and words are those that it gave."""

    def __init__(self, stopped: BuildStopped) -> None:
        # In the Step that builds it may be a RUN that said so; `BuildRun.make_stopped` clips the message.
        super().__init__(stopped.message, hint=clip(stopped.hint, limit=_HINT_LIMIT), transient=stopped.transient)
        self._code = stopped.code if _CODE.fullmatch(stopped.code) else BuildFailed.__name__

    @property
    def code(self) -> str:
        """As the Step named it."""
        return self._code


class RunReport:
    """What the Steps of a run say while it goes on."""

    def __init__(self, run: BuildRun) -> None:
        self._run = run
        self.succeeded: BuildSucceeded | None = None
        self.stopped: BuildStopped | None = None
        self.records: LayerRecords | None = None

    def take(self, step: str, line: str) -> None:
        """Take a line of a Step's log; success and records are believed of the Step that pushes alone."""
        match parse_message(line):
            case Progress() as progress:
                self._run.advance(replace(progress, label=clip(progress.label)))
            case BuildStopped() as stopped:
                self.stopped = stopped
                self._run.advance(Progress(step=stopped.step, done=0, total=None, label=clip(stopped.label)))
            case BuildSucceeded() as succeeded if step == _PUSH:
                self.succeeded = succeeded
            case LayerRecords() as records if step == _PUSH:
                self.records = records
            case BuildSucceeded() | LayerRecords():
                pass
            case None:
                self._run.hear(line)


def make_outcome(
    run: BuildRun, end: RunEnd, report: RunReport, *, images: ImageReader, circumstances: Circumstances
) -> BuildSucceeded:
    """Make the outcome of a run that ended.

    Raises:
        HublishError: it ended without an image; code, message and hint say why.
    """
    if not end.succeeded:
        raise _make_failure(run, end, report, circumstances)
    digest = end.results.get("IMAGE_DIGEST", "").strip()
    if not is_digest(digest):
        raise EngineFailed(f"the run reports no digest: {clip(digest)!r}")
    if run.request.target is None:
        return _take_tried(report, digest)
    target = find_target(run.request).with_digest(digest)
    found = images.fetch_manifest(target)
    if found is None or found.media_type not in MANIFEST_TYPES:
        raise ImageInvalid(f"the run reports {target}, and the registry has no such image")
    if report.succeeded is not None and report.succeeded.digest == digest:
        return report.succeeded
    if run.request.part is not None:
        return BuildSucceeded(digest=digest, size_bytes=0, layers=(), uploaded_bytes=0, packages=())
    # What the Step said was lost on the way; the registry and the plan know enough for an answer.
    manifest = parse_manifest(found.body)
    return BuildSucceeded(
        digest=digest,
        size_bytes=sum(layer.size_bytes for layer in manifest.layers) + manifest.config.size_bytes,
        layers=tuple(
            LayerSummary(title="layer", digest=layer.digest, size_bytes=layer.size_bytes, transfer="present")
            for layer in manifest.layers
        ),
        uploaded_bytes=0,
        packages=tuple((package.name, package.version) for package in run.request.plan.packages),
    )


def _take_tried(report: RunReport, digest: str) -> BuildSucceeded:
    """The outcome of a build that is pushed nowhere: no registry knows of it, so that the Step's word is all there is."""
    if report.succeeded is None or report.succeeded.digest != digest:
        raise EngineFailed(
            "what the run found out was lost with its log", hint="Ask again to build anew.", transient=True
        )
    return report.succeeded


def _make_failure(run: BuildRun, end: RunEnd, report: RunReport, circumstances: Circumstances) -> HublishError:
    # A TaskRun that ends by itself leaves its run with nothing but "Failed".
    reasons = {end.reason, circumstances.reason}
    if end.reason in _TIMEOUTS or (reasons & _TIMEOUTS and end.reason not in _CANCELLATIONS):
        return _make_timeout(run, circumstances.obstacle)
    message = redact(clip(circumstances.message or end.message))
    if reasons & _CANCELLATIONS:
        return BuildCancelled(f"the run was cancelled in the cluster: {message}", hint="Ask again to build anew.")
    if report.stopped is not None:
        return StepFailed(report.stopped)
    reason = circumstances.reason or end.reason
    for words, make in _CAUSES.items():
        if words in f"{reason} {circumstances.message or end.message}":
            return make(message)
    if circumstances.removal:
        return EngineFailed(
            f"{circumstances.removal} ({message})", hint="Ask again: the build starts anew.", transient=True
        )
    return EngineFailed(
        f"the run failed ({clip(reason)}): {message}",
        hint="The operator sees more by `kubectl describe pipelinerun`.",
    )


def _make_timeout(run: BuildRun, obstacle: Obstacle | None) -> HublishError:
    limit = run.request.plan.time_seconds
    # Tekton removes the pod of a run whose time is over before it says that the run ended.
    if obstacle is not None and not obstacle.removal:
        return EngineFailed(
            f"the pod did not run within the build's {limit} seconds: {obstacle.message}",
            hint=obstacle.hint,
            transient=True,
        )
    part = run.request.part
    if part is not None and part.script is not None:
        return BuildFailed(f"{part.script.title} took longer than {limit} seconds", hint=part.script.hint)
    if part is not None:
        # The time of a base is the operator's: no config can raise it.
        return BuildFailed(
            f"system.apt: installing the packages took longer than {limit} seconds",
            hint="Name fewer packages, or a `base` that holds them.",
        )
    return BuildFailed(
        f"the build ran into its limit of {limit} seconds",
        hint="Raise `limits.time` in the config file if the operator allows, or build less.",
    )


def _make_out_of_memory(message: str) -> HublishError:
    words = f"needed more memory than it may have: {message}"
    found = _CONTAINER.match(message)
    if found is None or found["step"] == "build":
        hint = "The operator sets the limit under `engines.tekton.memory`."
        return BuildFailed(f"a Step of the build {words}", hint=hint)
    if found["step"] is not None:
        hint = "Its limit of 1 GiB is the same for every build: lock fewer packages, or name a smaller base."
        return BuildFailed(f"the Step {clip(found['step'])} {words}", hint=hint)
    hint = "The operator raises the default of the namespace's LimitRange."
    return EngineFailed(f"a container that Tekton adds to the pod {words}", hint=hint)


def _make_out_of_disk(message: str) -> HublishError:
    return BuildFailed(
        f"the build needed more disk than it may have: {message}",
        hint="Raise `limits.size` in the config file if the operator allows: a pod has four times that.",
    )


_CAUSES: Mapping[str, Callable[[str], HublishError]] = {
    "OOMKilled": _make_out_of_memory,
    "ImagePull": lambda message: EngineFailed(f"the pod's image cannot be pulled: {message}", hint=IMAGE_HINT),
    "violates PodSecurity": lambda message: EngineFailed(
        f"the cluster refuses the pod: {message}",
        hint="The operator runs `hublish doctor --cluster`, which names the setting.",
    ),
    "exceeds the total limit of containers": _make_out_of_disk,
    "exceeded its local ephemeral storage limit": _make_out_of_disk,
    "ephemeral": lambda message: EngineFailed(
        f"the node ran out of disk: {message}", hint="Ask again.", transient=True
    ),
    "Evicted": lambda message: EngineFailed(f"the pod was evicted: {message}", hint="Ask again.", transient=True),
    "node was low": lambda message: EngineFailed(f"the pod was evicted: {message}", hint="Ask again.", transient=True),
    "CouldntGetPipeline": lambda message: EngineFailed(
        f"the cluster lacks the Pipeline of the build: {message}", hint=_APPLY_HINT
    ),
    "CouldntGetTask": lambda message: EngineFailed(
        f"the cluster lacks the Task of the build: {message}", hint=_APPLY_HINT
    ),
    'serviceaccounts "': lambda message: EngineFailed(
        f"the account of the pods is missing: {message}",
        hint="The operator applies deploy/kubernetes, or names another under `engines.tekton.service_account`.",
    ),
    "usage per Container": lambda message: EngineFailed(
        f"the pod asks for more than the namespace lets one have: {message}",
        hint="The operator lowers `engines.tekton.memory`, or raises the LimitRange of the namespace.",
    ),
    "PodCreationFailed": lambda message: EngineFailed(
        f"the pod could not be created: {message}", hint="Ask again.", transient=True
    ),
}
