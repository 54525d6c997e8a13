"""200 signed deliveries a second for a minute, then kill -9: how fast is the answer, and is every answered row there?

`python -m bench.webhook`; exits 1 when the 99th percentile is over 250 ms, when an answer is not 202, or when a
delivery that was answered is not in the database after the kill.

The load is open: each delivery has its time, and its answer is measured from that time, so that a slow answer cannot
make room for itself. The bodies are GitHub's published examples, each delivery under a GUID of its own; hublish
ignores nearly all of them, as it does in life, and asks the sandbox's GitHub about the few that want a build.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import yaml
from tests.sandbox.github import GitHubSandbox
from tests.sandbox.webhook_examples import load_webhook_examples

from bench.figures import Figure, print_figures, write_figures

RATE = 200
SECONDS = 60.0
KILL_BEFORE_END_SECONDS = 0.5
P99_LIMIT_SECONDS = 0.250
START_SECONDS = 30.0
ANSWER_SECONDS = 30.0
WARM_UP_DELIVERIES = 20


@dataclass(slots=True)
class Load:
    """What was sent and what came back; GUIDs are `bench-NUMBER`.

    Attributes:
        answers: number -> (status, seconds from the time it was due).
        unanswered: numbers without an answer: the kill was faster.
        late_seconds: how far behind its plan the sender itself was, at worst.
    """

    answers: dict[int, tuple[int, float]] = field(default_factory=dict)
    unanswered: list[int] = field(default_factory=list)
    late_seconds: float = 0.0


class Sender:
    """Posts deliveries over as many kept connections as the answers need."""

    def __init__(self, port: int, requests: list[tuple[bytes, bytes]]) -> None:
        self._port = port
        self._requests = requests
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, number: int) -> int:
        """Post one delivery; returns the status. OSError or EOFError when the service is gone."""
        head, body = self._requests[number % len(self._requests)]
        reader, writer = self._idle.pop() if self._idle else await self._connect()
        try:
            writer.write(head.replace(b"GUID", b"bench-%d" % number, 1))
            writer.write(body)
            status = await asyncio.wait_for(_read_answer(reader), ANSWER_SECONDS)
        except BaseException:
            writer.close()
            raise
        self._idle.append((reader, writer))
        return status

    async def close(self) -> None:
        """Close the idle connections."""
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port)


async def _read_answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-length:"))
    await reader.readexactly(length)
    return int(head.split()[1])


class Service:
    """`hublish serve` on a folder of its own."""

    def __init__(self, folder: Path, github: GitHubSandbox) -> None:
        self.folder = folder
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = int(listener.getsockname()[1])
        (folder / "webhook-secret").write_text(github.webhook_secret)
        settings = {
            "github": {
                "api": github.api_url,
                "web": github.api_url,
                "app_id": github.app_id,
                "private_key_file": str(github.private_key_path),
                "webhook_secret_files": ["webhook-secret"],
            },
            "public_url": f"http://127.0.0.1:{self.port}",
            "data": "data",
            "database": f"sqlite:///{folder}/data/hublish.sqlite",
        }
        (folder / "settings.yaml").write_text(yaml.safe_dump(settings))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        environment = {**os.environ, "HUBLISH_SETTINGS": str(self.folder / "settings.yaml")}
        command = [sys.executable, "-m", "hublish.cli", "serve", "--port", str(self.port)]
        with (self.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2):
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"the service did not start: {(self.folder / 'service.log').read_text()[-2000:]}")

    def kill(self) -> tuple[float, int]:
        """kill -9; returns (processor seconds, most memory in bytes) as they were right before."""
        process = self.process
        if process is None:
            return 0.0, 0
        self.process = None
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{process.pid}/status").read_text()
        peaks = [int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")]
        process.send_signal(signal.SIGKILL)
        process.wait()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), sum(peaks)

    def read_states(self) -> dict[str, str]:
        """GUID -> state of every stored delivery of the bench."""
        database = self.folder / "data" / "hublish.sqlite"
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
            return dict(connection.execute("select guid, state from deliveries where guid like 'bench-%'").fetchall())


def make_requests(port: int, secret: str) -> list[tuple[bytes, bytes]]:
    """`(head, body)` of each published example, signed; the head's word GUID is replaced for each delivery."""
    requests = []
    for example in load_webhook_examples():
        body = json.dumps(example.payload).encode()
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        head = (
            f"POST /webhook HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-GitHub-Delivery: GUID\r\n"
            f"X-GitHub-Event: {example.event}\r\nX-Hub-Signature-256: sha256={signature}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        requests.append((head.encode(), body))
    return requests


async def send_load(sender: Sender, service: Service, *, rate: int, seconds: float) -> tuple[Load, float, int]:
    """Send the load and kill the service shortly before its end; returns (load, processor seconds, memory)."""
    for number in range(WARM_UP_DELIVERIES):
        await sender.post(-1 - number)
    load = Load()
    begin = time.monotonic() + 0.1

    async def send(number: int, due: float) -> None:
        try:
            status = await sender.post(number)
        except (OSError, EOFError, TimeoutError):
            load.unanswered.append(number)
        else:
            load.answers[number] = (status, time.monotonic() - due)

    async def kill() -> tuple[float, int]:
        await asyncio.sleep(begin + seconds - KILL_BEFORE_END_SECONDS - time.monotonic())
        return await asyncio.to_thread(service.kill)

    killed = asyncio.create_task(kill())
    sent = []
    for number in range(int(rate * seconds)):
        due = begin + number / rate
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        load.late_seconds = max(load.late_seconds, time.monotonic() - due)
        sent.append(asyncio.create_task(send(number, due)))
    await asyncio.gather(*sent)
    await sender.close()
    cpu_seconds, peak_bytes = await killed
    return load, cpu_seconds, peak_bytes


def measure(folder: Path, *, rate: int, seconds: float) -> bool:
    """Measure once, write and print the figures; returns whether the bar was met."""
    with GitHubSandbox.start(folder / "github") as github:
        github.set_webhook_url(None)
        service = Service(folder, github)
        try:
            service.start()
            sender = Sender(service.port, make_requests(service.port, github.webhook_secret))
            load, cpu_seconds, peak_bytes = asyncio.run(send_load(sender, service, rate=rate, seconds=seconds))
            begin = time.monotonic()
            service.start()
            states = service.read_states()
            restart_seconds = time.monotonic() - begin
        finally:
            service.kill()
    times = sorted(taken for _, taken in load.answers.values())
    p99 = statistics.quantiles(times, n=100)[98]
    wrong = sum(status != 202 for status, _ in load.answers.values())
    missing = sum(f"bench-{number}" not in states for number in load.answers)
    case = f"{rate} deliveries a second for {seconds:g} s, then kill -9"
    figure = Figure(
        case=case, subject="hublish", wall_s=seconds, p99_s=round(p99, 4), cpu_s=cpu_seconds, rss_bytes=peak_bytes
    )
    write_figures("webhook", [figure])
    remarks = [
        ("median", f"{statistics.median(times):.4f}"),
        ("slowest", f"{times[-1]:.4f}"),
        ("answered", f"{len(times):,}"),
        ("answered, not with 202", str(wrong)),
        ("answered, row missing", str(missing)),
        ("not answered (killed)", str(len(load.unanswered))),
        ("sender late by at most", f"{load.late_seconds:.4f}"),
        ("up again after", f"{restart_seconds:.2f}"),
    ]
    print_figures([figure], remarks=remarks)
    expected = int(rate * (seconds - KILL_BEFORE_END_SECONDS - 0.5))
    return p99 <= P99_LIMIT_SECONDS and wrong == 0 and missing == 0 and len(times) >= expected


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.webhook", description="How fast webhooks are answered.")
    parser.add_argument("--rate", type=int, default=RATE, help="deliveries a second")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hublish-bench-") as folder:
        met = measure(Path(folder), rate=options.rate, seconds=options.seconds)
    if not met:
        print(f"missed: p99 at most {P99_LIMIT_SECONDS} s, every answer 202, every answered delivery stored")
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
