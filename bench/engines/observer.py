"""When pods came to be and when TaskRuns ended, as the cluster tells it: both subjects are seen by the same eyes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import kubernetes

Found = TypeVar("Found")
WATCH_SECONDS = 300
_LABELS = ("tekton.dev/pipelineRun", "tekton.dev/taskRun")
# The client has no types.
_untyped: Any = kubernetes


class NothingSeen(RuntimeError):
    """What was waited for did not happen in time."""


class Observer:
    """Watches pods and TaskRuns of some namespaces; a context manager.

    Pods and ends go by the name of the PipelineRun that they belong to, else of the TaskRun.
    """

    def __init__(self, kubeconfig: Path, *, namespaces: tuple[str, ...]) -> None:
        api = _untyped.config.new_client_from_config(str(kubeconfig))
        self.core = _untyped.client.CoreV1Api(api)
        self.objects = _untyped.client.CustomObjectsApi(api)
        self._changed = threading.Condition()
        self._pods: dict[str, float] = {}
        self._ends: dict[str, tuple[float, bool]] = {}
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._watch, args=(listing, note), daemon=True)
            for namespace in namespaces
            for listing, note in (
                (partial(self.core.list_namespaced_pod, namespace), self._note_pod),
                (
                    partial(self.objects.list_namespaced_custom_object, "tekton.dev", "v1", namespace, "taskruns"),
                    self._note_end,
                ),
            )
        ]

    def await_pod(self, name: str, *, seconds: float) -> float:
        """When the pod of a run was created; seconds since the epoch.

        Raises:
            NothingSeen: there is none after so long.
        """
        return self._await(lambda: self._pods.get(name), f"a pod of {name}", seconds=seconds)

    def await_end(self, name: str, *, seconds: float) -> float:
        """When a TaskRun succeeded; seconds since the epoch.

        Raises:
            NothingSeen: it did not end in so long, or it failed.
        """
        at, succeeded = self._await(lambda: self._ends.get(name), f"the end of {name}", seconds=seconds)
        if not succeeded:
            raise NothingSeen(f"the TaskRun {name} failed")
        return at

    def _await(self, find: Callable[[], Found | None], what: str, *, seconds: float) -> Found:
        with self._changed:
            self._changed.wait_for(lambda: find() is not None, timeout=seconds)
            found = find()
        if found is None:
            raise NothingSeen(f"waited {seconds:.0f} s in vain for {what}")
        return found

    def _watch(self, listing: Callable[..., Any], note: Callable[[Mapping[str, Any]], None]) -> None:
        while not self._stopped.is_set():
            try:
                self._follow(listing, note)
            except (_untyped.client.exceptions.ApiException, OSError, ValueError):
                self._stopped.wait(1)

    def _follow(self, listing: Callable[..., Any], note: Callable[[Mapping[str, Any]], None]) -> None:
        events: Iterator[dict[str, Any]] = _untyped.watch.Watch().stream(
            listing, timeout_seconds=WATCH_SECONDS, _request_timeout=(5, WATCH_SECONDS + 30)
        )
        for event in events:
            if self._stopped.is_set():
                return
            raw = event["raw_object"]
            with self._changed:
                note(raw)
                self._changed.notify_all()

    def _note_pod(self, pod: Mapping[str, Any]) -> None:
        name = _find_name(pod)
        if name is not None:
            self._pods.setdefault(name, time.time())

    def _note_end(self, run: Mapping[str, Any]) -> None:
        conditions = (run.get("status") or {}).get("conditions") or ()
        status = next((item["status"] for item in conditions if item["type"] == "Succeeded"), "Unknown")
        name = _find_name(run) or run["metadata"]["name"]
        if status != "Unknown":
            self._ends.setdefault(name, (time.time(), status == "True"))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()


def _find_name(found: Mapping[str, Any]) -> str | None:
    labels = found["metadata"].get("labels") or {}
    return next((labels[label] for label in _LABELS if label in labels), None)
