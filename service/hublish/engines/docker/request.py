"""One request to Docker's classic builder: sent, read and ended in a way that a build can be stopped at any time."""

from __future__ import annotations

import json
import queue
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import docker
import docker.errors
import requests
from docker.types import CancellableStream

from hublish.builders.containers.buildcontext import stream_context
from hublish.builders.containers.containerrun import ContainerJob
from hublish.builders.containers.stepwatch import StepWatch
from hublish.engines.controlgroup import Limits
from hublish.errors import BuildFailed, EngineFailed, clip

DOCKERFILE = ".hublish-dockerfile"
"""Where the Dockerfile lies in the context, beside the repository's own files."""
_END_SECONDS = 30.0
_POLL_SECONDS = 0.2
_QUEUE_MESSAGES = 256
_LINE_CHARACTERS = 1 << 14
_KILLED = 137
_STEP = re.compile(r"Step (?P<done>\d{1,6})/(?P<total>\d{1,6}) : (?P<text>.*)")
_RUNNING = re.compile(r" ---> Running in (?P<id>[0-9a-f]{12,64})")


class BuildCall:
    """One request to the builder, read in a thread, so that the build can be stopped while the engine is silent."""

    def __init__(self, *, job: ContainerJob, limits: Limits, parent: str | None) -> None:
        """Nothing is sent here.

        Args:
            job: what to build.
            limits: of the build.
            parent: control group around its containers, and around no other's; None when it has none.
        """
        self._job = job
        self._parent = parent
        self._limits = limits
        self._messages: queue.Queue[dict[str, Any] | Exception | None] = queue.Queue(_QUEUE_MESSAGES)
        self._stream: CancellableStream[dict[str, Any]] | None = None
        self._stopped = threading.Event()
        self._steps = StepWatch(job, pattern=_STEP)
        self._container = ""
        self._rest = ""
        self._printed = 0
        self.error: Mapping[str, Any] | None = None

    def run(self, client: docker.DockerClient, parameters: Mapping[str, str]) -> None:
        """Send the request and read to its end."""
        threading.Thread(target=self._read, args=(client, parameters), name="docker-build", daemon=True).start()
        while True:
            self._job.verify_running()
            try:
                message = self._messages.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if message is None:
                break
            if isinstance(message, Exception):
                raise message
            self._take(message)
        if self._rest:
            self._tell(self._rest)

    def end(self, client: docker.DockerClient) -> None:
        """Close the connection, which ends the build, and see that its container is gone.

        The line that named it may be one that a RUN printed: only a container that is known for this build's is removed,
        of another the engine's own end of the build has to do.
        """
        self._stopped.set()
        if self._stream is not None:
            self._stream.close()
        deadline = time.monotonic() + _END_SECONDS
        while self._container and time.monotonic() < deadline:
            try:
                found = client.containers.get(self._container)
                if self._parent is not None:
                    if found.attrs["HostConfig"].get("CgroupParent") != self._parent:
                        break
                    found.remove(force=True)
                    continue
            except docker.errors.NotFound:
                break
            except docker.errors.APIError:
                pass  # its removal is in progress
            time.sleep(_POLL_SECONDS)

    def make_error(self, memory_kills: int) -> BuildFailed:
        """What went wrong, in words for people."""
        error = self.error or {}
        status = error.get("code")
        if memory_kills or status == _KILLED:
            return self._steps.make_memory_error(self._limits.memory_bytes)
        words = f"exit status {status}" if status else clip(self._job.clean(str(error.get("message", ""))))
        return self._steps.make_error(words)

    def _read(self, client: docker.DockerClient, parameters: Mapping[str, str]) -> None:
        """The thread: everything it meets goes into the queue."""
        try:
            response = client.api.post(
                f"{client.api.base_url}/v{client.api.api_version}/build",
                params=parameters,
                data=self._send(),
                headers={"Content-Type": "application/x-tar"},
                stream=True,
                timeout=None,
            )
            if response.status_code != requests.codes.ok:
                words = response.text[:_LINE_CHARACTERS]
                self._put(BuildFailed(f"the engine refused the build: {clip(self._job.clean(words))}"))
                return
            self._stream = CancellableStream(_parse_messages(response), response)
            for message in self._stream:
                self._put(message)
            self._put(None)
        except Exception as exc:  # noqa: BLE001 -- whatever ends the thread must reach who waits for it
            self._put(exc)

    def _send(self) -> Iterator[bytes]:
        for piece in stream_context(self._job.build, self._job.source, dockerfile=DOCKERFILE):
            if self._stopped.is_set():
                raise EngineFailed("the build was stopped while its context was sent")
            yield piece

    def _put(self, message: dict[str, Any] | Exception | None) -> None:
        while not self._stopped.is_set():
            with suppress(queue.Full):
                self._messages.put(message, timeout=_POLL_SECONDS)
                return

    def _take(self, message: Mapping[str, Any]) -> None:
        if "errorDetail" in message or "error" in message:
            detail = message.get("errorDetail")
            self.error = detail if isinstance(detail, dict) else {"message": message.get("error")}
            self._tell(str(self.error.get("message")))
            return
        text = str(message.get("stream") or "")
        self._printed += len(text)
        if self._printed > self._limits.output_bytes:
            limit = self._limits.output_bytes >> 20
            raise BuildFailed(f"the build printed more than {limit} MiB", hint="Make the failing step quieter.")
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._tell(line.rstrip("\r"))
        if len(self._rest) > _LINE_CHARACTERS:
            self._tell(self._rest)
            self._rest = ""

    def _tell(self, line: str) -> None:
        self._steps.read(line)
        running = _RUNNING.fullmatch(line)
        if running is not None:
            self._container = running["id"]


def _parse_messages(response: requests.Response) -> Iterator[dict[str, Any]]:
    for line in response.iter_lines(chunk_size=None):
        if line:
            message = json.loads(line)
            if isinstance(message, dict):
                yield message
