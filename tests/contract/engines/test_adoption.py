"""kill -9 of the process that builds: the next one ends the build, once, and nothing of the first is left."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hublish.core.building import BuildRequest, BuildSucceeded
from hublish.core.codec import render_value
from tests.contract.engines.parts import Yard, succeed, wait, wait_for
from tests.contract.engines.test_limits import await_silence, find_processes
from tests.fakes import FakeLog
from tests.sandbox.docker_engine import DockerEngine

pytestmark = [pytest.mark.container, pytest.mark.registry, pytest.mark.timeout(1200)]
TAKEN = "the image was built before hublish was stopped; it is taken as it is"


@contextmanager
def build_elsewhere(
    yard: Yard, request: BuildRequest, folder: Path, *, kind: str, place: str, hang: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that builds the request; killed when the block ends."""
    assert request.ref is not None
    source = yard.sources.trees[request.ref.sha]
    spec = {
        "request": render_value(request, BuildRequest),
        "files": {path: base64.b64encode(body).decode() for path, body in source.bodies.items()},
        "registry": yard.registry.host,
        "base": str(yard.base),
        "folder": str(folder),
        "kind": kind,
        "place": place,
        "hang": hang,
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    command = (sys.executable, "-m", "tests.contract.engines.victim", str(folder / "spec.json"))
    process = subprocess.Popen(
        command,
        cwd=Path(__file__).parents[3],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def read_until(process: subprocess.Popen[str], text: str) -> None:
    """Read what it prints up to the line that is this text."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.strip() == text:
            return
    raise AssertionError(f"it ended before it said {text!r}: {''.join(lines)[-3000:]}")


def test_build_whose_process_is_killed_is_begun_anew(yard, engine, kind, place, tmp_path) -> None:
    """Its step is taken down with it; the next process builds the same image under the same name.

    The step never ends by itself: the test ends the sleep of the second try.
    """
    name, mark, log = f"killed-{kind}", f"sleep {40_000_000 + os.getpid()}", FakeLog()
    request = yard.ask(f"FROM BASE\nRUN echo begun; {mark} || true\n", name=name)
    with build_elsewhere(yard, request, tmp_path, kind=kind, place=place) as process:
        read_until(process, "begun")
        wait_for(lambda: find_processes(mark) or None, what="the step's process")
    await_silence(mark)
    engine.start(request, log)
    (sleeping,) = wait_for(lambda: find_processes(mark) or None, what="the step's process in the second build")
    os.kill(sleeping, signal.SIGTERM)
    outcome = wait(engine, name)

    assert isinstance(outcome, BuildSucceeded), outcome
    assert "begun" in log.lines
    assert yard.registry.tags(f"team/{name}") == ("built",)
    if kind == "docker":
        await_no_containers(place)


def await_no_containers(place: str) -> None:
    """Docker Engine notices that nobody listens any more, and removes the step's container."""
    client = DockerEngine(daemon=None, host=place)  # type: ignore[arg-type]  # its client alone is used
    wait_for(lambda: True if client.run("ps", "--all", "--quiet") == "" else None, what="no container")


def test_build_that_had_ended_is_pushed_and_not_built_again(yard, engine, kind, place, tmp_path) -> None:
    """Killed while it pushed: the image stands in the engine's store, and is taken as it is."""
    name, log = f"pushing-{kind}", FakeLog()
    request = yard.ask("FROM BASE\nRUN date +%s%N > /when\n", name=name)
    with build_elsewhere(yard, request, tmp_path, kind=kind, place=place, hang=True) as process:
        read_until(process, "pushing")
    succeed(engine, request, log)

    assert TAKEN in log.lines
    assert not any("RUN date" in line for line in log.lines)
    assert yard.registry.tags(f"team/{name}") == ("built",)
