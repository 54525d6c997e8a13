"""Waiting for the end of a run: what the watch says of it, what keeps its pod from running, and when waiting is over.

A cluster that is away for a while is waited for; a run that is gone, or a pod that cannot come up, is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hublish.engines.runs import BuildRun
from hublish.engines.tekton.cluster import TektonCluster
from hublish.engines.tekton.ending import Circumstances
from hublish.engines.tekton.pods import (
    Obstacle,
    find_condition,
    find_obstacle,
    find_removal,
    find_unstarted,
    make_start_obstacle,
)
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
        uid: of the PipelineRun, which tells it from another of its name.
        obstacle: what keeps the pod from running now.
        told: what was said last of what is in the way.
        blocked_at: since when something is in the way that hardly passes.
        unstarted_at: since when the pod's node does not start it.
        is_away: the cluster did not answer the last look.
    """

    run: BuildRun
    namespace: str
    cluster: TektonCluster
    watcher: RunWatcher
    grace_seconds: float
    clock: Callable[[], float]
    keep: Callable[[], None]
    uid: str
    obstacle: Obstacle | None = None
    told: str = ""
    blocked_at: float | None = None
    unstarted_at: float | None = None
    is_away: bool = False

    def await_end(self) -> RunEnd | None:
        """Wait until the run ended; None when the build is to stop.

        Raises:
            EngineFailed: the run is gone, its pod will not run, or the cluster refuses to tell.
        """
        name = self.run.request.name
        looked_at = self.clock()
        while True:
            self.watcher.wait(lambda runs: self._find_end(runs.get(name)) is not None, seconds=POLL_SECONDS)
            self.keep()
            end = self._find_end(self.watcher.find(name))
            if end is not None:
                return end
            if self.run.should_stop():
                return None
            if self.clock() - looked_at >= LOOK_SECONDS:
                end = self._look()
                if end is not None:
                    return end
                looked_at = self.clock()

    def ask_circumstances(self, end: RunEnd) -> Circumstances:
        """What else the cluster knows of a run that ended.

        Raises:
            EngineFailed: it does not tell.
        """
        if end.succeeded:
            return Circumstances()
        name, namespace = self.run.request.name, self.namespace
        task_runs = self.cluster.list_task_runs(name, namespace=namespace)
        removal = find_removal(self.cluster.list_pods(name, namespace=namespace), task_runs)
        reason, message = next((find_condition(item) for item in task_runs), ("", ""))
        if reason == "Succeeded":  # then it is the run itself that has something to say
            reason, message = "", ""
        return Circumstances(reason=reason, message=message, obstacle=self.obstacle, removal=removal)

    def _find_end(self, found: Mapping[str, Any] | None) -> RunEnd | None:
        """How the run ended; nothing of another one that had its name."""
        return find_end(found) if found is not None and self._is_it(found) else None

    def _is_it(self, found: Mapping[str, Any]) -> bool:
        return bool(found["metadata"].get("uid") == self.uid)

    def _look(self) -> RunEnd | None:
        """Ask the cluster itself: a watch whose connection broke without a word says nothing for minutes.

        Raises:
            EngineFailed: see `await_end`.
        """
        try:
            found, obstacle = self._ask()
        except EngineFailed as failed:
            # The pod runs on without its API server: only the build's own time ends the wait for it.
            if not failed.transient:
                raise
            if not self.is_away:
                self.run.tell(f"waiting: {failed.message}")
            self.is_away = True
            return None
        self.is_away = False
        if found is None or not self._is_it(found):
            raise EngineFailed(
                f"the PipelineRun {self.namespace}/{self.run.request.name} was deleted while it ran",
                hint="Ask again: the build starts anew.",
                transient=True,
            )
        end = self._find_end(found)
        if end is None:
            self._note(obstacle)
        return end

    def _ask(self) -> tuple[Mapping[str, Any] | None, Obstacle | None]:
        """The run, and what keeps its pod from running."""
        name, namespace = self.run.request.name, self.namespace
        pods = self.cluster.list_pods(name, namespace=namespace)
        task_runs = self.cluster.list_task_runs(name, namespace=namespace)
        obstacle = find_obstacle(pods, task_runs) or self._find_start_obstacle(find_unstarted(pods))
        # Asked last: what was seen of the pod of a run that ended since is no obstacle.
        return self.cluster.find_run(name, namespace=namespace), obstacle

    def _find_start_obstacle(self, pod: str | None) -> Obstacle | None:
        """What keeps a node from starting the pod, once that takes longer than it should."""
        now = self.clock()
        if pod is None:
            self.unstarted_at = None
            return None
        if self.unstarted_at is None:
            self.unstarted_at = now
        if now - self.unstarted_at < self.grace_seconds:
            return None
        return make_start_obstacle(self.cluster.list_warnings(pod, namespace=self.namespace))

    def _note(self, obstacle: Obstacle | None) -> None:
        """Tell what is in the way, once; give up what hardly passes when it has not.

        Raises:
            EngineFailed: it has not.
        """
        now = self.clock()
        if obstacle is not None and obstacle.message != self.told:
            self.run.tell(f"waiting: {obstacle.message}")
        self.told = "" if obstacle is None else obstacle.message
        if obstacle is None or not obstacle.removal:
            # A time-out removes the pod before it is told: what kept it from running until then is the reason.
            self.obstacle = obstacle
        if obstacle is None or not obstacle.fatal:
            self.blocked_at = None
            return
        if self.blocked_at is None:
            self.blocked_at = now
        if now - self.blocked_at > self.grace_seconds:
            with suppress(EngineFailed):
                self.cluster.set_run_status(self.run.request.name, CANCELLED, namespace=self.namespace)
            raise EngineFailed(obstacle.message, hint=obstacle.hint, transient=obstacle.transient)
