"""Waiting for the end of a run: what the watch says of it, what keeps its pod from running, and when waiting is over.

A cluster that is away for a while is waited for; a run that is gone, or a pod that cannot come up, is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hublish.engines.runs import BuildRun
from hublish.engines.tekton.cluster import TektonCluster
from hublish.engines.tekton.pods import Obstacle, find_obstacle
from hublish.engines.tekton.watcher import RunWatcher
from hublish.engines.tekton_run import CANCELLED, RunEnd, find_end
from hublish.errors import EngineFailed

POLL_SECONDS = 0.5
LOOK_SECONDS = 5.0


@dataclass(slots=True, kw_only=True)
class Attendance:
    """One build's wait.

    Attributes:
        run: the build.
        namespace: of its PipelineRun.
        cluster: asked now and then.
        watcher: says what changed.
        grace_seconds: how long something is waited for that hardly passes.
        clock: seconds that only go up.
        keep: called at each look, to note how far the build came.
        obstacle: what keeps the pod from running now.
    """

    run: BuildRun
    namespace: str
    cluster: TektonCluster
    watcher: RunWatcher
    grace_seconds: float
    clock: Callable[[], float]
    keep: Callable[[], None]
    obstacle: Obstacle | None = None
    blocked_at: float = 0.0

    def await_end(self) -> RunEnd | None:
        """Wait until the run ended; None when the build is to stop.

        Raises:
            EngineFailed: the run is gone, or its pod will not run.
        """
        name = self.run.request.name
        looked_at = started_at = self.clock()
        while True:
            self.watcher.wait(lambda runs: name in runs and find_end(runs[name]) is not None, seconds=POLL_SECONDS)
            self.keep()
            found = self.watcher.find(name)
            end = None if found is None else find_end(found)
            if end is not None:
                return end
            if self.run.should_stop():
                return None
            now = self.clock()
            if now - looked_at >= LOOK_SECONDS:
                looked_at = now
                if found is None and now - started_at > LOOK_SECONDS:
                    self._verify_there()
                self._look(now)

    def _verify_there(self) -> None:
        name = self.run.request.name
        if self.watcher.has_listed and self.cluster.find_run(name, namespace=self.namespace) is None:
            raise EngineFailed(
                f"the PipelineRun {self.namespace}/{name} was deleted while it ran",
                hint="Ask again: the build starts anew.",
                transient=True,
            )

    def _look(self, now: float) -> None:
        name = self.run.request.name
        obstacle = find_obstacle(
            self.cluster.list_pods(name, namespace=self.namespace),
            self.cluster.list_task_runs(name, namespace=self.namespace),
        )
        if obstacle is not None and (self.obstacle is None or self.obstacle.message != obstacle.message):
            if self.obstacle is None:
                self.blocked_at = now
            self.run.tell(f"waiting: {obstacle.message}")
        self.obstacle = obstacle
        if obstacle is not None and obstacle.fatal and now - self.blocked_at > self.grace_seconds:
            self.cluster.set_run_status(name, CANCELLED, namespace=self.namespace)
            raise EngineFailed(obstacle.message, hint=obstacle.hint, transient=obstacle.transient)
