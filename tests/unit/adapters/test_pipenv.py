"""The pipenv of a person's own machine, played by scripts: what it is given, and each way it fails."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hublish.adapters.pipenv import PipenvProgram
from hublish.errors import HublishError, LockFailed

Install = Callable[[str], dict[str, str]]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Put a pipenv of that shell text on a path of its own; returns the environment."""

    def install_script(text: str) -> dict[str, str]:
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "pipenv").write_text(f"#!/bin/sh\n{text}\n")
        (folder / "pipenv").chmod(0o755)
        return {"PATH": f"{folder}:{os.environ['PATH']}", "PIPENV_PIPFILE": "/elsewhere", "INDEX_TOKEN": "abc"}

    return install_script


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "ts"
    made.mkdir()
    for name in ("Pipfile", "Pipfile.lock", "setup.py"):
        (made / name).write_text(f"old {name}\n")
    return made


def run(environ: dict[str, str], folder: Path, *, lines: list[str] | None = None, stop: bool = False, **options: float):
    program = PipenvProgram(environ, **options)
    log = [].append if lines is None else lines.append
    return program.lock(folder, b"new Pipfile\n", log=log, cancelled=lambda: stop)


def test_pipenv_works_beside_the_folder(install: Install, folder: Path) -> None:
    """It sees the new Pipfile, no old lock, the packages of the folder and the user's variables; the folder stays."""
    environ = install('echo "$1 $INDEX_TOKEN $PIPENV_PIPFILE"; ls -A | cat; cat Pipfile setup.py > Pipfile.lock')
    lines: list[str] = []
    lock = run(environ, folder, lines=lines)

    assert lock == b"new Pipfile\nold setup.py\n"
    assert lines == ["lock abc", "Pipfile", "setup.py"]
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        name: f"old {name}\n" for name in ("Pipfile", "Pipfile.lock", "setup.py")
    }


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "echo 'There are incompatible versions: a needs b<1'; echo see https://me:secret@host/; exit 1",
            "pipenv could not lock: There are incompatible versions: a needs b<1",
        ),
        ("exit 3", "pipenv could not lock: exit status 3"),
        ("echo done", "pipenv wrote no lock: done"),
    ],
)
def test_failure_says_why(install: Install, folder: Path, script: str, message: str) -> None:
    """The resolver's own words are the reason, without secrets."""
    with pytest.raises(LockFailed) as caught:
        run(install(script), folder)

    assert caught.value.message == message


def test_missing_pipenv_is_named(folder: Path, tmp_path: Path) -> None:
    """Nothing is run."""
    with pytest.raises(LockFailed, match="there is no pipenv on this machine"):
        run({"PATH": str(tmp_path)}, folder)


@pytest.mark.parametrize(
    ("stop", "seconds", "code"),
    [(True, 60.0, "BuildCancelled"), (False, 0.0, "LockFailed")],
)
def test_endless_pipenv_is_ended(install: Install, folder: Path, *, stop: bool, seconds: float, code: str) -> None:
    """Ctrl-C and the time limit end it at once, with what it started."""
    # Of this process alone: other tests of this machine look for their own at the same time.
    seconds_asleep = f"4321.{os.getpid()}"
    environ = install(f"exec sleep {seconds_asleep} & sleep {seconds_asleep}")
    with pytest.raises(HublishError) as caught:
        run(environ, folder, stop=stop, seconds=seconds)

    asleep = f"sleep\0{seconds_asleep}\0".encode()
    deadline = time.monotonic() + 60
    while any(read(path) == asleep for path in Path("/proc").glob("[0-9]*/cmdline")):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    assert caught.value.code == code


def read(path: Path) -> bytes:
    """What a process was started with; nothing when it ended meanwhile."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
