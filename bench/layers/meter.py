"""Measures commands: time, processor, memory and bytes of a subject's whole process tree, its daemons included.

Processor time is what the kernel accounts to children that were waited for, plus that of named daemons; this process
adopts orphans, so that none escapes. Memory is the sum of the resident sets of the tree, looked at a few times a second:
pages that processes share count once for each of them.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bench.layers.relay import Traffic

COMMAND_SECONDS = 1800
SAMPLE_SECONDS = 0.1
PR_SET_CHILD_SUBREAPER = 36
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


class CommandFailed(RuntimeError):
    """A measured command failed; the message ends with its last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of a subject: its words, and what its environment has beyond ours."""

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What commands needed together; `rss_bytes` is the most they held at one time."""

    wall_s: float
    cpu_s: float
    up_bytes: int
    down_bytes: int
    rss_bytes: int


class Meter:
    """Runs commands one after the other and measures them.

    Args:
        read_traffic: the bytes passed on until now, over all relays.
        log: file that takes what the commands print.
    """

    def __init__(self, *, read_traffic: Callable[[], Traffic], log: Path) -> None:
        self._read_traffic = read_traffic
        self.log = log
        self.bystanders: set[int] = set()

    def run(self, commands: Sequence[Command], *, daemons: Sequence[int] = ()) -> Measurement:
        """Run the commands and measure them as one.

        Args:
            commands: the first that fails ends it.
            daemons: processes that work for them and were running before.

        Raises:
            CommandFailed: a command failed or took too long.
        """
        adopt_orphans()
        traffic, processor = self._read_traffic(), _read_processor(daemons)
        with _MemoryWatch(self.bystanders) as memory:
            began_at = time.monotonic()
            for command in commands:
                self._run_one(command)
            wall = time.monotonic() - began_at
        reap_orphans()
        passed = self._read_traffic() - traffic
        return Measurement(
            wall_s=round(wall, 3),
            cpu_s=round(_read_processor(daemons) - processor, 2),
            up_bytes=passed.up,
            down_bytes=passed.down,
            rss_bytes=memory.most_bytes,
        )

    def _run_one(self, command: Command) -> None:
        with self.log.open("ab") as log:
            log.write(f"\n$ {' '.join(command.words)}\n".encode())
            log.flush()
            process = subprocess.Popen(
                command.words,
                env={**os.environ, **command.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                code = process.wait(timeout=COMMAND_SECONDS)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
        if code != 0:
            raise CommandFailed(
                f"{' '.join(command.words[:3])} ended with {code}; its log ends:\n{read_tail(self.log)}"
            )


class _MemoryWatch:
    """Samples the resident memory of our descendants in a thread; `bystanders` and what they started do not count."""

    def __init__(self, bystanders: set[int]) -> None:
        self._bystanders = bystanders
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.most_bytes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            found = list(_find_children(os.getpid(), self._bystanders))
            self.most_bytes = max(self.most_bytes, sum(map(_read_resident, found)))


def _find_children(parent: int, without: set[int]) -> list[int]:
    """All descendants of a process; a process forks from any of its threads, and the kernel lists children by thread."""
    found = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{parent}/task"):
            with suppress(OSError):
                for word in Path(f"/proc/{parent}/task/{thread}/children").read_text().split():
                    if int(word) not in without:
                        found += [int(word), *_find_children(int(word), without)]
    return found


def _read_resident(process: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE_BYTES
    return 0


def _read_processor(daemons: Sequence[int]) -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = usage.ru_utime + usage.ru_stime
    for daemon in daemons:
        fields = Path(f"/proc/{daemon}/stat").read_text().rpartition(")")[2].split()
        # utime, stime and those of its children that it waited for.
        seconds += sum(map(int, fields[11:15])) / _TICKS
    return seconds


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ended first, so that their time is accounted to us."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans() -> None:
    """Wait for adopted processes that have ended. Only between commands: it would take their status otherwise."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def run_quietly(words: Sequence[str], *, environment: Mapping[str, str] | None = None) -> str:
    """Run a command that is not measured; returns what it prints.

    Raises:
        CommandFailed: it ended with an error.
    """
    done = subprocess.run(
        words,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise CommandFailed(f"{' '.join(words[:9])} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def read_tail(log: Path, *, size: int = 2500) -> str:
    """The end of a log."""
    return log.read_text(errors="replace")[-size:] if log.exists() else ""
