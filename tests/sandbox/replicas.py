"""Several processes of the service over one database: each with a port, a data folder and a name of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

import yaml

from tests.sandbox.ports import Port
from tests.sandbox.town import WAIT_SECONDS, Town


class Replica:
    """One process of a town's service; a context manager that ends it."""

    def __init__(self, town: Town, name: str, **settings: Any) -> None:
        """Write its settings: those of the town, with what a replica has to itself, and `settings` over them."""
        self.name = name
        self._port = Port()
        self.port = self._port.number
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder: Path = town.folder / name
        self.folder.mkdir()
        self.serve: Sequence[str] = town.serve
        self.process: subprocess.Popen[bytes] | None = None
        own = {"executor_id": name, "data": str(self.folder), "logs": str(town.folder / "logs")}
        (self.folder / "settings.yaml").write_text(yaml.safe_dump({**town.settings, **own, **settings}))

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a command that works with its settings."""
        return {**os.environ, "HUBLISH_SETTINGS": str(self.folder / "settings.yaml")}

    def start(self) -> Self:
        """Start it and wait until it answers."""
        with (self.folder / "service.log").open("ab") as log:
            command = [*self.serve, "serve", "--port", str(self.port)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment)
        deadline = time.monotonic() + 2 * WAIT_SECONDS  # it may wait for one before it to end
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urlopen(f"{self.url}/healthz", timeout=20):
                    return self
            except OSError:
                time.sleep(0.05)
        self.stop()  # nobody else would: a block that it was started for is never entered
        raise RuntimeError(f"the replica {self.name} does not answer: {self.read_log()[-3000:]}")

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop it as an operator would."""
        self._end(signal.SIGTERM)

    def read_log(self) -> str:
        """What it wrote."""
        return (self.folder / "service.log").read_text(errors="replace")

    def _end(self, how: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
