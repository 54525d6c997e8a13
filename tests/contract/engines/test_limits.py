"""Builds that do not stop by themselves, or take more than they may: each ends, says why, and leaves nothing running."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.core.building import BuildStopped, Step
from hublish.engines.controlgroup import OUTPUT_LIMIT_BYTES
from tests.contract.engines.parts import stop, succeed, wait, wait_for
from tests.contract.engines.subjects import LIMITS, make_backend, make_engine
from tests.fakes import FakeLog

pytestmark = [pytest.mark.container, pytest.mark.registry, pytest.mark.timeout(1200)]

MIB = 1 << 20
PRINTED_BYTES = 200 * MIB
GROWTH_BYTES = 100 * MIB


def find_processes(mark: str) -> list[int]:
    """Ids of this machine's processes whose command line begins with a mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        if words.startswith(mark):
            found.append(int(path.parent.name))
    return found


def await_silence(mark: str) -> None:
    """Wait until no process has that command line any more; the kernel needs a moment to take them down."""
    wait_for(lambda: None if find_processes(mark) else True, what=f"the end of {mark}")


def test_cancelled_step_is_killed_at_once(yard, engine, kind) -> None:
    """A RUN that sleeps for a day is not waited for, and nothing of it is left."""
    log, mark = FakeLog(), f"sleep {10_000_000 + os.getpid()}"
    engine.start(yard.ask(f"FROM BASE\nRUN echo begun; {mark}\n", name=f"cancelled-{kind}"), log)
    wait_for(lambda: True if "begun" in log.lines else None, what="the step")
    engine.cancel(f"cancelled-{kind}")
    outcome = wait(engine, f"cancelled-{kind}")
    await_silence(mark)

    assert isinstance(outcome, BuildStopped)
    assert (outcome.code, outcome.cancelled, outcome.step) == ("BuildCancelled", True, Step.BUILD)


def test_step_that_never_ends_runs_into_the_time_limit(yard, engine, kind) -> None:
    """The plan's seconds count, and the message has them."""
    mark = f"sleep {20_000_000 + os.getpid()}"
    text = f"FROM BASE\nRUN while true; do {mark}; done\n"
    outcome = stop(engine, yard.ask(text, name=f"endless-{kind}", time_seconds=3))
    await_silence(mark)

    assert (outcome.cancelled, outcome.message) == (True, "the build ran into its limit of 3 seconds")


def test_step_that_forks_without_bound_fails_alone(yard, engine, kind) -> None:
    """The limit of processes is the build's own: its fork fails, nothing else does, and all its processes are gone."""
    mark = f"sleep {30_000_000 + os.getpid()}"
    text = f"FROM BASE\nRUN while true; do {mark} & done\n"
    outcome = stop(engine, yard.ask(text, name=f"forks-{kind}"))
    await_silence(mark)

    assert (outcome.code, outcome.step, outcome.cancelled) == ("BuildFailed", Step.BUILD, False)
    assert outcome.message.startswith(f"the build failed at step 2 of 2, RUN while true; do {mark} & done: ")
    assert any("can't fork" in line for line in outcome.last_lines)


def test_step_that_needs_too_much_memory_is_named(yard, engine, kind) -> None:
    """The kernel ends it; the message says that it was memory, and how much there was."""
    text = "FROM BASE\nRUN dd if=/dev/zero of=/dev/null bs=400M count=1\n"
    outcome = stop(engine, yard.ask(text, name=f"memory-{kind}"))

    assert (outcome.code, outcome.step) == ("BuildFailed", Step.BUILD)
    assert outcome.message == (
        "the build needed more memory than 256 MiB at step 2 of 2, RUN dd if=/dev/zero of=/dev/null bs=400M count=1"
    )


def test_step_that_prints_without_end_is_stopped(yard, kind, place, tmp_path) -> None:
    """Twice what a log keeps is enough for anybody; here the limit is smaller."""
    backend = make_backend(kind, place, limits=replace(LIMITS, output_bytes=8 * MIB))
    text = f"FROM BASE\nRUN yes {'x' * 200}\n"
    with closing(
        make_engine(backend, name=kind, folder=tmp_path, sources=yard.sources, images=yard.images, output=yard.images)
    ) as engine:
        outcome = stop(engine, yard.ask(text, name=f"prints-{kind}"))

    assert (outcome.code, outcome.message) == ("BuildFailed", "the build printed more than 8 MiB")
    assert LIMITS.output_bytes == OUTPUT_LIMIT_BYTES == 512 * MIB


def test_lines_are_logged_in_their_order(yard, engine, kind) -> None:
    """Every line once; how lines of the two outputs lie between each other is nobody's promise.

    The step waits at its end: what it says in its last moment buildah drops on a busy machine.
    """
    text = "FROM BASE\nRUN for number in $(seq 1 2000); do echo line-$number; done; sleep 1\n"
    log = FakeLog()
    succeed(engine, yard.ask(text, name=f"order-{kind}"), log)

    assert [line for line in log.lines if line.startswith("line-")] == [f"line-{number}" for number in range(1, 2001)]


class MeasuringLog:
    """Counts what it is told, and how far this process grows meanwhile."""

    def __init__(self) -> None:
        self.bytes = 0
        self.lines = 0
        self.last = ""
        self._began = read_memory()
        self.growth_bytes = 0

    def append(self, line: str) -> None:
        self.bytes += len(line) + 1
        self.lines += 1
        self.last = line if line == "end-of-it" else self.last
        if self.lines % 5000 == 0:
            self.growth_bytes = max(self.growth_bytes, read_memory() - self._began)


def read_memory() -> int:
    """Memory of this process that is in use, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_log_of_200_mb_streams(yard, engine, kind) -> None:
    """All of it arrives, and memory stays where it was."""
    printer = f"yes {'x' * 4095} | head -c {PRINTED_BYTES}; echo end-of-it"
    log = MeasuringLog()
    succeed(engine, yard.ask(f"FROM BASE\nRUN {printer}\n", name=f"long-{kind}"), log, seconds=400)

    assert log.bytes > PRINTED_BYTES
    assert log.last == "end-of-it"
    assert log.growth_bytes < GROWTH_BYTES
