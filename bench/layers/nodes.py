"""What a cluster's node and a user feel: pulling an image, pulling its successor, and the first start of JupyterLab.

The node is buildah with a store of its own, which pulls as CRI-O does (the same library). A container is made before the
clock starts; it runs from the command to the server's first answer.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from bench.layers.buildah import Buildah
from bench.layers.meter import Command, CommandFailed, Measurement, Meter, read_tail, run_quietly

START_SECONDS = 120
POLL_SECONDS = 0.02


class Node:
    """An empty node in one folder."""

    def __init__(self, folder: Path, meter: Meter) -> None:
        self._buildah = Buildah(folder)
        self._meter = meter

    def pull(self, image: str) -> Measurement:
        """Pull an image and unpack it."""
        words = [*self._buildah.words, "pull", "--quiet", "--tls-verify=false", image]
        return self._meter.run([Command(words=words, environment=self._buildah.environment())])

    def start_jupyterlab(self, image: str) -> Measurement:
        """Start JupyterLab in a fresh container of a pulled image, as a user that is not root, until it answers.

        Raises:
            CommandFailed: it did not answer in time.
        """
        environment = self._buildah.environment()
        words = [*self._buildah.words, "from", "--pull-never", image]
        container = run_quietly(words, environment=environment).strip()
        try:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            lab = ["jupyter", "lab", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.root_dir=/tmp"]
            start = [*self._buildah.words, "run", "--isolation", "chroot", "--user", "1000:0"]
            start += ["--env", "HOME=/tmp", "--workingdir", "/tmp", container, "--", *lab]
            return self._measure_start(start, environment, port)
        finally:
            run_quietly([*self._buildah.words, "rm", container], environment=environment)

    def remove(self) -> None:
        """Remove the node's store."""
        self._buildah.remove()

    def _measure_start(self, words: list[str], environment: dict[str, str], port: int) -> Measurement:
        with self._meter.log.open("ab") as log:
            began_at = time.monotonic()
            process = subprocess.Popen(
                words, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )  # fmt: skip
            try:
                while not _answers(port):
                    if process.poll() is not None or time.monotonic() - began_at > START_SECONDS:
                        raise CommandFailed(f"JupyterLab did not answer:\n{read_tail(self._meter.log)}")
                    time.sleep(POLL_SECONDS)
                wall = time.monotonic() - began_at
            finally:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return Measurement(wall_s=round(wall, 3), cpu_s=0, up_bytes=0, down_bytes=0, rss_bytes=0)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
