"""The service with a resolver of ours in place of a container: `python -m tests.e2e.locking_service serve ...`.

The new lock is the text of the file `HUBLISH_TEST_LOCK`; without that file there are no versions that fit together. Each call
adds a line to the file beside it with the suffix `.calls`. With `HUBLISH_TEST_CRASHES` every effect kills the process, as
in `crashing_service`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from hublish.bootstrap.service import make_service
from hublish.core.locks.locker import LockRequest
from hublish.errors import LockFailed
from hublish.settings import load_settings
from hublish.telemetry import configure_logging
from hublish.workflows.services import Services
from tests.e2e import crashing_service


@dataclass(frozen=True)
class _Resolver:
    """A Locker that reads its lock from a file."""

    file: Path

    def make_lock(
        self, request: LockRequest, *, log: Callable[[str], None], verify_running: Callable[[], None]
    ) -> bytes:
        with self.file.with_suffix(".calls").open("a") as calls:
            calls.write(f"{request.repository.full_name} {request.base}\n")
        log("Locking [packages] dependencies...")
        verify_running()
        if not self.file.exists():
            log("ResolutionImpossible: six==9 and six==1")
            raise LockFailed(
                "pipenv could not lock: ResolutionImpossible: six==9 and six==1", hint="Change the Pipfile."
            )
        return self.file.read_bytes()

    def close(self) -> None:
        """Nothing is at work for long."""


def wrap(services: Services) -> Services:
    """Put the resolver in its place, and the crashes around the ports when they are wanted."""
    services = replace(services, locker=_Resolver(Path(os.environ["HUBLISH_TEST_LOCK"])))
    record = os.environ.get("HUBLISH_TEST_CRASHES")
    return services if record is None else crashing_service.wrap(services, Path(record))


def main() -> None:
    import uvicorn

    port = int(sys.argv[sys.argv.index("--port") + 1])
    configure_logging(json_lines=True)
    service = make_service(load_settings(os.environ), wrap=wrap)
    config = uvicorn.Config(
        service.app, host="127.0.0.1", port=port, log_config=None, access_log=False, timeout_graceful_shutdown=5
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
