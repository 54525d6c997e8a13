"""The node: the first process of its own namespaces, which starts the cluster's processes and restarts what ends.

When it ends the kernel kills all of them, pods included, and their mounts and interfaces go with them: stopping the
cluster needs no list. Run by `lane` only: `python -m tests.cluster.node STATE KUBERNETES TEKTON`.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

from tests.cluster.commands import run, succeeds
from tests.cluster.components import Component, make_components
from tests.cluster.machine import make_cgroups
from tests.cluster.network import NODE_INTERFACE, configure_node
from tests.cluster.places import NODE_ADDRESS, State

POLL_SECONDS = 0.05
RESTART_SECONDS = 1.0
INTERFACE_SECONDS = 120.0


class Node:
    """Runs components until it is told to end."""

    def __init__(self, state: State, components: tuple[Component, ...]) -> None:
        self._state = state
        self._waiting = {component.name: (component, 0.0) for component in components}
        self._running: dict[int, Component] = {}

    def run(self) -> None:
        """Start what may start and take in what ended, for ever."""
        while True:
            self._start_due()
            self._reap()
            time.sleep(POLL_SECONDS)

    def _start_due(self) -> None:
        for component, not_before in tuple(self._waiting.values()):
            if time.monotonic() >= not_before and _is_due(component):
                del self._waiting[component.name]
                self._running[self._start(component)] = component

    def _start(self, component: Component) -> int:
        log = str(self._state.logs / f"{component.name}.log")
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        process = os.posix_spawnp(
            component.command[0],
            component.command,
            {**os.environ, **component.environment},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log, flags, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setpgroup=0,
        )
        (self._state.pids / component.name).write_text(f"{process}\n")
        print(f"started {component.name}: {process}", flush=True)
        return process

    def _reap(self) -> None:
        """Take in every ended process: the first of a namespace inherits all orphans."""
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            component = self._running.pop(process, None)
            if component is not None:
                print(f"{component.name} ended with {os.waitstatus_to_exitcode(status)}", flush=True)
                (self._state.pids / component.name).unlink(missing_ok=True)
                self._waiting[component.name] = (component, time.monotonic() + RESTART_SECONDS)


def _is_due(component: Component) -> bool:
    if component.after_path is not None and not component.after_path.exists():
        return False
    return component.after_port is None or _listens(component.after_port)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(0.2)
        return client.connect_ex((NODE_ADDRESS, port)) == 0


def _await_interface() -> None:
    deadline = time.monotonic() + INTERFACE_SECONDS
    while not succeeds("ip", "link", "show", NODE_INTERFACE):
        if time.monotonic() > deadline:
            raise SystemExit(f"no interface {NODE_INTERFACE} after {INTERFACE_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)


def main(arguments: list[str]) -> None:
    """Become the node of the state, Kubernetes and Tekton folders that `arguments` name."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    state = State(Path(arguments[0]))
    # Volumes that kubelet mounts must appear in containers, which get a copy of this tree of mounts.
    run("mount", "--make-rshared", "/")
    make_cgroups()
    _await_interface()
    configure_node()
    Node(state, make_components(state, kubernetes=Path(arguments[1]), tekton=Path(arguments[2]))).run()


if __name__ == "__main__":
    main(sys.argv[1:])
