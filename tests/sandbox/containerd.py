"""A real containerd on a private socket: Debian's, with root and state folders of its own. Needs root."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.sandbox.daemon import Daemon, DaemonMissing, run_client, start_daemon

SOCKET = "containerd.sock"
# Kubernetes is not here, and the plug-in of its runtime interface would want a network.
CONFIG = """version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{folder}/containerd.sock"
[ttrpc]
address = "{folder}/containerd.sock.ttrpc"
"""


@dataclass(slots=True, kw_only=True)
class Containerd:
    """A running containerd."""

    daemon: Daemon

    @classmethod
    def start(cls) -> Self:
        """Start one.

        Raises:
            DaemonMissing: containerd is not installed, this is not root, or it did not start.
        """
        if os.geteuid() != 0:
            raise DaemonMissing("containerd needs root")

        def make_command(folder: Path) -> tuple[str, ...]:
            (folder / "config.toml").write_text(CONFIG.format(folder=folder))
            return ("containerd", "--config", str(folder / "config.toml"))

        daemon = start_daemon("containerd", make_command=make_command, socket=SOCKET)
        started = cls(daemon=daemon)
        try:
            started.run("version")
        except AssertionError as error:
            daemon.stop()
            raise DaemonMissing(f"containerd does not answer: {error}") from error
        return started

    def run(self, *arguments: str, seconds: float = 180) -> str:
        """Run `ctr` against this containerd and return what it prints."""
        return run_client(("ctr", "--address", str(self.daemon.folder / SOCKET), *arguments), seconds=seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.daemon.stop()
