"""The deliver workflow: one per run, from its trigger to its answer. Thin; the stages are modules of their own.

```
acknowledge -> check config -> prepare -> announce -> builds -> publish -> propose -> answer
```
Red or failed takes the same road to its answer. The order of steps is part of the history: change it by `DBOS.patch`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from dbos import DBOS, DBOSConfiguredInstance, SetWorkflowID
from dbos import error as dbos_error

from hublish.core.answers.report import Answer, Failure, HubReport
from hublish.core.building import BuildSucceeded
from hublish.core.repository import ResolvedRef
from hublish.core.status import RunState
from hublish.errors import HublishError, join_hint
from hublish.telemetry import get_logger
from hublish.workflows.answer import Answering
from hublish.workflows.build import BuildWorkflow, join_image_build, start_builds
from hublish.workflows.cancelling import Cancelling
from hublish.workflows.configcheck import ConfigCheck
from hublish.workflows.durable import (
    EFFECT_ATTEMPTS,
    Fault,
    find_state,
    make_fault,
    run_async_effect,
    run_effect,
    workflow,
)
from hublish.workflows.ending import (
    end_run,
    end_with,
    explain_stop,
    make_answer,
    make_failure,
    name_stopped,
    note_step,
    record_step,
    with_hubs,
    with_images,
)
from hublish.workflows.joining import WAITS, Joining, make_joined
from hublish.workflows.locking import Locking
from hublish.workflows.planning import MakePlan, Planners
from hublish.workflows.prepare import Preparation
from hublish.workflows.prepared import Built, Delivered, Prepared, PreparedImage
from hublish.workflows.propose import Proposal
from hublish.workflows.publish import publish_unmoved
from hublish.workflows.queue import enter_queue, settle_build
from hublish.workflows.services import Services
from hublish.workflows.waiting import Waiting

COURTESY_ATTEMPTS = 1
"""Tries of what a run can do without (reaction, first comment, open check), beside those its client makes anyway."""

ANSWER_ATTEMPTS = 14
"""Tries of the answer, 1 s to an hour apart: some hours of GitHub's absence are waited out, as nothing else is owed more."""

Value = TypeVar("Value")

_log = get_logger(__name__)


@DBOS.dbos_class("deliver")
class DeliverWorkflow(DBOSConfiguredInstance):
    """Brings one run to its answer."""

    def __init__(self, services: Services, build: BuildWorkflow, waiting: Waiting, *, wake: Callable[[], None]) -> None:
        """Registers the workflow.

        Args:
            services: the ports.
            build: the workflow of a build.
            waiting: waits for builds.
            wake: called when a build entered the queue.
        """
        super().__init__("deliver")
        self._waiting = waiting
        self._wake = wake
        self._services = services
        self._build = build
        self._answering = Answering(services)
        self._config_check = ConfigCheck(services)
        # A plan may wait for long, for a base that gets packages: `/cancel` and all other steps must not wait with it.
        self._planners = Planners()
        self._proposal = Proposal(services)
        self._cancelling = Cancelling(services)
        self._locking = Locking(services)
        self._joining = Joining(services)
        self._note = partial(note_step, services)

    @workflow("deliver")
    async def run(self, run_id: str) -> str:
        """Bring the run to its answer; returns the state it ended in."""
        try:
            return await self._bring(run_id)
        except dbos_error.DBOSException:
            raise
        except Exception as error:  # noqa: BLE001  # the boundary of a run: everything ends in an answer
            _log.exception("run failed unexpectedly", run=run_id)
            prepared = Prepared(state=RunState.FAILED, failure=make_failure(make_fault(error)), ref=None)
            return await self._finish(run_id, prepared, make_answer(self._services, run_id, prepared, ""))

    async def _bring(self, run_id: str) -> str:
        call = partial(self._answering.acknowledge, run_id)
        await run_effect("acknowledge", type(None), call, attempts=COURTESY_ATTEMPTS)
        if await DBOS.patch_async("the config is checked"):
            # Said in a check run of its own; whatever becomes of it, a build that is wanted goes on.
            await run_effect("check config", str, partial(self._config_check.run, run_id))
        prepared = await self._prepare("plan", run_id, partial(self._begin, run_id))
        if prepared.waits:
            wait = partial(self._joining.wait, run_id)
            joined = await run_async_effect("await release", str, wait, preemptible=True)
            prepared = make_joined(joined) or await self._prepare("plan tag", run_id, partial(self._plan, run_id))
        if prepared.lock is not None:
            prepared = await self._locking.run(run_id, prepared.lock)
        wanted = await run_effect("read run", str, lambda: self._read_wanted(run_id))
        answer = make_answer(self._services, run_id, prepared, wanted if isinstance(wanted, str) else "")
        if prepared.state is RunState.BUILDING:
            answer = await self._go(run_id, prepared, answer)
        return await self._finish(run_id, prepared, answer)

    async def _finish(self, run_id: str, prepared: Prepared, answer: Answer) -> str:
        untold = None
        if prepared.state is not RunState.SKIPPED:
            untold = await self._say(run_id, prepared, answer)
        elif await DBOS.patch_async("checks of what is skipped are ended"):
            await run_effect("check ended", type(None), partial(self._answering.check, run_id, answer, ()))
        await run_effect("end", type(None), lambda: self._end(run_id, answer, untold))
        return answer.state.value

    async def _go(self, run_id: str, prepared: Prepared, answer: Answer) -> Answer:
        sha = None if prepared.ref is None else prepared.ref.sha
        await run_effect("state building", type(None), lambda: self._move(run_id, RunState.BUILDING, sha))
        check = partial(self._answering.check, run_id, answer, prepared.titles, images=prepared.images)
        await run_effect("check started", type(None), check, attempts=COURTESY_ATTEMPTS)
        announce = partial(self._answering.announce, run_id, answer, prepared)
        await run_effect("announce", type(None), announce, attempts=COURTESY_ATTEMPTS)
        built = await self._build_all(run_id, prepared, answer)
        if built.failure is not None:
            return end_with(answer, built.failure)
        moved = await run_effect("state delivering", type(None), lambda: self._begin_delivery(run_id))
        if isinstance(moved, Fault):
            # Nobody knows then whether it was cancelled, and what is stopped is never delivered.
            return end_with(answer, make_failure(moved))
        delivering = replace(answer, state=RunState.DELIVERING)
        announce = partial(self._answering.announce_delivery, run_id, delivering, prepared)
        await run_effect("announce delivering", type(None), announce, attempts=COURTESY_ATTEMPTS)
        return await self._deliver(run_id, prepared, answer, built)

    async def _prepare(self, name: str, run_id: str, call: MakePlan) -> Prepared:
        def plan(*, may_wait: bool) -> Prepared:
            return record_step(self._services, run_id, name, partial(call, may_wait=may_wait))

        is_cancelled = partial(self._cancelling.is_cancelled, run_id)
        prepared = await run_async_effect(name, Prepared, partial(self._planners.run, plan, is_cancelled=is_cancelled))
        if isinstance(prepared, Fault):
            return Prepared(state=RunState.FAILED, failure=make_failure(prepared), ref=None)
        return prepared

    def _begin(self, run_id: str, *, may_wait: bool) -> Prepared:
        return WAITS if self._joining.must_wait(run_id) else self._plan(run_id, may_wait=may_wait)

    def _plan(self, run_id: str, *, may_wait: bool) -> Prepared:
        preparation = Preparation(self._services, may_wait=may_wait)
        return preparation.run(run_id, decided=partial(self._open_checks, run_id))

    def _open_checks(self, run_id: str, ref: ResolvedRef, titles: tuple[str, ...]) -> None:
        queued = Prepared(state=RunState.RECEIVED, failure=None, ref=ref)
        try:
            self._answering.leave_commit(run_id, ref)
            # Kept before anything is opened: whatever ends the run without its plan still ends these checks.
            self._move(run_id, RunState.PLANNING, ref.sha)
            self._services.steps.ensure_titles(run_id, titles)
            self._answering.check(
                run_id, make_answer(self._services, run_id, queued, self._read_wanted(run_id)), titles
            )
        except HublishError as error:
            # The check is a courtesy here; it is made again when the build starts and when the run ends.
            _log.warning("check not opened", run=run_id, code=error.code, error=error.message)

    async def _build_all(self, run_id: str, prepared: Prepared, answer: Answer) -> Built:
        names: list[str] = []
        for image in prepared.images:
            name = await run_effect(f"claim {image.title}", str, partial(self._claim, run_id, image))
            if isinstance(name, Fault):
                return Built(names=(), failure=make_failure(name))
            names.append(name)
        if await DBOS.patch_async("builds are queued"):
            wait = partial(self._waiting.wait, run_id, answer, prepared, tuple(dict.fromkeys(names)))
            await run_async_effect("await builds", type(None), wait, preemptible=True)
        else:
            await start_builds(self._build, tuple(names))
        built = await run_effect("builds", Built, partial(self._collect, run_id, prepared, tuple(names)))
        return Built(names=(), failure=make_failure(built)) if isinstance(built, Fault) else built

    async def _deliver(self, run_id: str, prepared: Prepared, answer: Answer, built: Built) -> Answer:
        images: list[Delivered] = []
        for image, name in zip(prepared.images, built.names, strict=True):
            call = partial(publish_unmoved, self._services, run_id, prepared.ref, image, build=name)
            delivered = await self._stage(f"publish {image.title}", run_id, Delivered, call)
            if isinstance(delivered, Fault):
                return end_with(answer, make_failure(delivered))
            images.append(delivered)
        answer = with_images(answer, tuple(images))
        hubs: list[HubReport] = []
        for hub in prepared.hubs:
            call_hub = partial(self._proposal.run, run_id, prepared, hub, tuple(images))
            report = await self._stage(f"propose to {hub}", run_id, HubReport, call_hub)
            if isinstance(report, Fault):
                detail = join_hint(report.message, report.hint)
                report = HubReport(hub=hub, url=None, number=None, detail=detail, ok=False)
            hubs.append(report)
        return with_hubs(answer, tuple(hubs))

    async def _say(self, run_id: str, prepared: Prepared, answer: Answer) -> Fault | None:
        """Give the answer; returns why it could not be given."""
        call = partial(self._answering.check, run_id, answer, prepared.titles, images=prepared.images)
        ended = await run_effect("check ended", type(None), call)
        # Where no comment is due the check run is the answer, which is tried for as long as any.
        say = partial(self._answering.answer, run_id, answer, check=call if isinstance(ended, Fault) else None)
        said = await self._stage("answer", run_id, type(None), say, attempts=ANSWER_ATTEMPTS)
        await run_effect("tidy", type(None), partial(self._answering.tidy, run_id, answer))
        return said

    async def _stage(
        self,
        name: str,
        run_id: str,
        kind: type[Value],
        call: Callable[[], Value],
        *,
        attempts: int = EFFECT_ATTEMPTS,
    ) -> Value | Fault:
        """An effect that people see as a step of the run."""
        recorded = partial(record_step, self._services, run_id, name, call)
        return await run_effect(name, kind, recorded, attempts=attempts)

    def _move(self, run_id: str, state: RunState, sha: str | None) -> None:
        self._services.runs.move_run(run_id, state, at=self._services.now(), sha=sha)

    def _begin_delivery(self, run_id: str) -> None:
        # In this order: whoever cancels looks at the state, so that one of both sees the other.
        self._move(run_id, RunState.DELIVERING, None)
        self._cancelling.verify_wanted(run_id)

    def _claim(self, run_id: str, image: PreparedImage) -> str:
        self._cancelling.verify_wanted(run_id)
        build = join_image_build(self._services, image, run_id=run_id)
        enter_queue(self._services, build)
        self._wake()
        self._note(run_id, f"build {image.title}", "running", "")
        return build.name

    def _collect(self, run_id: str, prepared: Prepared, names: tuple[str, ...]) -> Built:
        self._cancelling.verify_wanted(run_id)
        failure: Failure | None = None
        stopped: list[str] = []
        for image, name in zip(prepared.images, names, strict=True):
            outcome = settle_build(self._services, name)
            if isinstance(outcome, BuildSucceeded):
                self._note(run_id, f"build {image.title}", "done", "")
                continue
            self._note(run_id, f"build {image.title}", "failed", outcome.message)
            stopped.append(image.title)
            tail = outcome.last_lines or self._services.archive.read_tail(name)
            failure = failure or explain_stop(outcome, last_lines=tail)
        return Built(names=names, failure=name_stopped(failure, tuple(stopped), total=len(names)))

    def _read_wanted(self, run_id: str) -> str:
        run = self._services.runs.read_run(run_id)
        return "" if run is None else run.ref

    def _end(self, run_id: str, answer: Answer, untold: Fault | None) -> None:
        _log.info("run ended", run=run_id, state=answer.state.value)
        end_run(self._services, run_id, answer, untold=untold)


def make_start(deliver: DeliverWorkflow) -> Callable[[str], None]:
    """Make the call that starts a run's workflow under the run's own id; a second call does nothing."""

    def start(run_id: str) -> None:
        with SetWorkflowID(f"deliver-{run_id}"):
            DBOS.start_workflow(deliver.run, run_id)

    return start


def find_workflow_state(run_id: str) -> str | None:
    """The engine's state of a run's workflow; None when it knows none."""
    return find_state(f"deliver-{run_id}")
