"""An HTTP proxy on loopback that knows names nobody else can resolve, so that what arrives can only have come through it.

CONNECT opens a tunnel, a whole URL is handed on; every request is recorded, also one that is refused.
"""

from __future__ import annotations

import base64
import http.client
import select
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

SECONDS = 120
_HOP_HEADERS = frozenset({"connection", "keep-alive", "transfer-encoding", "proxy-authorization", "proxy-connection"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyCall:
    """A request as the proxy saw it: what was asked for (`host:port` for CONNECT, else host of the URL), headers, status."""

    method: str
    target: str
    headers: Mapping[str, str]
    status: int


class ConnectProxy:
    """A running proxy; a context manager.

    Args:
        names: `host:port` as clients name it -> `127.0.0.1:PORT` where it really is; everything else is unknown (502).
        login: `user:password` that every request must carry; None lets everybody through.
    """

    def __init__(self, names: Mapping[str, str], *, login: str | None = None) -> None:
        self.names = dict(names)
        self.authorization = None if login is None else "Basic " + base64.b64encode(login.encode()).decode()
        self.calls: list[ProxyCall] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
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

    @property
    def targets(self) -> list[str]:
        """What was asked for, each once, in order."""
        return list(dict.fromkeys(call.target for call in self.calls))

    def judge(self, handler: BaseHTTPRequestHandler, target: str) -> str | None:
        """Record a request; where it leads, or None when it was answered with a refusal."""
        wanted = self.authorization in (None, handler.headers.get("Proxy-Authorization"))
        status = 407 if not wanted else 200 if target in self.names else 502
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.calls.append(ProxyCall(method=handler.command, target=target, headers=headers, status=status))
        if status == 200:
            return self.names[target]
        handler.send_response(status)
        handler.send_header("Content-Length", "0")
        handler.send_header("Connection", "close")
        handler.end_headers()
        return None


def _make_handler(proxy: ConnectProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            self.close_connection = True
            upstream = proxy.judge(self, self.path)
            if upstream is None:
                return
            host, _, port = upstream.rpartition(":")
            with socket.create_connection((host, int(port)), timeout=SECONDS) as far:
                self.send_response(200)
                self.end_headers()
                _join(self.connection, far)

        def _forward(self) -> None:
            parts = urlsplit(self.path)
            upstream = proxy.judge(self, parts.netloc)
            if upstream is None:
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_HEADERS}
            far = http.client.HTTPConnection(upstream, timeout=SECONDS)
            try:
                far.request(self.command, f"{parts.path}{'?' if parts.query else ''}{parts.query}", body, headers)
                answer = far.getresponse()
                content = answer.read()
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _HOP_HEADERS | {"content-length"}:
                        self.send_header(name, value)
                length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
                self.send_header("Content-Length", length or "0")
                self.end_headers()
                self.wfile.write(content)
            finally:
                far.close()

        def log_message(self, *args: object) -> None:
            """Stay silent; `calls` holds what happened."""

    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._forward)
    return Handler


def _join(near: socket.socket, far: socket.socket) -> None:
    """Hand bytes on in both directions until one side ends or nothing happens for long."""
    others = {near: far, far: near}
    while ready := select.select([near, far], [], [], SECONDS)[0]:
        for source in ready:
            try:
                piece = source.recv(1 << 16)
                others[source].sendall(piece)
            except OSError:
                return
            if not piece:
                return
