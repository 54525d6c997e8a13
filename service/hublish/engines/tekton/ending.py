"""How a build ended, from what its run and its Steps said: the run decides, the Steps explain, the registry has the last word."""

from __future__ import annotations

from hublish.core.building import BuildStopped, BuildSucceeded, LayerSummary, Progress
from hublish.core.podlines import parse_message
from hublish.core.ports import ImageReader
from hublish.core.redact import redact
from hublish.core.reference import is_digest
from hublish.engines.runs import BuildRun, find_target
from hublish.engines.tekton_run import RunEnd
from hublish.errors import BuildCancelled, BuildFailed, EngineFailed, HublishError, ImageInvalid, clip
from hublish.oci.manifest import MANIFEST_TYPES, parse_manifest

_TIMEOUTS = frozenset({"PipelineRunTimeout", "TaskRunTimeout"})
_CANCELLATIONS = frozenset({"Cancelled", "PipelineRunCancelled", "TaskRunCancelled", "StoppedRunFinally"})
_PASSING = ("evicted", "node was low", "preempt", "shutdown", "exceeded quota", "podcreationfailed", "not found")
_PUSH = "push"


class StepFailed(HublishError):
    """A Step ended with a reason of its own; code and words are those that it gave."""

    def __init__(self, stopped: BuildStopped) -> None:
        super().__init__(stopped.message, hint=stopped.hint, transient=stopped.transient)
        self._code = stopped.code

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

    def take(self, step: str, line: str) -> None:
        """Take a line of a Step's log; success is believed of the Step that pushes alone."""
        match parse_message(line):
            case Progress() as progress:
                self._run.advance(progress)
            case BuildStopped() as stopped:
                self.stopped = stopped
                self._run.step = stopped.step
            case BuildSucceeded() as succeeded if step == _PUSH:
                self.succeeded = succeeded
            case BuildSucceeded():
                pass
            case None:
                self._run.tell(line)


def make_outcome(run: BuildRun, end: RunEnd, report: RunReport, *, images: ImageReader) -> BuildSucceeded:
    """Make the outcome of a run that ended.

    Raises:
        HublishError: it ended without an image; code, message and hint say why.
    """
    if not end.succeeded:
        raise _make_failure(run, end, report)
    digest = end.results.get("IMAGE_DIGEST", "").strip()
    if not is_digest(digest):
        raise EngineFailed(f"the run reports no digest: {clip(digest)!r}")
    target = find_target(run.request).with_digest(digest)
    found = images.fetch_manifest(target)
    if found is None or found.media_type not in MANIFEST_TYPES:
        raise ImageInvalid(f"the run reports {target}, and the registry has no such image")
    if report.succeeded is not None and report.succeeded.digest == digest:
        return report.succeeded
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


def _make_failure(run: BuildRun, end: RunEnd, report: RunReport) -> HublishError:
    message = redact(clip(end.message))
    if end.reason in _TIMEOUTS:
        return BuildFailed(
            f"the build ran into its limit of {run.request.plan.time_seconds} seconds",
            hint="Raise `limits.time` in the config file if the operator allows, or build less.",
        )
    if end.reason in _CANCELLATIONS:
        return BuildCancelled(f"the run was cancelled in the cluster: {message}", hint="Ask again to build anew.")
    if report.stopped is not None:
        return StepFailed(report.stopped)
    if "OOMKilled" in end.message:
        return BuildFailed(
            f"a Step of the build needed more memory than it may have: {message}",
            hint="The operator sets the limit under `engines.tekton.memory`.",
        )
    passing = any(word in end.message.lower() for word in _PASSING)
    return EngineFailed(
        f"the run failed ({clip(end.reason)}): {message}",
        hint="Ask again." if passing else "The operator sees more by `kubectl describe pipelinerun`.",
        transient=passing,
    )
