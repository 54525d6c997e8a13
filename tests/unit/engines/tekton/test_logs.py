"""Logs of Steps become one stream: in order, each line once, whatever breaks on the way."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hublish.engines.tekton.logs import LogReader
from tests.unit.engines.tekton.fakes import FakeCluster, FakeLogResponse, make_pod, make_time
from tests.unit.engines.tekton.parts import wait_for

ENDED = {"fetch": "terminated", "build": "terminated", "push": "terminated"}
Told = list[tuple[str, str]]


def make_reader(cluster: FakeCluster, folder: Path, told: Told) -> LogReader:
    return LogReader(
        cluster, run="r", namespace="n", take=lambda step, line: told.append((step, line)), cursor=folder / "cursor"
    )


def read_all(cluster: FakeCluster, folder: Path) -> Told:
    """What a reader tells of a run that ended."""
    told: Told = []
    reader = make_reader(cluster, folder, told)
    reader.start()
    reader.finish(seconds=10)
    assert reader.failure is None
    return told


def write_steps(cluster: FakeCluster) -> Told:
    """Logs of three Steps, two lines of one time among them."""
    for number, step in enumerate(("fetch", "build", "push")):
        lines = [(make_time(number, 0), f"{step} 1"), (make_time(number, 0), f"{step} 2"), (make_time(number, 1), "")]
        cluster.write_log("p", step, *lines, ended=True)
    cluster.set_pods("r", make_pod("p", **ENDED))
    return [(step, line) for step in ("fetch", "build", "push") for line in (f"{step} 1", f"{step} 2", "")]


def test_steps_follow_each_other(cluster, tmp_path) -> None:
    """Lines come in the order of the Steps, those of one time in their own."""
    expected = write_steps(cluster)

    assert read_all(cluster, tmp_path) == expected


@pytest.mark.parametrize("broken", [[0], [1], [2], [1, 2], [2, 1, 0, 2]])
def test_broken_connection_loses_and_repeats_nothing(cluster, tmp_path, broken) -> None:
    """Wherever it breaks, also between two lines of one time, the next connection goes on there."""
    expected = write_steps(cluster)
    cluster.breaking_lines = broken

    assert read_all(cluster, tmp_path) == expected


def test_another_process_goes_on_where_one_stopped(cluster, tmp_path) -> None:
    """How far it was read is kept on disk."""
    cluster.set_pods("r", make_pod("p", fetch="running"))
    cluster.write_log("p", "fetch", (make_time(1), "one"))
    told: Told = []
    first = make_reader(cluster, tmp_path, told)
    first.start()
    wait_for(lambda: told == [("fetch", "one")], what="the first line")
    first.stop()
    cluster.write_log("p", "fetch", (make_time(1), "two"), (make_time(2), "three"), ended=True)
    cluster.set_pods("r", make_pod("p", **ENDED))
    cluster.ended_logs |= {("p", "step-build"), ("p", "step-push")}

    assert read_all(cluster, tmp_path) == [("fetch", "two"), ("fetch", "three")]
    assert json.loads((tmp_path / "cursor").read_text()) == [3, "", 0, ""]


def test_killed_process_repeats_no_line_that_was_kept(cluster, tmp_path) -> None:
    """While a Step is silent the line before is kept; a reader that was never stopped leaves the file as it is now."""
    cluster.set_pods("r", make_pod("p", fetch="running"))
    cluster.write_log("p", "fetch", (make_time(1), "one"))
    told: Told = []
    killed = make_reader(cluster, tmp_path, told)
    killed.start()
    wait_for(lambda: told == [("fetch", "one")], what="the first line")

    def is_kept() -> bool:
        killed.keep()
        return (tmp_path / "cursor").exists() and json.loads((tmp_path / "cursor").read_text())[2] == 1

    wait_for(is_kept, what="the first line in the file")
    kept = (tmp_path / "cursor").read_text()
    killed.stop()

    assert json.loads(kept) == [0, make_time(1), 1, ""]


def test_log_is_read_where_nothing_can_be_kept(cluster, tmp_path) -> None:
    """A file that cannot be written costs a process that takes over some lines twice, and no more."""
    expected = write_steps(cluster)
    (tmp_path / "cursor").mkdir()

    assert read_all(cluster, tmp_path) == expected


def test_rest_of_a_log_is_read_as_long_as_lines_come(cluster, tmp_path, monkeypatch) -> None:
    """However slow a node is: each wait for the end of the reader brings one line here, and none is the last one."""
    expected = write_steps(cluster)
    told: Told = []
    may_take = threading.Semaphore(0)

    def take(step: str, line: str) -> None:
        may_take.acquire()
        told.append((step, line))

    reader = LogReader(cluster, run="r", namespace="n", take=take, cursor=tmp_path / "cursor")
    reader.start()

    def join(_seconds: float) -> None:
        before = reader._cursor
        may_take.release()
        wait_for(lambda: reader._cursor != before or not reader._thread.is_alive(), what="one more line, or the end")

    monkeypatch.setattr(reader._thread, "join", join)
    reader.finish(seconds=10)

    assert told == expected


class Body:
    """A log as one connection gives it."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, _piece_bytes: int, *, decode_content: bool) -> Iterator[bytes]:
        assert not decode_content
        yield self.body

    def shutdown(self) -> None:
        """Nothing waits."""


@pytest.mark.parametrize("cut", [0, 1, 7, 11])
def test_stream_that_ends_before_the_log_is_whole_is_read_on(cluster, tmp_path, monkeypatch, cut) -> None:
    """A node may end it while the last lines are still written down; half a line is never taken for a whole one."""
    first, second = (f"{make_time(number)} {line}" for number, line in ((1, "one"), (2, "second")))
    whole = f"{first}\n{second}"
    bodies = {"step-fetch": [whole[: len(whole) - cut].encode(), whole.encode()]}

    @contextmanager
    def open_log(pod: str, container: str, *, namespace: str, since_seconds: int | None) -> Iterator[Body]:
        assert (pod, namespace) == ("p", "n")
        left = bodies.get(container, [b""])
        yield Body(left.pop(0) if len(left) > 1 else left[0])

    monkeypatch.setattr(cluster, "open_log", open_log)
    cluster.set_pods("r", make_pod("p", **ENDED))

    assert read_all(cluster, tmp_path) == [("fetch", "one"), ("fetch", "second")]


def test_damaged_cursor_means_the_beginning(cluster, tmp_path) -> None:
    """Better twice than never."""
    (tmp_path / "cursor").write_text("[1]")
    expected = write_steps(cluster)

    assert read_all(cluster, tmp_path) == expected


def test_step_that_was_never_begun_says_nothing(cluster, tmp_path) -> None:
    """After a failure the rest waits for ever, and is not waited for."""
    cluster.set_pods("r", make_pod("p", fetch="terminated"))
    cluster.write_log("p", "fetch", (make_time(1), "error"), ended=True)

    assert read_all(cluster, tmp_path) == [("fetch", "error")]


def test_pod_that_vanished_ends_the_log(cluster, tmp_path) -> None:
    """A run that was cancelled has no pod any more."""

    assert read_all(cluster, tmp_path) == []


def test_line_without_an_end_is_refused(cluster, tmp_path, monkeypatch) -> None:
    """Memory stays bounded, whatever a build prints."""
    monkeypatch.setattr("hublish.engines.tekton.logs._LINE_BYTES", 100)
    cluster.set_pods("r", make_pod("p", fetch="terminated"))
    cluster.write_log("p", "fetch", (make_time(1), "x" * 200), ended=True)
    reader = make_reader(cluster, tmp_path, [])
    reader.start()
    reader.finish(seconds=0.5)

    assert cluster.calls[0] == "log n/p step-fetch since False"


def test_fault_of_the_taker_is_kept(cluster, tmp_path) -> None:
    """The build learns why its log broke off."""
    write_steps(cluster)

    def refuse(step: str, line: str) -> None:
        raise ValueError(f"{step} {line}")

    reader = LogReader(cluster, run="r", namespace="n", take=refuse, cursor=tmp_path / "cursor")
    reader.start()
    reader.finish(seconds=10)

    assert str(reader.failure) == "fetch fetch 1"


def test_reader_of_a_connection_that_ended_meanwhile_is_stopped(cluster, tmp_path, monkeypatch) -> None:
    """urllib3 refuses to shut down what is closed already, as after the end of an API server."""
    shut_down = FakeLogResponse.shutdown

    def refuse(response: FakeLogResponse) -> None:
        shut_down(response)
        raise ValueError("Cannot shutdown socket as self._sock_shutdown is not set")

    monkeypatch.setattr(FakeLogResponse, "shutdown", refuse)
    cluster.set_pods("r", make_pod("p", fetch="running"))
    cluster.write_log("p", "fetch", (make_time(1), "one"))
    told: Told = []
    reader = make_reader(cluster, tmp_path, told)
    reader.start()
    wait_for(lambda: told == [("fetch", "one")], what="the first line")
    reader.stop()

    assert reader.failure is None
