"""A cluster in memory, for what stands on top of one: runs, Secrets, pods, logs that grow, and faults on demand."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from hublish.engines.tekton_run import MANAGED_BY, STEPS
from hublish.errors import EngineFailed

Line = tuple[str, str]
"""The time the node wrote a line down, and the line."""


def make_time(second: int, nanosecond: int = 0) -> str:
    """As the kubelet writes it."""
    return f"2026-11-21T10:00:{second:02}.{nanosecond:09}Z"


def make_pod(name: str, **states: str) -> dict[str, Any]:
    """A pod whose Steps are in these states; those not named wait."""
    statuses = [{"name": f"step-{step}", "state": {states.get(step, "waiting"): {}}} for step in STEPS]
    return {"metadata": {"name": name}, "status": {"containerStatuses": statuses}}


class FakeLogResponse:
    """One connection to a log: breaks after so many lines, follows a running container."""

    def __init__(self, cluster: FakeCluster, key: tuple[str, str], *, lines: int | None) -> None:
        self._cluster = cluster
        self._key = key
        self._left = lines
        self._shut = False

    def stream(self, amount: int, *, decode_content: bool) -> Iterator[bytes]:
        assert (amount > 0, decode_content) == (True, False)
        sent = 0
        while not self._shut:
            with self._cluster.changed:
                lines = self._cluster.logs.get(self._key, [])
                ended = self._key in self._cluster.ended_logs
                if sent == len(lines):
                    if ended:
                        return
                    self._cluster.changed.wait(0.02)
                    continue
                at, line = lines[sent]
            if self._left == 0:
                raise OSError("the connection broke")
            self._left = None if self._left is None else self._left - 1
            sent += 1
            body = f"{at} {line}\n".encode()
            # Never on the border of a line: who reads must put pieces together.
            yield body[:7]
            yield body[7:]

    def shutdown(self) -> None:
        self._shut = True


@dataclass
class FakeCluster:
    """What `TektonCluster` does, without a server."""

    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    pods: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    task_runs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    warnings: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    away: bool = False
    """No question about runs and pods is answered."""
    is_mute: bool = False
    """No watch is told of changes."""
    logs: dict[tuple[str, str], list[Line]] = field(default_factory=dict)
    ended_logs: set[tuple[str, str]] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    breaking_lines: list[int] = field(default_factory=list)
    """How many lines the next connections to logs give before they break."""
    watch_failures: list[Exception] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    closed: bool = False
    disconnected: bool = False

    # -- what tests do to it ------------------------------------------------------------------------------------------

    def change_run(self, name: str, **changes: Any) -> None:
        """Change a run as a controller would; watchers are told."""
        with self.changed:
            self.runs[name] = {**copy.deepcopy(self.runs[name]), **changes}
            self._tell("MODIFIED", self.runs[name])

    def end_run(self, name: str, *, succeeded: bool, reason: str = "Done", message: str = "", **results: str) -> None:
        """End a run, as Tekton would."""
        condition = {
            "type": "Succeeded",
            "status": "True" if succeeded else "False",
            "reason": reason,
            "message": message,
        }
        listed = [{"name": key, "value": value} for key, value in results.items()]
        status = {"conditions": [condition], "results": listed, "completionTime": "2026-11-21T10:00:00Z"}
        self.change_run(name, status=status)

    def write_log(self, pod: str, step: str, *lines: Line, ended: bool = False) -> None:
        """Add lines to the log of a Step."""
        with self.changed:
            key = pod, f"step-{step}"
            self.logs.setdefault(key, []).extend(lines)
            if ended:
                self.ended_logs.add(key)
            self.changed.notify_all()

    def set_pods(self, run: str, *pods: dict[str, Any]) -> None:
        """The pods that a run has from now on."""
        with self.changed:
            self.pods[run] = list(pods)

    def close(self) -> None:
        """End all watches."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def disconnect(self) -> None:
        self.disconnected = True

    # -- what the engine asks -----------------------------------------------------------------------------------------

    def create_run(self, run: Mapping[str, Any], *, namespace: str) -> dict[str, Any]:
        with self.changed:
            name = run["metadata"]["name"]
            self.calls.append(f"create {namespace}/{name}")
            if name not in self.runs:
                stored = copy.deepcopy(dict(run))
                stored["metadata"]["uid"] = f"uid-{name}"
                self.runs[name] = stored
                self._tell("ADDED", stored)
            return copy.deepcopy(self.runs[name])

    def find_run(self, name: str, *, namespace: str) -> dict[str, Any] | None:
        with self.changed:
            self._verify_there()
            return copy.deepcopy(self.runs.get(name))

    def delete_run(self, name: str, *, namespace: str) -> None:
        with self.changed:
            self.calls.append(f"delete {namespace}/{name}")
            gone = self.runs.pop(name, None)
            if gone is not None:
                self._tell("DELETED", gone)

    def set_run_status(self, name: str, status: str | None, *, namespace: str) -> None:
        with self.changed:
            self.calls.append(f"status {name} {status}")
            if name in self.runs:
                run = copy.deepcopy(self.runs[name])
                run["spec"]["status"] = status
                self.runs[name] = run
                self._tell("MODIFIED", run)

    def replace_secret(self, secret: Mapping[str, Any], *, namespace: str) -> None:
        with self.changed:
            name = secret["metadata"]["name"]
            self.calls.append(f"secret {name}")
            self.secrets[name] = dict(secret)

    def delete_secret(self, name: str, *, namespace: str) -> None:
        with self.changed:
            self.secrets.pop(name, None)

    def list_secrets(self, *, namespace: str, selector: str) -> tuple[tuple[str, str], ...]:
        assert (namespace, selector) == ("hublish-builds", "app.kubernetes.io/managed-by=hublish")
        with self.changed:
            owners = {name: item["metadata"].get("ownerReferences") for name, item in self.secrets.items()}
            return tuple((name, owned[0]["name"] if owned else "") for name, owned in owners.items())

    def list_pods(self, run: str, *, namespace: str) -> tuple[dict[str, Any], ...]:
        with self.changed:
            self._verify_there()
            return tuple(copy.deepcopy(self.pods.get(run, [])))

    def list_warnings(self, pod: str, *, namespace: str) -> tuple[tuple[str, str], ...]:
        with self.changed:
            return tuple(self.warnings.get(pod, ()))

    def list_task_runs(self, run: str, *, namespace: str) -> tuple[dict[str, Any], ...]:
        with self.changed:
            return tuple(copy.deepcopy(self.task_runs.get(run, [])))

    @contextmanager
    def open_log(
        self, pod: str, container: str, *, namespace: str, since_seconds: int | None
    ) -> Iterator[FakeLogResponse]:
        with self.changed:
            self.calls.append(f"log {namespace}/{pod} {container} since {since_seconds is not None}")
            lines = self.breaking_lines.pop(0) if self.breaking_lines else None
        yield FakeLogResponse(self, (pod, container), lines=lines)

    def list_runs(self, *, namespace: str, selector: str) -> dict[str, Any]:
        with self.changed:
            self.calls.append(f"list {namespace} {selector}")
            wanted = dict(item.split("=") for item in selector.split(","))
            found = [run for run in self.runs.values() if wanted.items() <= run["metadata"].get("labels", {}).items()]
            return {"items": copy.deepcopy(found), "metadata": {"resourceVersion": str(self._now())}}

    def watch_runs(
        self, *, namespace: str, selector: str, version: str, seconds: int, opened: Callable[[Any], None]
    ) -> Iterator[dict[str, Any]]:
        assert (namespace, bool(selector), seconds > 0) == ("hublish-builds", True, True)
        if self.watch_failures:
            raise self.watch_failures.pop(0)
        at, ended = int(version), threading.Event()
        opened(SimpleNamespace(shutdown=ended.set))
        while not (self.closed or ended.is_set()):
            with self.changed:
                while at == self._now() and not (self.closed or ended.is_set()):
                    self.changed.wait(0.05)
                    if self.watch_failures:
                        raise self.watch_failures.pop(0)
                fresh = self.events[at:]
                at = self._now()
            yield from fresh
        raise EngineFailed("the watch ended", transient=True)

    def _verify_there(self) -> None:
        if self.away:
            raise EngineFailed("the cluster did not list pods: its API does not answer", transient=True)

    def _now(self) -> int:
        return len(self.events)

    def _tell(self, kind: str, run: dict[str, Any]) -> None:
        if self.is_mute:
            return
        self.events.append({"type": kind, "object": copy.deepcopy(run)})
        self.changed.notify_all()


def make_secret_of(run: str) -> dict[str, Any]:
    """A Secret that a run left."""
    return {"metadata": {"name": f"{run}-fetch", "labels": dict(MANAGED_BY), "ownerReferences": [{"name": run}]}}
