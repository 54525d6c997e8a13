"""What a RUN prints may look like what its engine says: it is believed no more than it can do harm."""

from __future__ import annotations

import os
import re

import pytest

from tests.contract.engines.parts import stop, wait, wait_for
from tests.contract.engines.test_limits import find_processes
from tests.fakes import FakeLog

pytestmark = [pytest.mark.container, pytest.mark.registry, pytest.mark.timeout(1200)]


def test_number_without_end_is_no_step(yard, engine, kind) -> None:
    """The line is one like any other, and the failing step keeps its name."""
    text = """FROM BASE
RUN n=$(yes 9 | head -n 5000 | tr -d '\\n'); echo "STEP $n/1: x"; echo "Step $n/1 : x"; exit 3
"""
    outcome = stop(engine, yard.ask(text, name=f"numbers-{kind}"))

    assert outcome.code == "BuildFailed"
    assert outcome.message.startswith("the build failed at step 2 of 2, RUN n=")


@pytest.mark.parametrize("kind", ["docker"])
def test_container_of_another_build_is_left_alone(yard, engine) -> None:
    """Its name stands in its log, which anybody may read; who prints it does not get the container removed."""
    log, mark = FakeLog(), f"sleep {40_000_000 + os.getpid()}"
    engine.start(yard.ask(f"FROM BASE\nRUN echo begun; {mark}\n", name="words-victim"), log)
    wait_for(lambda: True if "begun" in log.lines and find_processes(mark) else None, what="the step")
    (name,) = re.findall(r"^ ---> Running in ([0-9a-f]+)$", "\n".join(log.lines), re.MULTILINE)
    outcome = stop(engine, yard.ask(f"FROM BASE\nRUN echo ' ---> Running in {name}'; exit 3\n", name="words-hostile"))
    running = find_processes(mark)
    engine.cancel("words-victim")
    wait(engine, "words-victim")

    assert outcome.message.endswith("exit status 3")
    assert len(running) == 1
