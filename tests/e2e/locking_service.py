"""The service with a resolver of ours in place of a container: `python -m tests.e2e.locking_service serve ...`.

The new lock is the text of the file `HUBLISH_TEST_LOCK`; without that file there are no versions that fit together. Each call
adds a line to the file beside it with the suffix `.calls`. With `HUBLISH_TEST_CRASHES` every effect kills the process, as
in `crashing_service`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from hublish.core.locks.locker import LockRequest
from hublish.errors import LockFailed
from hublish.workflows.services import Services
from tests.e2e import crashing_service
from tests.e2e.serving import serve


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


if __name__ == "__main__":
    serve(wrap)
