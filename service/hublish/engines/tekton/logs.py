"""The logs of a pod's Steps as one stream of lines: in order, each once, also when the connection breaks.

Every line comes with the time the node wrote it down. How far a build was read is kept in a small file, so that another
process goes on where this one stopped; what a killed one had read since the file was written is read again.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import urllib3

from hublish.builders.disk import write_file
from hublish.engines.tekton.cluster import TektonCluster
from hublish.engines.tekton_run import STEPS
from hublish.errors import DiskFull, EngineFailed

_PAUSE_SECONDS = 0.3
_MARGIN_SECONDS = 60
_PIECE_BYTES = 1 << 16
_LINE_BYTES = 4 << 20
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_COMPARE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class LogCursor:
    """How far the logs of a run were read: the Step, the time of the last line, how many lines had that time; whose logs."""

    step: int = 0
    at: str = ""
    lines: int = 0
    pod: str = ""

    @classmethod
    def load(cls, path: Path) -> LogCursor:
        """As it was stored; the beginning when it was not."""
        try:
            step, at, lines, pod = json.loads(path.read_text())
            return cls(int(step), str(at), int(lines), str(pod))
        except (OSError, ValueError, TypeError):
            return cls()

    def store(self, path: Path) -> None:
        """Store it."""
        write_file(path, json.dumps([self.step, self.at, self.lines, self.pod]).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Container:
    """Where the log of a Step is.

    Attributes:
        pod: its name, which another pod may have had before.
        pod_uid: which no other pod has.
        state: waiting, running or terminated.
    """

    pod: str
    pod_uid: str
    state: str


class LogReader:
    """Reads the logs of one run in a thread of its own.

    Args:
        cluster: asked.
        run: name of the PipelineRun.
        namespace: of the run.
        take: given `(step, line)`; it has stored the line when it returns.
        cursor: file that keeps how far it came.
    """

    def __init__(
        self, cluster: TektonCluster, *, run: str, namespace: str, take: Callable[[str, str], None], cursor: Path
    ) -> None:
        self._cluster = cluster
        self._run = run
        self._namespace = namespace
        self._take = take
        self._path = cursor
        self._cursor = LogCursor.load(cursor)
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._stored: LogCursor | None = None
        self._storing = threading.Lock()
        self._response: urllib3.BaseHTTPResponse | None = None
        self._ahead_seconds: float | None = None
        self._compared_at = 0.0
        self._thread = threading.Thread(target=self._read, name=f"log-{run}", daemon=True)
        self.failure: Exception | None = None

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def finish(self, *, seconds: float) -> None:
        """The run ended: read what is left, until nothing has come for so long, and stop."""
        self._ended.set()
        seen = None
        while self._thread.is_alive() and self._cursor != seen:
            seen = self._cursor
            self._thread.join(seconds)
        self.stop()

    def keep(self) -> None:
        """Store how far it came, for a process that takes over from this one if it is killed.

        Whoever waits for the run's end calls this now and then: a Step may say something and then nothing for an hour.
        """
        with self._storing, suppress(DiskFull, OSError):  # where nothing can be stored the log itself ends with that
            cursor = self._cursor
            if cursor != self._stored:
                cursor.store(self._path)
                self._stored = cursor

    def stop(self) -> None:
        """Stop at once."""
        self._stop.set()
        response = self._response
        if response is not None and self._thread.is_alive():
            # The connection may have ended in this moment: then there is nothing left to shut down.
            with suppress(ValueError, RuntimeError, OSError):
                response.shutdown()
        self._thread.join(_PAUSE_SECONDS * 4)

    def _read(self) -> None:
        try:
            while self._cursor.step < len(STEPS) and not self._stop.is_set():
                if self._read_step(STEPS[self._cursor.step]):
                    self._cursor = LogCursor(step=self._cursor.step + 1, pod=self._cursor.pod)
                    self.keep()
                elif self._ended.is_set() and not self._find_container(STEPS[self._cursor.step]):
                    return
                else:
                    self._stop.wait(_PAUSE_SECONDS)
        except Exception as error:  # noqa: BLE001 -- the end of a thread: the build it belongs to learns of it
            self.failure = error

    def _read_step(self, step: str) -> bool:
        """Read the log of a Step as far as there is one; True once it is read to its end.

        A node ends the stream when the container has ended, which may be before all its lines are written down. So the
        end is where a container that had ended before gives nothing new.
        """
        try:
            found = self._find_container(step)
            if found is not None and self._is_anew(found.pod_uid):
                return False
            if found is None or found.state == "waiting":
                # A Step after one that failed is never begun, and one that was skipped says nothing.
                return found is not None and self._ended.is_set()
            pod, state = found.pod, found.state
            before = self._cursor
            try:
                rest = self._follow(pod, f"step-{step}", step)
            finally:
                self.keep()
            whole = state == "terminated" and self._cursor == before
            if self._stop.is_set() or not (whole or self._find_container(step) is None):
                return False
        except (EngineFailed, urllib3.exceptions.HTTPError, OSError):
            return False
        if rest is not None:
            self._take(step, rest)
        return True

    def _follow(self, pod: str, container: str, step: str) -> str | None:
        """Take the lines that are new; returns the last one where it has no end yet."""
        since = self._find_since()
        known, skipped = (self._cursor.at, self._cursor.lines), 0
        with self._cluster.open_log(pod, container, namespace=self._namespace, since_seconds=since) as response:
            self._response = response
            for raw, ended in _split_lines(response):
                if self._stop.is_set():
                    return None
                at, _, line = raw.partition(" ")
                if _TIME.match(at) is None:
                    # Words of the node's own, as of a log that it cannot follow just now: no Step said them.
                    return None
                if at < known[0] or (at == known[0] and skipped < known[1]):
                    skipped += at == known[0]
                    continue
                if not ended:
                    return line
                self._take(step, line)
                self._note(at)
        return None

    def _find_since(self) -> int | None:
        """How many seconds of a log to ask for; None for all of it, where the node's clock is not known yet."""
        if not self._cursor.at or self._ahead_seconds is None:
            return None
        age = self._ahead_seconds - _find_ahead(self._cursor.at)
        return max(int(age), 0) + _MARGIN_SECONDS

    def _note(self, at: str) -> None:
        known = self._cursor
        self._cursor = replace(known, at=at, lines=known.lines + 1 if at == known.at else 1)
        now = time.monotonic()
        if self._ahead_seconds is None or now - self._compared_at > _COMPARE_SECONDS:
            # A line cannot be heard before it was written: what seems so is how far the node's clock is ahead of ours.
            self._compared_at = now
            self._ahead_seconds = max(self._ahead_seconds or 0.0, _find_ahead(at))

    def _is_anew(self, pod_uid: str) -> bool:
        """Whether Tekton has made another pod in place of one that vanished: its Steps begin anew, and so do their logs."""
        known = self._cursor
        if known.pod == pod_uid:
            return False
        self._cursor = LogCursor(pod=pod_uid) if known.pod else replace(known, pod=pod_uid)
        return self._cursor.step != known.step

    def _find_container(self, step: str) -> _Container | None:
        """A Step's container, of a pod that stays rather than of one that goes; None when there is none."""
        pods = self._cluster.list_pods(self._run, namespace=self._namespace)
        for pod in sorted(pods, key=lambda pod: pod["metadata"].get("deletionTimestamp") is not None):
            state = find_state(pod, f"step-{step}")
            if state is not None:
                metadata = pod["metadata"]
                return _Container(pod=metadata["name"], pod_uid=str(metadata.get("uid", "")), state=state)
        return None


def find_state(pod: Mapping[str, Any], container: str) -> str | None:
    """State of a container: waiting, running or terminated; None when the pod has not got so far."""
    for status in (pod.get("status") or {}).get("containerStatuses") or ():
        if status["name"] == container:
            return str(next(iter(status.get("state") or {"waiting": {}})))
    return None


def _find_ahead(at: str) -> float:
    """Seconds that a time of the node's clock is ahead of ours."""
    return (datetime.fromisoformat(at) - datetime.now(UTC)).total_seconds()


def _split_lines(response: urllib3.BaseHTTPResponse) -> Iterator[tuple[str, bool]]:
    """Lines of a log as they come, each with whether it has its end: only the last may lack it."""
    kept = b""
    for piece in response.stream(_PIECE_BYTES, decode_content=False):
        *lines, kept = (kept + piece).split(b"\n")
        yield from ((line.decode(errors="replace"), True) for line in lines)
        if len(kept) > _LINE_BYTES:
            raise EngineFailed("a line of the log is longer than 4 MiB")
    if kept:
        yield kept.decode(errors="replace"), False
