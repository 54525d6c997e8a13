"""The pipenv of a person's own machine, for `hublish lock --here`; the service never runs it.

It works in a folder of its own, so that a lock is replaced only by a whole new one, and leaves no virtual environment.
Its environment is the person's: it expands `${VAR}` in sources, as it would without hublish.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from hublish.core.locks.lockfile import LOCK_LIMIT_BYTES
from hublish.core.locks.renewal import explain_failure
from hublish.core.redact import redact
from hublish.errors import BuildCancelled, LockFailed, clip

PIPFILE, LOCK = "Pipfile", "Pipfile.lock"
SECONDS = 1800
OUTPUT_LIMIT_BYTES = 4 << 20
_POLL_SECONDS = 0.2
_READ_BYTES = 1 << 16
# Files of the folder that pipenv must not meet: its own, and what it would take for its virtual environment.
_HIDDEN = frozenset({PIPFILE, LOCK, ".venv", ".git"})


class PipenvProgram:
    """Runs the user's pipenv.

    Args:
        environ: of the user's process.
        seconds: longest run.
        clock: seconds that only go up.
    """

    def __init__(
        self, environ: Mapping[str, str], *, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._environ = dict(environ)
        self._seconds = seconds
        self._clock = clock

    def lock(self, folder: Path, pipfile: bytes, *, log: Callable[[str], None], cancelled: Callable[[], bool]) -> bytes:
        """Lock a Pipfile.

        Args:
            folder: of the repository, for packages that lie in it.
            pipfile: what is locked.
            log: told what pipenv prints, line by line, without secrets.
            cancelled: True once it is to stop; asked several times a second.

        Returns:
            The bytes of the lock.

        Raises:
            LockFailed: there is no pipenv, it failed, or it took too long.
            BuildCancelled: `cancelled` said so; nothing was changed.
        """
        program = shutil.which("pipenv", path=self._environ.get("PATH"))
        if program is None:
            raise LockFailed(
                "there is no pipenv on this machine", hint="Install it (`pipx install pipenv`), or lock without --here."
            )
        with tempfile.TemporaryDirectory(prefix="hublish-lock-") as scratch:
            place = Path(scratch)
            (place / PIPFILE).write_bytes(pipfile)
            for entry in folder.absolute().iterdir():
                if entry.name not in _HIDDEN:
                    (place / entry.name).symlink_to(entry)
            output = self._run(program, place, log=log, cancelled=cancelled)
            lock = place / LOCK
            if not lock.is_file() or lock.stat().st_size > LOCK_LIMIT_BYTES:
                raise LockFailed(f"pipenv wrote no lock: {explain_failure(output)}")
            return lock.read_bytes()

    def _run(self, program: str, place: Path, *, log: Callable[[str], None], cancelled: Callable[[], bool]) -> str:
        own = {"PIPENV_VENV_IN_PROJECT": "1", "PIPENV_IGNORE_VIRTUALENVS": "1", "PIPENV_NOSPIN": "1", "NO_COLOR": "1"}
        kept = {name: value for name, value in self._environ.items() if name not in ("PIPENV_PIPFILE", "VIRTUAL_ENV")}
        process = subprocess.Popen(  # noqa: S603 -- the user's own pipenv, started by the user; no shell
            [program, "lock"],
            cwd=place,
            env={**kept, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output = self._read(process, log=log, cancelled=cancelled)
            status = process.wait()
        finally:
            # Also what pipenv started and left behind; its group is gone when nothing is.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if status != 0:
            raise LockFailed(
                f"pipenv could not lock: {explain_failure(output) or f'exit status {status}'}",
                hint="Change the Pipfile so that the versions fit together, then lock again.",
            )
        return output

    def _read(
        self, process: subprocess.Popen[bytes], *, log: Callable[[str], None], cancelled: Callable[[], bool]
    ) -> str:
        deadline = self._clock() + self._seconds
        kept, rest = bytearray(), b""
        if process.stdout is None:
            return ""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                if cancelled():
                    raise BuildCancelled("locking was stopped; nothing was changed")
                if self._clock() > deadline:
                    raise LockFailed(
                        f"pipenv took longer than {self._seconds:.0f} seconds",
                        hint="Pin versions in the Pipfile: loose ones make it try many.",
                    )
                if not selector.select(_POLL_SECONDS):
                    continue
                piece = os.read(process.stdout.fileno(), _READ_BYTES)
                if not piece:
                    break
                kept += piece
                # The reason of a failure stands at the end.
                del kept[:-OUTPUT_LIMIT_BYTES]
                *lines, rest = (rest + piece).split(b"\n")
                rest = rest[-_READ_BYTES:]
                for line in lines:
                    log(clip(redact(line.decode(errors="replace"))))
        return kept.decode(errors="replace")
