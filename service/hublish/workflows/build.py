"""The build workflow: one per build key and attempt, shared by every run that wants that image.

Its id is the build's name, and the engine's run bears the same name: a second start joins, a repeated step adopts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from dbos import DBOS, DBOSConfiguredInstance, SetWorkflowID, WorkflowHandleAsync
from dbos import error as dbos_error

from hublish.core.building import BuildOutcome, BuildRequest, BuildStopped, BuildSucceeded, EngineStatus, Step
from hublish.core.codec import parse_value, render_value
from hublish.core.ports import BuildLog
from hublish.core.records import Build, BuildRecords
from hublish.core.reference import Reference, parse_reference
from hublish.core.repository import Repository
from hublish.errors import BuildFailed
from hublish.workflows.durable import Fault, run_async_effect, run_effect, workflow
from hublish.workflows.prepared import PreparedImage
from hublish.workflows.queue import free_slot
from hublish.workflows.services import Services

POLL_SECONDS = 0.25
SIBLINGS = 4
"""Repositories whose layers are asked for: each costs a look when this machine and the target's own know nothing."""
NOTE_EVERY_POLLS = 4


@DBOS.dbos_class("build")
class BuildWorkflow(DBOSConfiguredInstance):
    """Executes one build on the engine and records its outcome."""

    def __init__(self, services: Services) -> None:
        super().__init__("build")
        self._services = services

    @workflow("build")
    async def run(self, name: str) -> str:
        """Execute the build of that name; the outcome stands in the records, the name is returned.

        Args:
            name: `build-<key>-<attempt>`, claimed before.
        """
        outcome = await run_async_effect(f"execute {name}", str, lambda: self._execute(name), preemptible=True)
        if isinstance(outcome, Fault):
            stopped = BuildStopped(
                code=outcome.code, message=outcome.message, hint=outcome.hint, step=Step.FETCH, cancelled=False
            )
            outcome = render_value(stopped, BuildOutcome)
        text = outcome
        await run_effect(f"record {name}", type(None), lambda: self._record(name, text))
        return name

    async def _execute(self, name: str) -> str:
        services = self._services
        log = services.archive.open_log(name)
        request = await asyncio.to_thread(self._read_request, name)
        # After a replica died another one works on its builds than the one whose slot they got.
        await asyncio.to_thread(services.queue.move_tickets, (name,), target=services.replica)
        status = await asyncio.to_thread(self._ensure_started, request, log)
        polls = 0
        while status.outcome is None:
            await asyncio.sleep(POLL_SECONDS)
            polls += 1
            if polls % NOTE_EVERY_POLLS == 0:
                await asyncio.to_thread(self._stop_unwanted, name)
            if polls % NOTE_EVERY_POLLS == 0 and status.progress is not None:
                await asyncio.to_thread(services.builds.note_progress, name, status.progress)
            status = await asyncio.to_thread(self._ensure_started, request, log)
        return render_value(status.outcome, BuildOutcome)

    def _ensure_started(self, request: BuildRequest, log: BuildLog) -> EngineStatus:
        status = self._services.engine.status(request.name)
        if status is None:
            stopped = self._find_stop(request.name)
            if stopped is not None:
                # Recorded by a process that may have died before its engine heard of it; a pod would run on.
                self._services.engine.cancel(request.name)
                return EngineStatus(progress=None, outcome=stopped)
            ensure_target(self._services, request)
            self._services.engine.start(request, log)
            status = self._services.engine.status(request.name)
        return EngineStatus(progress=None, outcome=None) if status is None else status

    def _find_stop(self, name: str) -> BuildOutcome | None:
        """How a build ended whose engine did not end it: every run that wanted it was cancelled."""
        build = self._services.builds.read_build(name)
        return None if build is None else build.outcome

    def _stop_unwanted(self, name: str) -> None:
        if self._find_stop(name) is not None:
            self._services.engine.cancel(name)

    def _read_request(self, name: str) -> BuildRequest:
        build = self._services.builds.read_build(name)
        text = None if build is None else self._services.builds.read_request(build.key)
        if text is None:
            raise BuildFailed(f"no request is stored for {name}", hint="start the build again")
        request = parse_value(BuildRequest, text)
        if request.repository is None or request.target is None:
            return replace(request, name=name)
        # Asked now rather than when it was planned: a sibling may have been built since.
        siblings = find_siblings(self._services.builds, repository=request.repository, target=request.target)
        return replace(request, name=name, siblings=siblings)

    def _record(self, name: str, outcome: str) -> None:
        parsed: BuildOutcome = parse_value(BuildOutcome, outcome)  # type: ignore[arg-type]  # a union is no type to mypy
        self._services.builds.finish_build(name, parsed, at=self._services.now())
        free_slot(self._services, name)


async def start_builds(build: BuildWorkflow, names: tuple[str, ...]) -> None:
    """How runs that began before there was a queue go on: start builds, and wait until they have ended."""
    # One after the other: the history numbers the calls, so their order must not depend on timing.
    for handle in [await start_build(build, name) for name in dict.fromkeys(names)]:
        # A build that was cancelled or given up leaves no outcome, which is an answer as well.
        with suppress(dbos_error.DBOSException):
            await handle.get_result()


def ensure_target(services: Services, request: BuildRequest) -> None:
    """Make the repository that a build pushes to, where its registry has it made; of a fork nothing is pushed.

    Raises:
        RegistryFailed: it is not there and cannot be made.
        SettingsInvalid: the operator's login for that cannot be read.
    """
    if request.target is not None and not (request.ref is not None and request.ref.fork):
        services.repository_maker.ensure_repository(request.target)


def find_siblings(builds: BuildRecords, *, repository: Repository, target: Reference) -> tuple[Reference, ...]:
    """Find repositories of images whose layers and layer indexes serve a target too.

    Args:
        builds: what was built.
        repository: the source repository.
        target: where its image goes.

    Returns:
        Other repositories of its owner on the target's registry, those built last first; only a few.
    """
    return tuple(
        place
        for place in builds.list_targets(repository.owner, owner_id=repository.owner_id, limit=SIBLINGS)
        if place.registry == target.registry and place.repository != target.repository
    )


def claim_image_build(services: Services, image: PreparedImage, *, run_id: str) -> Build:
    """Claim the build to join for an image; a succeeded one counts only while its image stands in the registry.

    Args:
        services: the ports.
        image: what is wanted.
        run_id: the run that wants it; one that wants it built anew gets one new build, however often it asks.
    Raises:
        RegistryFailed: the registry cannot be asked.
    """
    build = services.builds.claim_build(image.build_key, at=services.now())
    if not isinstance(build.outcome, BuildSucceeded):
        return build
    if not image.pushed and not image.force:
        return build  # nothing of it stands anywhere, so that nothing of it can be gone
    if image.force:
        own = (build.name, image.title) in services.steps.list_links(run_id)
        return build if own else services.builds.claim_build(build.key, at=services.now(), instead_of=build.name)
    built = parse_reference(image.name).with_digest(build.outcome.digest)
    if services.images.fetch_manifest(built) is not None:
        return build
    # A registry's clean-up may take what a release once pointed at; joined again and again, it would never come back.
    return services.builds.claim_build(image.build_key, at=services.now(), instead_of=build.name)


def join_image_build(services: Services, image: PreparedImage, *, run_id: str) -> Build:
    """Claim the build for an image and make a run wait for it; one that was stopped in between is not joined.

    Args:
        services: the ports.
        image: what is wanted.
        run_id: the run that wants it.
    Raises:
        RegistryFailed: the registry cannot be asked.
    """
    while True:
        build = claim_image_build(services, image, run_id=run_id)
        services.steps.ensure_link(run_id, build.name, image.title)
        # Until the link stands another run may have been the last that wanted it, and its end the build's end.
        linked = services.builds.read_build(build.name)
        if linked is None or not isinstance(linked.outcome, BuildStopped) or not linked.outcome.cancelled:
            return build


def make_build_start(build: BuildWorkflow) -> Callable[[str], None]:
    """Make the call that starts a build's workflow under the build's own name; a second call does nothing."""

    def start(name: str) -> None:
        with SetWorkflowID(name):
            DBOS.start_workflow(build.run, name)

    return start


async def start_build(build: BuildWorkflow, name: str) -> WorkflowHandleAsync[str]:
    """Start the build of that name, or join it. Called from within a workflow; await the handle's result there."""
    with SetWorkflowID(name):
        return await DBOS.start_workflow_async(build.run, name)
