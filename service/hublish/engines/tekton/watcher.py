"""What is known of all runs of a namespace, kept up to date by one watch: list, then watch, and list again when in doubt.

Many builds ask here; the server is asked once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import urllib3

from hublish.engines.tekton.cluster import TektonCluster

WATCH_SECONDS = 240
"""A watch is begun anew after so long, by a list: a change that was lost on the way is found then."""
_PAUSE_SECONDS = 1.0
_STOP_TRIES, _STOP_SECONDS = 50, 0.1
"""A server that does not answer at all is waited for no longer than this."""


class RunWatcher:
    """Watches the runs of one namespace in a thread of its own.

    Args:
        cluster: asked.
        namespace: watched.
        selector: labels of the runs that count.
        seconds: how long one watch lasts.
    """

    def __init__(self, cluster: TektonCluster, *, namespace: str, selector: str, seconds: int = WATCH_SECONDS) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._selector = selector
        self._seconds = seconds
        self._changed = threading.Condition()
        self._runs: dict[str, dict[str, Any]] = {}
        self._listed = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._answer: urllib3.BaseHTTPResponse | None = None

    def ensure_started(self) -> None:
        """Begin to watch, once."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name=f"watch-{self._namespace}", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Stop watching, at once: else its connection would outlive whoever closes the engine, until the next change."""
        self._stop.set()
        thread = self._thread
        if thread is None:
            return
        for _ in range(_STOP_TRIES):
            # One that is being opened in this moment cannot be ended yet; of one that has just ended nothing is left to.
            if self._answer is not None:
                with suppress(ValueError, RuntimeError, OSError):
                    self._answer.shutdown()
            thread.join(_STOP_SECONDS)
            if not thread.is_alive():
                return

    def _take_answer(self, answer: urllib3.BaseHTTPResponse) -> None:
        self._answer = answer

    def find(self, name: str) -> dict[str, Any] | None:
        """A run as it was last seen; None when it is not there, or nothing was seen yet."""
        with self._changed:
            return self._runs.get(name)

    def list(self) -> tuple[dict[str, Any], ...]:
        """All runs as they were last seen."""
        with self._changed:
            return tuple(self._runs.values())

    @property
    def has_listed(self) -> bool:
        """Whether all runs were seen once, so that one that is not there is gone."""
        return self._listed

    def wait(self, until: Callable[[Mapping[str, dict[str, Any]]], bool], *, seconds: float) -> bool:
        """Wait until what is known is as wanted, for so long; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: until(self._runs), timeout=seconds)

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow(self._list())
            except Exception:  # noqa: BLE001 -- 410, a server that restarts, half an answer: a list says what is true now
                self._stop.wait(_PAUSE_SECONDS)

    def _list(self) -> str:
        listed = self._cluster.list_runs(namespace=self._namespace, selector=self._selector)
        with self._changed:
            self._runs = {item["metadata"]["name"]: item for item in listed["items"]}
            self._listed = True
            self._changed.notify_all()
        return str(listed["metadata"]["resourceVersion"])

    def _follow(self, version: str) -> None:
        for event in self._cluster.watch_runs(
            namespace=self._namespace,
            selector=self._selector,
            version=version,
            seconds=self._seconds,
            opened=self._take_answer,
        ):
            if self._stop.is_set():
                return
            run = event["object"]
            with self._changed:
                if event["type"] == "DELETED":
                    self._runs.pop(run["metadata"]["name"], None)
                else:
                    self._runs[run["metadata"]["name"]] = run
                self._changed.notify_all()
