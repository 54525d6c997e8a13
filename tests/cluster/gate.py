"""A gate that pods wait at: every caller is noted, and is answered once the gate is open, or lets this one pass."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

POLL_SECONDS = 0.05


class Gate:
    """A web server on an address that pods reach; a context manager. Its end opens it.

    Args:
        address: to listen on.
        let_pass: asked again and again whether a caller, by its path, may go on before the gate is open.

    Attributes:
        callers: the paths that were asked for, in order, without the leading slash; the answer is "opened".
    """

    def __init__(self, address: str, *, let_pass: Callable[[str], bool] = lambda _: False) -> None:
        self.callers: list[str] = []
        self._opened = threading.Event()
        gate = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                caller = self.path.removeprefix("/")
                gate.callers.append(caller)
                while not let_pass(caller) and not gate._opened.wait(POLL_SECONDS):
                    pass
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"opened\n")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def render_call(self, name: str) -> str:
        """The words of a shell that call the gate under a name, and print "opened" once it has answered."""
        return f"printf 'GET /%s HTTP/1.0\\r\\n\\r\\n' {name} | nc {self.host} {self.port} | grep opened"

    @property
    def host(self) -> str:
        """Where callers wait."""
        return str(self._server.server_address[0])

    @property
    def port(self) -> int:
        """Where callers wait."""
        return self._server.server_port

    def open(self) -> None:
        """Answer those who wait, and whoever comes."""
        self._opened.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.open()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)
