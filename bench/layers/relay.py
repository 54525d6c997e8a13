"""Counts the bytes between a subject and the registry or the package index, the same way for every subject.

Connections are passed on by splice(2), so that counting costs next to nothing: towards one fixed target, or as an HTTP
proxy that is asked to CONNECT. What is counted is what stands in the connections: TLS and HTTP heads included.
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

CHUNK = 1 << 20
CONNECT_SECONDS = 30
LARGEST_HEAD = 16384
F_SETPIPE_SZ = 1031


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes sent by subjects (`up`) and received by them (`down`)."""

    up: int = 0
    down: int = 0

    def __sub__(self, other: Traffic) -> Traffic:
        return Traffic(self.up - other.up, self.down - other.down)

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(self.up + other.up, self.down + other.down)


class Relay:
    """A relay on a free loopback port; a context manager.

    Args:
        target: (host, port) of every connection; None makes it an HTTP proxy for CONNECT.
    """

    def __init__(self, target: tuple[str, int] | None) -> None:
        self._target = target
        self._up = 0
        self._down = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def host(self) -> str:
        """`127.0.0.1:PORT`."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def traffic(self) -> Traffic:
        """What was passed on until now."""
        with self._lock:
            return Traffic(self._up, self._down)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A blocked accept() is woken by shutdown, not by close.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError, ValueError):
            target = self._target or _read_connect(client)
            with socket.create_connection(target, timeout=CONNECT_SECONDS) as server:
                server.settimeout(None)
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._target is None:
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                upward = threading.Thread(target=self._pump, args=(client, server), kwargs={"up": True}, daemon=True)
                upward.start()
                self._pump(server, client, up=False)
                upward.join()

    def _pump(self, source: socket.socket, sink: socket.socket, *, up: bool) -> None:
        reader, writer = os.pipe()
        try:
            fcntl.fcntl(writer, F_SETPIPE_SZ, CHUNK)
            while taken := os.splice(source.fileno(), writer, CHUNK):
                with self._lock:
                    self._up, self._down = (self._up + taken, self._down) if up else (self._up, self._down + taken)
                while taken:
                    taken -= os.splice(reader, sink.fileno(), taken)
        except OSError:
            with suppress(OSError):
                source.shutdown(socket.SHUT_RDWR)
        finally:
            os.close(reader)
            os.close(writer)
            with suppress(OSError):
                sink.shutdown(socket.SHUT_WR)


def _read_connect(client: socket.socket) -> tuple[str, int]:
    """Read the head of a CONNECT request; returns its target. ValueError for any other request."""
    head = b""
    while b"\r\n\r\n" not in head:
        part = client.recv(4096)
        if not part or len(head) > LARGEST_HEAD:
            raise ValueError("no head")
        head += part
    method, target, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
    if method != "CONNECT":
        raise ValueError(method)
    host, _, port = target.rpartition(":")
    return host, int(port)
