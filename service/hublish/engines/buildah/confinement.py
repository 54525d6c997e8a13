"""A program in namespaces of its own, told apart from the service: process tree, mounts, network, memory, output.

It ends with whoever started it, as a whole: its first process is the init of a process namespace, which the kernel takes
down with everything in it. What it does is not decided here.

Source: unshare(1), setpriv(1), pid_namespaces(7).
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hublish.engines.buildah.network import NetworkMode, connect
from hublish.engines.controlgroup import OUTPUT_LIMIT_BYTES, ControlGroup, Limits, find_own_group, make_group
from hublish.errors import BuildFailed, EngineFailed, clip

_READ_BYTES = 1 << 16
_LINE_BYTES = 1 << 14
_POLL_SECONDS = 0.2
_START_SECONDS = 10.0
_MAY_ADMINISTER = 1 << 21
"""CAP_SYS_ADMIN, which no pod of a build has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """How a program runs.

    Attributes:
        name: of its control group.
        limits: of memory and processes; None for none.
        network: what it may reach.
        reachable: networks as 10.1.0.0/16 that it may reach although they are private.
        environment: all of its environment.
        folder: where it starts.
    """

    name: str
    limits: Limits | None
    network: NetworkMode
    reachable: tuple[str, ...] = ()
    environment: Mapping[str, str]
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended: its exit status, and how often the kernel killed in it for want of memory."""

    status: int
    memory_kills: int


class RunProgram(Protocol):
    """Runs a program to its end; see `run_confined`."""

    def __call__(
        self,
        command: Sequence[str],
        confinement: Confinement,
        *,
        log: Callable[[str], None],
        verify_running: Callable[[], None],
    ) -> Ended:
        """Run it."""


def run_confined(
    command: Sequence[str],
    confinement: Confinement,
    *,
    log: Callable[[str], None],
    verify_running: Callable[[], None],
) -> Ended:
    """Run a program to its end.

    Args:
        command: the program and its arguments; no shell reads them.
        confinement: what it is kept in.
        log: takes both of its outputs line by line, in their order.
        verify_running: raises when it is to stop; asked several times a second. Nothing of it is left then.

    Raises:
        BuildFailed: it printed more than any log keeps.
        EngineFailed: it could not be started, or its network could not be made.
    """
    group = ControlGroup(name=confinement.name, folders={})
    if confinement.limits is not None:
        group = make_group(confinement.name, confinement.limits)
    process = _spawn(command, confinement, group)
    try:
        with _make_network(process, confinement):
            _open_gate(process)
            for line in _read_lines(process, verify_running, limit_bytes=_find_output_limit(confinement)):
                log(line)
        status = process.wait(timeout=_START_SECONDS)
        return Ended(status=status, memory_kills=group.count_kills())
    finally:
        _end(process)
        group.remove()


def run_here(
    command: Sequence[str],
    confinement: Confinement,
    *,
    log: Callable[[str], None],
    verify_running: Callable[[], None],
) -> Ended:
    """Run a program to its end where the kernel confines this process already, as it does a pod; see `run_confined`.

    Nothing is set apart but the network, where it may reach none: a pod may make a network namespace in a user namespace
    of its own, as buildah makes one, and no process namespace. Its limits are its container's.
    """
    group = find_own_group()
    kills = group.count_kills()
    apart = _make_no_network() if confinement.network is NetworkMode.NONE else ()
    process = _start((*apart, *command), confinement, stdin=subprocess.DEVNULL)
    try:
        for line in _read_lines(process, verify_running, limit_bytes=_find_output_limit(confinement)):
            log(line)
        status = process.wait(timeout=_START_SECONDS)
        return Ended(status=status, memory_kills=group.count_kills() - kills)
    finally:
        _end(process)


def _make_no_network() -> tuple[str, ...]:
    """Words before a command that take its network; all users stay who they are, as what it writes is read outside.

    Who is no administrator of the machine needs a user namespace for that, and in it one for the mounts of containers.
    """
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    user = () if int(status["CapEff"], 16) & _MAY_ADMINISTER else ("--user", "--map-root-user", "--map-auto", "--mount")
    return ("unshare", *user, "--net", "--")


def _spawn(command: Sequence[str], confinement: Confinement, group: ControlGroup) -> subprocess.Popen[bytes]:
    rootless = ("--user", "--map-root-user", "--map-auto") if os.geteuid() != 0 else ()
    network = () if confinement.network is NetworkMode.HOST else ("--net",)
    limits = _make_process_limits(confinement.limits, group)
    process = _start(
        (
            *("setpriv", "--pdeathsig", "KILL", "unshare", *rootless, *network),
            *("--pid", "--fork", "--kill-child", "--mount-proc", "--", *limits),
            # The program waits for its control group and its network.
            *("sh", "-c", 'read -r _ && exec "$@"', "sh", *command),
        ),
        confinement,
        stdin=subprocess.PIPE,
    )
    try:
        group.add(process.pid)
        for child in _await_children(process):
            group.add(child)
    except OSError as exc:
        _end(process)
        raise EngineFailed(f"the build cannot be put into its control group: {exc.strerror}") from exc
    return process


def _start(command: Sequence[str], confinement: Confinement, *, stdin: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 -- the command is the caller's, read by no shell
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(confinement.environment),
            cwd=confinement.folder,
            start_new_session=True,
        )
    except OSError as exc:
        raise EngineFailed(f"{clip(str(exc.filename))} cannot be started: {exc.strerror}") from exc


def _make_process_limits(limits: Limits | None, group: ControlGroup) -> tuple[str, ...]:
    """What stands in for a control group that cannot be made."""
    if limits is None:
        return ()
    options = []
    if "memory" not in group.folders:
        options.append(f"--as={limits.memory_bytes}")
    if "pids" not in group.folders:
        options.append(f"--nproc={limits.pids}")
    return ("prlimit", *options, "--") if options else ()


def _await_children(process: subprocess.Popen[bytes]) -> tuple[int, ...]:
    """The process that unshare forked; it is there soon, or unshare failed."""
    listing = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        children = tuple(int(word) for word in listing.read_text().split())
        if children:
            return children
        time.sleep(0.005)
    words = b"" if process.stdout is None or process.poll() is None else process.stdout.read(_READ_BYTES)
    _end(process)
    raise EngineFailed(
        f"no namespaces can be made here: {clip(words.decode(errors='replace')) or 'unshare did not start'}",
        hint="`hublish doctor` says what is missing.",
    )


def _make_network(process: subprocess.Popen[bytes], confinement: Confinement) -> AbstractContextManager[None]:
    if confinement.network is not NetworkMode.ISOLATED:
        return nullcontext()
    (inner,) = _await_children(process)
    return connect(inner, reachable=confinement.reachable, environment=confinement.environment)


def _open_gate(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.write(b"\n")
            process.stdin.close()


def _find_output_limit(confinement: Confinement) -> int:
    return OUTPUT_LIMIT_BYTES if confinement.limits is None else confinement.limits.output_bytes


def _read_lines(
    process: subprocess.Popen[bytes], verify_running: Callable[[], None], *, limit_bytes: int
) -> Iterator[str]:
    """Lines as they come; one without an end is cut, so that memory stays bounded."""
    if process.stdout is None:
        return
    descriptor = process.stdout.fileno()
    rest, total_bytes = b"", 0
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            verify_running()
            if not selector.select(_POLL_SECONDS):
                continue
            piece = os.read(descriptor, _READ_BYTES)
            if not piece:
                break
            total_bytes += len(piece)
            if total_bytes > limit_bytes:
                raise BuildFailed(
                    f"the build printed more than {limit_bytes >> 20} MiB", hint="Make the failing step quieter."
                )
            *lines, rest = (rest + piece).split(b"\n")
            yield from (line.decode(errors="replace").rstrip("\r") for line in lines)
            if len(rest) > _LINE_BYTES:
                yield rest.decode(errors="replace")
                rest = b""
    if rest:
        yield rest.decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left; the kernel takes the namespace's processes down with their init, and is waited for."""
    with suppress(ProcessLookupError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()
