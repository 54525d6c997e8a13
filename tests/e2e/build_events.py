"""What `tests.e2e.slow_service` notes of its builds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

FILE, GATE = "builds.txt", "gate"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildEvent:
    """One line: seconds since the epoch, the replica, "start" or "end", the build."""

    at: float
    replica: str
    what: str
    name: str


@contextmanager
def noting_builds(folder: Path, *, seconds: float, gated: bool = False) -> Iterator[None]:
    """Let services that start in the block take so many seconds a build, and note them in the folder.

    Gated builds end when `open_gate` was called, and no sooner.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUBLISH_TEST_BUILDS", str(folder / FILE))
        patch.setenv("HUBLISH_TEST_BUILD_SECONDS", str(seconds))
        if gated:
            patch.setenv("HUBLISH_TEST_BUILD_GATE", str(folder / GATE))
        yield


def open_gate(folder: Path) -> None:
    """Let builds end."""
    (folder / GATE).touch()


def read_events(folder: Path) -> list[BuildEvent]:
    """All of them, in order."""
    file = folder / FILE
    lines = file.read_text().splitlines() if file.exists() else []
    return [
        BuildEvent(at=float(at), replica=replica, what=what, name=name)
        for at, replica, what, name in (line.split() for line in lines)
    ]
