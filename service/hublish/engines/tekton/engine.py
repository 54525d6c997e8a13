"""The engine: starts, adopts, follows and ends PipelineRuns, one for each build, under the build's name.

The cluster remembers: a run that is found under the name is adopted, whoever started it. A build ends only when its run did,
or is gone; a cluster that is away for a while is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, NoReturn

from hublish.core.building import BuildRequest, BuildSucceeded, EngineStatus
from hublish.core.plan import Plan, Strategy
from hublish.core.ports import BuildLog, ImageReader
from hublish.engines.runs import BuildRun, BuildThreads
from hublish.engines.tekton.attendance import Attendance
from hublish.engines.tekton.choices import KeepRecords, MakeWheels, StepFiles, TektonChoices
from hublish.engines.tekton.cluster import TektonCluster
from hublish.engines.tekton.ending import RunReport, make_outcome
from hublish.engines.tekton.logs import LogReader
from hublish.engines.tekton.parts import CallLog, PartRun
from hublish.engines.tekton.refusals import verify_wheels
from hublish.engines.tekton.retention import (
    cancel_waiting,
    delete_secrets,
    remove_old_runs,
    remove_orphans,
    stop_left_runs,
)
from hublish.engines.tekton.watcher import RunWatcher
from hublish.engines.tekton_run import (
    CANCELLED,
    MANAGED_BY,
    START_SECONDS,
    RunEnd,
    find_end,
    is_waiting,
    make_run,
    make_secret,
    verify_run,
)
from hublish.errors import BuildCancelled, EngineFailed, HublishError, StrategyUnavailable

SELECTOR = ",".join(f"{name}={value}" for name, value in MANAGED_BY.items())
_LOG_SECONDS = 20.0
_CANCEL_SECONDS = 60.0


class TektonEngine:
    """Executes builds in pods of a cluster.

    Args:
        choices: the operator's.
        cluster: where.
        images: tells whether what a run reports stands in the registry.
        make_files: makes what Steps need to know, secrets among it, when a run is about to start.
        keep_records: given what a pod found out of layers when its image stands; never raises.
        make_wheels: makes wheels that a build needs; None: such builds are another engine's.
        clock: seconds that only go up.
    """

    def __init__(
        self,
        choices: TektonChoices,
        *,
        cluster: TektonCluster,
        images: ImageReader,
        make_files: StepFiles,
        keep_records: KeepRecords = lambda _records, _run, _outcome: None,
        make_wheels: MakeWheels | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._choices = choices
        self._cluster = cluster
        self._images = images
        self._make_files = make_files
        self._keep_records = keep_records
        self._make_wheels = make_wheels if Strategy.DOCKERFILE in choices.runs else None
        self._clock = clock
        self._threads = BuildThreads(name="tekton", build=self._build, slots=choices.slots, clock=clock)
        self._cancelled: set[str] = set()
        self._watchers = {
            namespace: RunWatcher(cluster, namespace=namespace, selector=SELECTOR)
            for namespace in {run.namespace for run in choices.runs.values()}
        }

    @property
    def strategies(self) -> frozenset[Strategy]:
        """Those that have an image and a namespace."""
        return frozenset(self._choices.runs)

    def verify_plan(self, plan: Plan) -> None:
        """Raise StrategyUnavailable for a strategy without an image, and for wheels that no pod here may build."""
        if plan.strategy not in self._choices.runs:
            raise StrategyUnavailable(
                f"the tekton engine has no image for the strategy {plan.strategy.value}",
                hint="Run `hublish doctor` to see which engines work here.",
            )
        verify_wheels(plan, can_build=self._make_wheels is not None)

    def start(self, request: BuildRequest, log: BuildLog) -> None:
        """Start a build, or adopt the run of that name; returns at once.

        Raises:
            StrategyUnavailable: see `verify_plan`; or the engine is closed.
        """
        self.verify_plan(request.plan)
        self._threads.start(request, log)

    def status(self, name: str) -> EngineStatus | None:
        """What is known of a run; None after a restart of the service, until `start` adopts it."""
        return self._threads.status(name)

    def cancel(self, name: str) -> None:
        """Ask a run to stop; its pod is gone when its status says so.

        One that another process began and this one never adopted is cancelled in the cluster, and not followed.
        """
        if self._threads.status(name) is not None:
            self._cancelled.add(name)
            self._threads.cancel(name)
            return
        for namespace in self._watchers:
            stop_left_runs(self._cluster, name, namespace=namespace, selector=SELECTOR)

    def close(self) -> None:
        """Let running builds go: their pods run on, and are adopted at the next start."""
        for watcher in self._watchers.values():
            watcher.stop()
        self._threads.close()
        self._cluster.disconnect()

    # -- parts --------------------------------------------------------------------------------------------------------

    def run_part(
        self,
        request: BuildRequest,
        *,
        log: Callable[[str], None],
        verify_running: Callable[[], None],
        take: Callable[[str], None] | None = None,
    ) -> BuildSucceeded:
        """Run a part in this thread, or adopt the run of its name; see RunPart."""
        run = PartRun(request=request, log=CallLog(log), clock=self._clock, verify_running=verify_running, take=take)
        try:
            return self._build(run)
        except BuildCancelled as error:
            if run.reason is None:
                raise
            raise run.reason from error

    def find_part_end(self, name: str) -> RunEnd | None:
        """How the run of a part ended; None while it goes on, or where there is none."""
        found = self._cluster.find_run(name, namespace=self._choices.runs[Strategy.DOCKERFILE].namespace)
        return None if found is None else find_end(found)

    # -- one build ----------------------------------------------------------------------------------------------------

    def _build(self, run: BuildRun) -> BuildSucceeded:
        try:
            return self._follow(run)
        finally:
            self._cancelled.discard(run.request.name)

    def _follow(self, run: BuildRun) -> BuildSucceeded:
        request = run.request
        namespace = self._choices.runs[request.plan.strategy].namespace
        watcher = self._watchers[namespace]
        watcher.ensure_started()
        # Tekton keeps the time of the pod; this clock is for a cluster that says nothing any more.
        patience_seconds = request.plan.time_seconds + START_SECONDS + self._choices.late_seconds
        run.deadline = self._clock() + patience_seconds
        uid = self._ensure_running(run, namespace)
        run.deadline = self._clock() + patience_seconds  # wheels had a time of their own
        report = RunReport(run)
        reader = self._start_reading(request.name, namespace, report)
        attendance = Attendance(
            run=run,
            namespace=namespace,
            cluster=self._cluster,
            watcher=watcher,
            grace_seconds=self._choices.grace_seconds,
            clock=self._clock,
            keep=reader.keep,
            uid=uid,
        )
        try:
            end = attendance.await_end()
            if end is None:
                self._stop(run, watcher, namespace)
            reader.finish(seconds=_LOG_SECONDS)
        except EngineFailed:
            self._clean_up(request.name, namespace, watcher)
            raise
        finally:
            reader.stop()
        circumstances = attendance.ask_circumstances(end)
        self._clean_up(request.name, namespace, watcher)
        if reader.failure is not None:
            run.tell_end(f"warning: the log broke off: {type(reader.failure).__name__}")
        outcome = make_outcome(run, end, report, images=self._images, circumstances=circumstances)
        if report.records is not None:
            self._keep_records(report.records, run, outcome)
        return outcome

    def _start_reading(self, name: str, namespace: str, report: RunReport) -> LogReader:
        cursor = self._choices.folder / f"{name}.json"
        reader = LogReader(self._cluster, run=name, namespace=namespace, take=report.take, cursor=cursor)
        reader.start()
        return reader

    def _ensure_running(self, run: BuildRun, namespace: str) -> str:
        """Make, release or adopt the run of a build; returns its UID."""
        request = run.request
        found = self._cluster.find_run(request.name, namespace=namespace)
        if found is not None:
            verify_run(found, request)
        try:
            # Before a run is made: what cannot be given leaves none behind.
            files = self._make_files(self._add_wheels(run)) if found is None or is_waiting(found) else {}
            found = self._create(run, namespace, has_secrets="build" in files) if found is None else found
            if is_waiting(found):
                for step, body in files.items():
                    self._cluster.replace_secret(make_secret(found, step=step, files=body), namespace=namespace)
                self._cluster.set_run_status(request.name, None, namespace=namespace)
            return str(found["metadata"]["uid"])
        except HublishError:
            # Tekton never ends a run that is pending; only after a restart of the service somebody comes back for it.
            if found is not None and is_waiting(found) and (self._is_over(run) or not run.should_stop()):
                with suppress(EngineFailed):
                    cancel_waiting(self._cluster, request.name, namespace=namespace)
            raise

    def _create(self, run: BuildRun, namespace: str, *, has_secrets: bool) -> dict[str, Any]:
        choices = self._choices.runs[run.request.plan.strategy]
        made = make_run(run.request, choices=choices, has_build_secrets=has_secrets)
        found = self._cluster.create_run(made, namespace=namespace)
        run.tell(f"PipelineRun {namespace}/{run.request.name}")
        return found

    def _add_wheels(self, run: BuildRun) -> BuildRequest:
        """The request with the wheels that its pod cannot build."""
        request = run.request
        if not request.plan.builds_wheels or self._make_wheels is None:
            return request

        def verify() -> None:
            if run.should_stop():
                reason = "the build was stopped before its wheels were built"
                raise BuildCancelled(reason) if self._is_over(run) else EngineFailed(reason, transient=True)

        try:
            wheels = self._make_wheels(run, self.run_part, verify)
        except HublishError as error:
            if run.should_stop():
                raise BuildCancelled("the build was stopped before its wheels were built") from error
            raise
        return replace(request, wheels=wheels)

    def _is_over(self, run: BuildRun) -> bool:
        """Whether a run that stops is to stop in the cluster, too: it goes on when only the service ends."""
        if isinstance(run, PartRun) and run.reason is not None:
            return not run.goes_on
        return run.is_late() or run.request.name in self._cancelled

    def _stop(self, run: BuildRun, watcher: RunWatcher, namespace: str) -> NoReturn:
        """Leave a build: its run is cancelled when a person or the clock asked, and goes on when only the service ends.

        Raises:
            BuildCancelled: always.
        """
        name = run.request.name
        if self._is_over(run):
            self._cluster.set_run_status(name, CANCELLED, namespace=namespace)
            watcher.wait(lambda runs: name not in runs or find_end(runs[name]) is not None, seconds=_CANCEL_SECONDS)
            self._clean_up(name, namespace, watcher)
        raise BuildCancelled("the build was stopped before its image was complete; nothing was published")

    def _clean_up(self, name: str, namespace: str, watcher: RunWatcher) -> None:
        """Secrets go with the build, old runs by age and count."""
        (self._choices.folder / f"{name}.json").unlink(missing_ok=True)
        try:
            delete_secrets(self._cluster, name, namespace=namespace)
            remove_orphans(self._cluster, namespace=namespace, selector=SELECTOR, runs=watcher.list())
            keep, seconds = self._choices.keep_runs, self._choices.keep_seconds
            remove_old_runs(self._cluster, watcher.list(), namespace=namespace, keep=keep, seconds=seconds)
        except EngineFailed:
            # Owned by the run, they go with it; whoever cleans up next finds the rest.
            return
