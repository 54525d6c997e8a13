"""The service, with a kill -9 waiting before and after every effect: `python -m tests.e2e.crashing_service serve ...`.

Each port is wrapped. The first time an effect's point is reached the process kills itself; the point stands in the
file `HUBLISH_TEST_CRASHES` then, and the next process goes past it. Reads have no points: nothing is lost with them.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hublish.bootstrap.service import make_service
from hublish.settings import load_settings
from hublish.telemetry import configure_logging
from hublish.workflows.services import Services


def _by_tag(arguments: dict[str, Any], positional: tuple[Any, ...]) -> str:
    tag = positional[0].tag
    return "build" if tag is None or tag.startswith("build-") else "latest" if tag == "latest" else "release"


EFFECTS: dict[str, dict[str, Callable[[dict[str, Any], tuple[Any, ...]], str]]] = {
    "deliveries": {
        "insert_delivery": lambda named, _: named["event"],
        "finish_delivery": lambda named, _: named["state"].value,
    },
    "runs": {"ensure_run": lambda *_: "", "move_run": lambda _, given: given[1].value},
    "cancels": {"request_cancel": lambda *_: ""},
    "steps": {"ensure_link": lambda *_: ""},
    "builds": {
        "ensure_request": lambda *_: "",
        "claim_build": lambda *_: "",
        "finish_build": lambda *_: "",
        "stop_build": lambda *_: "",
    },
    "conversation": {
        "ensure_reaction": lambda *_: "",
        "ensure_check_run": lambda _, given: given[1].status,
        "ensure_comment": lambda named, _: named["marker"].split(":")[1],
        "delete_comment": lambda *_: "",
    },
    "engine": {"start": lambda *_: ""},
    "output": {"ensure_blob": lambda *_: "", "ensure_manifest": _by_tag},
    "queue": {"enter": lambda *_: "", "admit": lambda *_: "", "leave": lambda *_: ""},
    "image_records": {
        "claim_owner": lambda *_: "",
        "record_release": lambda *_: "",
        "record_image": lambda *_: "",
    },
    "hub_repository": {"ensure_commit": lambda *_: "", "ensure_pull_request": lambda *_: ""},
}


QUIET = frozenset(os.environ.get("HUBLISH_TEST_QUIET", "").split(",")) - {""}
"""Methods and labels whose points are left out, for tests that look at some effects only."""


class _Crashing:
    """A port whose effects kill the process, once before and once after each."""

    def __init__(self, port: Any, name: str, record: Path) -> None:
        self._port, self._name, self._record = port, name, record

    def __getattr__(self, method: str) -> Any:
        target = getattr(self._port, method)
        label = EFFECTS[self._name].get(method)
        if label is None:
            return target

        def call(*arguments: Any, **named: Any) -> Any:
            if method == "admit" and all(ticket.started_at is not None for ticket in self._port.list_tickets()):
                # The feeder looks all the time; where nothing waits, nothing happens.
                return target(*arguments, **named)
            effect = f"{self._name}.{method} {label(named, arguments)}".strip()
            if set(effect.replace(".", " ").split()) & QUIET:
                return target(*arguments, **named)
            self._reach(f"before {effect}")
            result = target(*arguments, **named)
            self._reach(f"after {effect}")
            return result

        return call

    def _reach(self, point: str) -> None:
        reached = self._record.read_text().splitlines() if self._record.exists() else []
        if point not in reached:
            with self._record.open("a") as file:
                file.write(point + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.kill(os.getpid(), signal.SIGKILL)


def wrap(services: Services, record: Path) -> Services:
    """Put the crashes around every port that has effects."""
    # Engines push through the registry client they were given, so it is put in its place there.
    output = _Crashing(services.output, "output", record)
    for engine in services.engine._engines:
        engine._output = output
    return replace(
        services,
        output=output,
        **{name: _Crashing(getattr(services, name), name, record) for name in EFFECTS if name != "output"},
    )


def main() -> None:
    import uvicorn

    port = int(sys.argv[sys.argv.index("--port") + 1])
    configure_logging(json_lines=True)
    record = Path(os.environ["HUBLISH_TEST_CRASHES"])
    service = make_service(load_settings(os.environ), wrap=lambda services: wrap(services, record))
    uvicorn.Server(uvicorn.Config(service.app, host="127.0.0.1", port=port, log_config=None, access_log=False)).run()


if __name__ == "__main__":
    main()
