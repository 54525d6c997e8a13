"""Logs of nodes whose clock is another or who speak for themselves, and of pods made anew: no line of a Step is lost."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hublish.engines.tekton import logs
from hublish.engines.tekton.logs import LogReader
from hublish.errors import EngineFailed
from tests.unit.engines.tekton.fakes import FakeCluster, make_pod, make_time
from tests.unit.engines.tekton.parts import wait_for

STEPS = ("fetch", "build", "push")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at logs follow each other at once."""
    monkeypatch.setattr(logs, "_PAUSE_SECONDS", 0.01)


class Body:
    """What one connection gives."""

    def __init__(self, text: str) -> None:
        self.text = text

    def stream(self, _piece_bytes: int, *, decode_content: bool) -> Iterator[bytes]:
        assert not decode_content
        yield self.text.encode()

    def shutdown(self) -> None:
        """Nothing waits."""


def read_all(cluster: FakeCluster, folder: Path) -> list[tuple[str, str]]:
    """What a reader tells of a run that ended."""
    cluster.set_pods("r", make_pod("p", fetch="terminated", build="terminated", push="terminated"))
    told: list[tuple[str, str]] = []
    reader = LogReader(
        cluster, run="r", namespace="n", take=lambda step, line: told.append((step, line)), cursor=folder / "cursor"
    )
    reader.start()
    reader.finish(seconds=10)
    assert reader.failure is None
    return told


@pytest.mark.parametrize("ahead", [-7200, -90, 0, 90, 7200])
def test_clock_of_a_node_may_be_another(cluster, tmp_path, monkeypatch, ahead: int) -> None:
    """Each Step's log is read to its end, in parts, though the node counts by its own clock how old a line is."""
    skew = timedelta(seconds=ahead)
    written = {step: datetime.now(UTC) + skew + timedelta(milliseconds=number) for number, step in enumerate(STEPS)}
    connections = itertools.count()

    @contextmanager
    def open_log(pod: str, container: str, *, namespace: str, since_seconds: int | None) -> Iterator[Body]:
        if since_seconds is not None and since_seconds < 1:
            raise EngineFailed("the cluster did not read a log: sinceSeconds must be greater than 0")
        oldest = None if since_seconds is None else datetime.now(UTC) + skew - timedelta(seconds=since_seconds)
        at = written[container.removeprefix("step-")]
        times = [at, at + timedelta(microseconds=10)]
        lines = [f"{time.isoformat()} line {number}\n" for number, time in enumerate(times)]
        first = next(connections) % 2 == 0
        yield Body(
            "".join(line for time, line in zip(times, lines, strict=True) if not oldest or time >= oldest)[
                : 40 if first else None
            ]
        )

    monkeypatch.setattr(cluster, "open_log", open_log)

    assert read_all(cluster, tmp_path) == [(step, f"line {number}") for step in STEPS for number in (0, 1)]


def test_words_of_the_node_are_no_line_of_a_step(cluster, tmp_path, monkeypatch) -> None:
    """A kubelet that cannot follow a log says so in its place; what the Step says is read by the next connection."""
    line = "2026-11-21T10:00:01.000000000Z one\n"
    bodies = [f"{line}failed to create fsnotify watcher: too many open files", line]

    @contextmanager
    def open_log(pod: str, container: str, *, namespace: str, since_seconds: int | None) -> Iterator[Body]:
        yield Body(
            (bodies.pop(0) if bodies else line) if container == "step-fetch" else "unable to retrieve container logs\n"
        )

    monkeypatch.setattr(cluster, "open_log", open_log)

    assert read_all(cluster, tmp_path) == [("fetch", "one")]


def test_pod_that_is_made_anew_is_read_from_its_first_step(cluster, tmp_path) -> None:
    """What the Step fetch of the second one says may be why the build fails; the first one is seen to go for a while."""
    first, second = make_pod("p1", fetch="terminated", build="running"), make_pod("p2", fetch="terminated")
    first["metadata"]["uid"], second["metadata"]["uid"] = "1", "2"
    told: list[tuple[str, str]] = []
    reader = LogReader(
        cluster, run="r", namespace="n", take=lambda step, line: told.append((step, line)), cursor=tmp_path / "cursor"
    )
    cluster.set_pods("r", first)
    cluster.write_log("p1", "fetch", (make_time(1), "fetch 1"), ended=True)
    cluster.write_log("p1", "build", (make_time(2), "build 1"))
    reader.start()
    wait_for(lambda: ("build", "build 1") in told, what="the first pod's Step build")
    first["metadata"]["deletionTimestamp"] = "2026-11-21T10:00:00Z"
    cluster.write_log("p2", "fetch", (make_time(1), "fetch 2"), ended=True)
    cluster.set_pods("r", first, second)
    cluster.write_log("p1", "build", ended=True)
    reader.finish(seconds=10)

    assert reader.failure is None
    assert told == [("fetch", "fetch 1"), ("build", "build 1"), ("fetch", "fetch 2")]
