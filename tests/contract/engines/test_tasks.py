"""Scripts of strangers in containers, whichever engine runs them: what they leave, and what they cannot do."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.builders.containers.taskrun import TaskRunner
from hublish.core.ports import ContainerTask
from hublish.errors import BuildCancelled, BuildFailed

pytestmark = [pytest.mark.container, pytest.mark.registry, pytest.mark.timeout(1200)]

HINT = "Ask somebody."


@pytest.fixture
def runner(backend, yard, tmp_path) -> TaskRunner:
    return TaskRunner(backend, yard.images, tmp_path / "work")


def make_task(yard, script: str, **changes: object) -> ContainerTask:
    task = ContainerTask(
        title="the answer",
        base=yard.base,
        platform="linux/amd64",
        script=script,
        files={},
        network=False,
        seconds=120,
        size_bytes=1 << 20,
        hint=HINT,
    )
    return replace(task, **changes)


def run(runner: TaskRunner, task: ContainerTask, output: Path) -> tuple[dict[str, bytes], list[str]]:
    lines: list[str] = []
    paths = runner.run_task(task, output, log=lines.append, verify_running=lambda: None)
    return {path.name: path.read_bytes() for path in paths}, lines


def refuse(runner: TaskRunner, task: ContainerTask, output: Path) -> BuildFailed:
    with pytest.raises(BuildFailed) as caught:
        run(runner, task, output)
    assert list(runner.folder.iterdir()) == []
    return caught.value


def test_task_gives_the_files_it_leaves(yard, runner, tmp_path) -> None:
    """It sees its own files and the image; what it writes elsewhere is gone; it is run anew each time."""
    mark = tmp_path / "mark"
    (tmp_path / "in").write_bytes(b"41")
    script = "echo asking\necho $(( $(cat files/question) + 1 )) > out/answer.txt\n: > out/empty"
    script += f"\nmkdir -p {tmp_path} && echo x > {mark}"
    task = make_task(yard, script, files={"question": tmp_path / "in"})
    first, lines = run(runner, task, tmp_path / "first")
    (tmp_path / "in").write_bytes(b"42")
    second, _ = run(runner, task, tmp_path / "second")

    assert (first, second["answer.txt"]) == ({"answer.txt": b"42\n", "empty": b""}, b"43\n")
    assert ("asking" in lines, mark.exists()) == (True, False)
    assert list(runner.folder.iterdir()) == []


def test_failure_has_the_last_words_of_the_script(yard, runner, tmp_path) -> None:
    """Without secrets, and without the engine's own words."""
    error = refuse(
        runner, make_task(yard, "echo one; echo 'no compiler: https://me:secret@host/'; exit 3"), tmp_path / "out"
    )

    assert (error.message, error.hint) == ("the answer failed: no compiler: https://***@host/", HINT)


def test_endless_task_is_ended(yard, runner, tmp_path) -> None:
    """It has its time and no more."""
    error = refuse(runner, make_task(yard, "while :; do sleep 1; done", seconds=6), tmp_path / "out")

    assert (error.message, error.hint) == ("the answer took longer than 6 seconds", HINT)


def test_task_that_forks_without_end_is_ended(yard, runner, tmp_path) -> None:
    """The limit of processes holds; this machine goes on."""
    script = "while :; do sleep 600 & done"
    error = refuse(runner, make_task(yard, script, seconds=60), tmp_path / "out")

    assert error.message.startswith("the answer failed: ")


def test_task_reaches_no_service_of_this_machine(yard, runner, tmp_path) -> None:
    """Neither the service nor a metadata address answers, and no variable of ours is there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        places = (f"127.0.0.1 {port}", "169.254.169.254 80", f"10.0.2.2 {port}")
        script = (
            "".join(
                f"if nc -w 2 {place} < /dev/null; then echo 'reached {place}' >> out/seen; fi\n" for place in places
            )
            + "env | grep -E 'HUBLISH|TOKEN' >> out/seen || echo nothing >> out/seen\n"
        )
        seen, _ = run(runner, make_task(yard, script), tmp_path / "out")

    assert seen == {"seen": b"nothing\n"}


def test_stopped_task_leaves_nothing(yard, runner, tmp_path) -> None:
    """A build that is cancelled ends its task within seconds."""
    deadline = time.monotonic() + 4

    def verify_running() -> None:
        if time.monotonic() > deadline:
            raise BuildCancelled("stopped")

    with pytest.raises(BuildCancelled):
        runner.run_task(
            make_task(yard, "sleep 600"), tmp_path / "out", log=lambda _: None, verify_running=verify_running
        )
    assert list(runner.folder.iterdir()) == []
