"""The service with builds that take at least so many seconds: `python -m tests.e2e.slow_service serve ...`.

The engine builds as ever and only tells of the end later. Each start and end of a build is a line in the file
`HUBLISH_TEST_BUILDS`: time, replica, "start" or "end", name. `HUBLISH_TEST_BUILD_SECONDS` is the least time. No build ends
before there is a file `HUBLISH_TEST_BUILD_GATE`, when that is set.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from hublish.core.building import EngineStatus
from hublish.workflows.services import Services
from tests.e2e.serving import serve


class _SlowEngine:
    """An engine that keeps an outcome to itself for a while."""

    def __init__(self, services: Services, *, seconds: float, record: Path, gate: Path | None) -> None:
        self._engine = services.engine
        self._replica = services.replica
        self._seconds = seconds
        self._record = record
        self._gate = gate
        self._started: dict[str, float] = {}
        self._ended: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def start(self, request: Any, log: Any) -> None:
        if request.name not in self._started:
            self._note("start", request.name)
            self._started[request.name] = time.monotonic()
        self._engine.start(request, log)

    def status(self, name: str) -> EngineStatus | None:
        status = self._engine.status(name)
        if status is None or status.outcome is None:
            return status
        is_shut = self._gate is not None and not self._gate.exists()
        if is_shut or time.monotonic() - self._started[name] < self._seconds:
            return EngineStatus(progress=status.progress, outcome=None)
        if name not in self._ended:
            self._ended.add(name)
            self._note("end", name)
        return status

    def _note(self, what: str, name: str) -> None:
        with self._record.open("a") as file:
            file.write(f"{time.time():.3f} {self._replica} {what} {name}\n")


def wrap(services: Services) -> Services:
    """Put the slow engine before the real one."""
    gate = os.environ.get("HUBLISH_TEST_BUILD_GATE")
    engine = _SlowEngine(
        services,
        seconds=float(os.environ["HUBLISH_TEST_BUILD_SECONDS"]),
        record=Path(os.environ["HUBLISH_TEST_BUILDS"]),
        gate=None if gate is None else Path(gate),
    )
    return replace(services, engine=engine)


if __name__ == "__main__":
    serve(wrap)
