"""A real Docker Engine on a private socket: Debian's docker.io, with a folder and a containerd of its own. Needs root.

Its containers have no network unless asked for: several engines at once would fight over one bridge and its rules.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.sandbox.daemon import Daemon, DaemonMissing, run_client, start_daemon

# Another client may stand first on PATH; this one is as old as the engine.
CLIENT = "/usr/bin/docker"
SOCKET = "docker.sock"


@dataclass(slots=True, kw_only=True)
class DockerEngine:
    """A running engine.

    Attributes:
        host: "unix:///...", as DOCKER_HOST has it.
    """

    daemon: Daemon
    host: str

    @classmethod
    def start(cls, *, network: bool = False) -> Self:
        """Start an engine; `network` gives its containers a bridge to the outside.

        Raises:
            DaemonMissing: docker.io is not installed, this is not root, or the engine did not start.
        """
        if os.geteuid() != 0:
            raise DaemonMissing("dockerd needs root")
        if not Path(CLIENT).exists():
            raise DaemonMissing("Debian's docker.io is not installed")
        unconnected = () if network else ("--bridge", "none", "--iptables=false", "--ip-masq=false")
        daemon = start_daemon(
            "dockerd",
            make_command=lambda folder: (
                "dockerd",
                "--data-root",
                str(folder / "data"),
                "--exec-root",
                str(folder / "exec"),
                "--pidfile",
                str(folder / "pid"),
                "--host",
                f"unix://{folder / SOCKET}",
                *unconnected,
            ),
            socket=SOCKET,
        )
        engine = cls(daemon=daemon, host=f"unix://{daemon.folder / SOCKET}")
        try:
            engine.run("version")
        except AssertionError as error:
            daemon.stop()
            raise DaemonMissing(f"dockerd does not answer: {error}") from error
        return engine

    def run(self, *arguments: str, seconds: float = 180) -> str:
        """Run the docker client against this engine and return what it prints."""
        return run_client((CLIENT, "--host", self.host, *arguments), seconds=seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A bridge outlives its engine and keeps its addresses, of which there are for about thirty on a machine.
        with suppress(AssertionError, subprocess.TimeoutExpired):
            self.run("network", "prune", "--force")
        self.daemon.stop()
