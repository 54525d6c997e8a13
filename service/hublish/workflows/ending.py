"""How a run ends: its answer grows by what was delivered and proposed, and its record says the same. Values, one write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from hublish.core.answers.report import Answer, Failure, HubReport, ImageReport
from hublish.core.building import BuildStopped
from hublish.core.github.buttons import HUB_REFUSED
from hublish.core.redact import redact
from hublish.core.repository import RefKind
from hublish.core.status import RunState
from hublish.errors import HublishError, RunCancelled, clip, join_hint
from hublish.workflows.durable import Fault, make_fault
from hublish.workflows.prepared import Delivered, Prepared
from hublish.workflows.services import Services

Value = TypeVar("Value")

ROAD = (RunState.RECEIVED, RunState.PLANNING, RunState.BUILDING, RunState.DELIVERING)
"""The states of a run that goes well, in order, before it is delivered."""


def note_step(services: Services, run_id: str, name: str, state: str, detail: str) -> None:
    """Write down how far a step of a run is, for its page: "running", "done" or "failed", and why."""
    services.steps.ensure_step(run_id, name, state=state, detail=clip(redact(detail)), at=services.now())


def record_step(services: Services, run_id: str, name: str, call: Callable[[], Value]) -> Value:
    """Run a step, and write down how it goes; what it raises is raised."""
    note_step(services, run_id, name, "running", "")
    try:
        value = call()
    except HublishError as error:
        note_step(services, run_id, name, "running" if error.transient else "failed", error.message)
        raise
    except Exception as error:
        note_step(services, run_id, name, "failed", make_fault(error).message)
        raise
    ended_badly = isinstance(value, Prepared) and value.failure is not None
    note_step(services, run_id, name, "failed" if ended_badly else "done", "")
    return value


def end_run(services: Services, run_id: str, answer: Answer, *, untold: Fault | None = None) -> None:
    """Move a run to the state its answer says; states that a fault left out are walked through first.

    Args:
        services: the ports.
        run_id: the run.
        answer: how it ended.
        untold: why nobody could be told on GitHub; its page is then the only place that says it.
    """
    run = services.runs.read_run(run_id)
    message = _make_message(answer)
    if untold is not None:
        message = f"{clip(message, limit=700)} The answer could not be given on GitHub: {untold.message}".strip()
    road = ROAD[ROAD.index(run.state) + 1 :] if run is not None and run.state in ROAD else ()
    for state in road if answer.state is RunState.DELIVERED else ():
        services.runs.move_run(run_id, state, at=services.now())
    _close_steps(services, run_id)
    services.runs.move_run(run_id, answer.state, at=services.now(), sha=answer.sha, message=clip(message, limit=1024))


def _close_steps(services: Services, run_id: str) -> None:
    """End the steps that nobody goes on with: tried in vain where the last try left its reason, else left."""
    for step in services.steps.list_steps(run_id):
        if step.ended_at is None:
            state = "failed" if step.detail else "skipped"
            services.steps.ensure_step(run_id, step.name, state=state, detail=step.detail, at=services.now())


def make_answer(services: Services, run_id: str, prepared: Prepared, wanted: str) -> Answer:
    """The answer of a run as far as it is decided; `wanted` is what was asked for."""
    return Answer(
        run_id=run_id,
        run_url=f"{services.policy.public_url}/runs/{run_id}",
        state=prepared.state,
        wanted=wanted,
        sha=None if prepared.ref is None else prepared.ref.sha,
        failure=prepared.failure,
        findings=prepared.findings,
        notes=prepared.notes,
        reply=prepared.reply,
        pull_request=prepared.ref is not None and prepared.ref.kind is RefKind.PULL_REQUEST,
    )


def _make_message(answer: Answer) -> str:
    """How a run ended, for its page and for lists: what to do, or what stands where."""
    if answer.failure is not None:
        return join_hint(f"{answer.failure.code}: {answer.failure.message}", answer.failure.hint)
    images = [
        f"{image.reference if image.pushed else f'{image.title} (not pushed)'} is {image.digest}"
        for image in answer.images
    ]
    return "; ".join([*images, *(f"hub {hub.hub}: {hub.url or hub.detail}" for hub in answer.hubs)])


def make_failure(fault: Fault) -> Failure:
    """A fault as the answer shows it."""
    return Failure(code=fault.code, message=fault.message, hint=fault.hint)


def explain_stop(outcome: BuildStopped, *, last_lines: tuple[str, ...]) -> Failure:
    """Why a build has no image, as the answer shows it; one that may succeed later says how to ask for it."""
    later = "The same build may succeed later: comment `/build` on an issue here." if outcome.transient else ""
    return Failure(
        code=outcome.code, message=outcome.message, hint=f"{outcome.hint} {later}".strip(), last_lines=last_lines
    )


def name_stopped(failure: Failure | None, stopped: tuple[str, ...], *, total: int) -> Failure | None:
    """The failure of a run of several images: which of them have none, and that therefore none is published."""
    if failure is None or total == 1:
        return failure
    message = f"{len(stopped)} of {total} images could not be built ({', '.join(stopped)}), so none is published."
    return replace(failure, message=f"{message} {stopped[0]}: {failure.message}")


def end_with(answer: Answer, failure: Failure) -> Answer:
    """The answer of a run that failed, or was stopped, after it began."""
    state = RunState.CANCELLED if failure.code == RunCancelled.__name__ else RunState.FAILED
    return replace(answer, state=state, failure=failure)


def with_images(answer: Answer, images: tuple[Delivered, ...]) -> Answer:
    """The answer with every image delivered."""
    reports = tuple(
        ImageReport(
            title=image.prepared.title,
            reference=f"{image.prepared.name}:{image.tags[0]}"
            if image.tags
            else f"{image.prepared.name}@{image.digest}",
            digest=image.digest,
            tags=image.tags[1:],
            kept_tags=image.kept_tags,
            size_bytes=image.size_bytes,
            layers=image.layers,
            uploaded_bytes=image.uploaded_bytes,
            seconds=image.seconds,
            pushed=image.prepared.pushed,
            delivered_as=tuple(f"{image.prepared.name}:{tag}" for tag in image.prepared.delivered_tags),
        )
        for image in images
    )
    return replace(answer, state=RunState.DELIVERED, images=reports)


def with_hubs(answer: Answer, hubs: tuple[HubReport, ...]) -> Answer:
    """The answer with what was proposed; it fails when a hub that was wanted does not list the image."""
    answer = replace(answer, hubs=hubs)
    refused = next((hub for hub in hubs if not hub.ok), None)
    if refused is None:
        return answer
    message = f"The image was pushed, but the hub {refused.hub} does not list it: {refused.detail}"
    hint = f"Once that is settled, comment `/build {answer.wanted}` on an issue here; nothing is built again."
    return end_with(answer, Failure(code=HUB_REFUSED, message=message, hint=hint))
