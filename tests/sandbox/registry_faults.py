"""A loopback HTTP proxy before a registry that misbehaves on demand: drops, refusals, slowness, other bytes, lies.

Location headers keep pointing at the proxy, since it hands on the Host header it was asked by.
"""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

UPSTREAM_SECONDS = 120
_HOP_HEADERS = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"})


@dataclass(slots=True, kw_only=True)
class Fault:
    """One kind of misbehaviour for requests that fit.

    Attributes:
        method: HTTP method it applies to.
        path: regular expression that is searched in path and query.
        times: how many requests it hits.
        skip: how many fitting requests it lets pass before.
        status: answer this without asking the registry.
        headers: headers of that answer, or put over those of the registry's; "" removes one.
        body: body of that answer.
        drop_after_bytes: close the connection after so many bytes: of the request's body for PUT, PATCH and POST, of
            the answer's body for GET.
        forward: with a drop in a request, whether the registry gets the bytes until then.
        drop_answer: hand the whole request on, then close without an answer.
        corrupt: flip one bit of the request's body (PUT, PATCH) or of the answer's (GET).
        delay_seconds: wait before the answer.
        without: names of request headers that the registry does not get.
    """

    method: str
    path: str
    times: int = 1
    skip: int = 0
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    drop_after_bytes: int | None = None
    forward: bool = False
    drop_answer: bool = False
    corrupt: bool = False
    delay_seconds: float = 0.0
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request as it came: headers with lower-case names, bytes of the body that arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body_bytes: int


class FaultProxy:
    """A running proxy; `host` is "127.0.0.1:PORT", `calls` what came so far."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.calls: list[Call] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(self))
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    def add(self, fault: Fault) -> None:
        """Misbehave so from now on; the first fault that fits and has times left is taken."""
        with self._lock:
            self._faults.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for a request, used up by one."""
        with self._lock:
            for fault in self._faults:
                if fault.times <= 0 or fault.method != method or not re.search(fault.path, path):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    def record(self, call: Call) -> None:
        """Remember a request."""
        with self._lock:
            self.calls.append(call)

    def methods(self) -> list[str]:
        """Methods of all requests so far, in order."""
        with self._lock:
            return [call.method for call in self.calls]


def _make_handler(proxy: FaultProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                self.close_connection = True

        def _serve(self) -> None:
            fault = proxy.take(self.command, self.path)
            length = int(self.headers.get("Content-Length") or 0)
            cut = fault is not None and fault.drop_after_bytes is not None and self.command != "GET"
            body = self.rfile.read(min(length, fault.drop_after_bytes) if cut else length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            proxy.record(Call(method=self.command, path=self.path, headers=headers, body_bytes=len(body)))
            if cut:
                if fault.forward:
                    self._forward_part(body)
                self._hang_up()
                return
            if fault is not None:
                time.sleep(fault.delay_seconds)
            if fault is not None and fault.status is not None:
                head = self.command == "HEAD"
                self._answer(fault.status, dict(fault.headers), fault.body, head=head, cut=fault.drop_after_bytes)
                return
            self._relay(body, fault)

        def _relay(self, body: bytes, fault: Fault | None) -> None:
            if fault is not None and fault.corrupt and self.command != "GET":
                body = _flip(body)
            connection = http.client.HTTPConnection(proxy.upstream, timeout=UPSTREAM_SECONDS)
            try:
                connection.request(self.command, self.path, body=body or None, headers=self._sent_headers(body, fault))
                response = connection.getresponse()
                answer = response.read()
                headers = {name: value for name, value in response.headers.items() if name.lower() not in _HOP_HEADERS}
                status, length = response.status, response.headers.get("Content-Length")
            finally:
                connection.close()
            if fault is None:
                self._answer(status, headers, answer, head=self.command == "HEAD", length=length)
                return
            if fault.drop_answer:
                self._hang_up()
                return
            for name, value in fault.headers.items():
                headers = {key: kept for key, kept in headers.items() if key.lower() != name.lower()}
                if value:
                    headers[name] = value
            if fault.corrupt and self.command == "GET":
                answer = _flip(answer)
            self._answer(
                status, headers, answer, head=self.command == "HEAD", length=length, cut=fault.drop_after_bytes
            )

        def _sent_headers(self, body: bytes, fault: Fault | None) -> dict[str, str]:
            left_out = _HOP_HEADERS | set(() if fault is None else fault.without)
            kept = {name: value for name, value in self.headers.items() if name.lower() not in left_out}
            return {**kept, "Content-Length": str(len(body))}

        def _answer(
            self,
            status: int,
            headers: dict[str, str],
            body: bytes,
            *,
            head: bool,
            length: str | None = None,
            cut: int | None = None,
        ) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", length if head and length is not None else str(len(body)))
            self.end_headers()
            if head or status == 204:
                return
            self.wfile.write(body[:cut])
            if cut is not None:
                self._hang_up()

        def _forward_part(self, body: bytes) -> None:
            host, port = proxy.upstream.rsplit(":", 1)
            with socket.create_connection((host, int(port)), timeout=UPSTREAM_SECONDS) as upstream:
                lines = [
                    f"{self.command} {self.path} HTTP/1.1",
                    *(f"{n}: {v}" for n, v in self.headers.items()),
                    "",
                    "",
                ]
                upstream.sendall("\r\n".join(lines).encode() + body)
                # It has taken what it will keep once it says that the rest is missing.
                upstream.shutdown(socket.SHUT_WR)
                while upstream.recv(1 << 16):
                    pass

        def _hang_up(self) -> None:
            self.close_connection = True
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *args: object) -> None:
            return

    for method in ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._serve)
    return Handler


def _flip(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :] if body else body
