"""A container daemon of a test's own: a private folder with a short path, started as root, gone with all it mounted.

What Docker Engine and containerd have in common; no pytest here.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS = 240.0
STOP_SECONDS = 60.0


class DaemonMissing(RuntimeError):
    """The daemon is not installed, may not be started by this user, or did not start."""


@dataclass(slots=True, kw_only=True)
class Daemon:
    """A running daemon.

    Attributes:
        folder: everything it writes; its socket has a short path, as sockets must.
        process: the daemon itself; its children end with it.
    """

    folder: Path
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Stop the daemon, unmount what it mounted and remove its folder. May be called twice."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=STOP_SECONDS)
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            mounted = line.split(" ")[4]
            if mounted.startswith(f"{self.folder}/"):
                subprocess.run(["umount", "--lazy", mounted], check=False, timeout=STOP_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_daemon(name: str, *, make_command: Callable[[Path], Sequence[str]], socket: str) -> Daemon:
    """Start a daemon in a new folder and wait for its socket.

    Args:
        name: of the program.
        make_command: the command line, given the folder.
        socket: file name in the folder that appears when it is ready to be asked.

    Raises:
        DaemonMissing: it did not start; the message ends with its last words.
    """
    if shutil.which(name) is None:
        raise DaemonMissing(f"{name} is not installed")
    folder = Path(tempfile.mkdtemp(prefix="hublish-"))
    log = folder / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            make_command(folder), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, cwd=folder
        )
    daemon = Daemon(folder=folder, process=process)
    deadline = time.monotonic() + START_SECONDS
    while not (folder / socket).exists():
        if process.poll() is not None or time.monotonic() > deadline:
            words = log.read_text(errors="replace")[-1000:]
            daemon.stop()
            raise DaemonMissing(f"{name} did not start; its log ends: {words}")
        time.sleep(0.05)
    return daemon


def run_client(command: Sequence[str], *, seconds: float = 120) -> str:
    """Run a client of a daemon and return what it prints.

    Raises:
        AssertionError: it failed; the message holds the end of both its streams.
    """
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout
