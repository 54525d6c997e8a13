"""A server on loopback that answers as a test says, and holds each request to the published description of an API.

Nothing of the real product is in it: it shows that our requests are what the description allows, and no more.
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from openapi_schema_validator import OAS31Validator

FOLDER = Path(__file__).parent


class DescribedServer:
    """Answers each `(method, path)` with the next status given for it; `faults` lists what broke the description."""

    def __init__(self, name: str, answers: dict[str, list[tuple[int, str]]]) -> None:
        self.paths = json.loads((FOLDER / f"{name}.json").read_text())["paths"]
        self.answers = answers
        self.calls: list[tuple[str, str, Any]] = []
        self.authorizations: list[str] = []
        self.faults: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, method: str, target: str, authorization: str, raw: bytes) -> tuple[int, str]:
        """Note a request, hold it to the description, and give the next answer."""
        parts = urlsplit(target)
        body = json.loads(raw) if raw else None
        self.calls.append((method, target, body))
        self.authorizations.append(authorization)
        operation = self._find(method, parts.path)
        if operation is None:
            self.faults.append(f"{method} {parts.path} is not described")
            return 404, ""
        for key, value in parse_qsl(parts.query):
            allowed = operation["query"].get(key, ())
            if allowed is not None and value not in allowed:
                self.faults.append(f"{key}={value} is not described")
        if not authorization.startswith(f"{operation['authorization']} "):
            self.faults.append("the login has another scheme")
        if (body is None) != ("body" not in operation):
            self.faults.append("a body is missing or too much")
        elif body is not None:
            self.faults += [error.message for error in OAS31Validator(operation["body"]).iter_errors(body)]
        status, text = self.answers[method.lower()].pop(0)
        return status, text

    def _find(self, method: str, path: str) -> dict[str, Any] | None:
        for template, operations in self.paths.items():
            pattern = re.escape(template).replace(r"\{repository\}", ".+")
            if re.fullmatch(pattern, path) and method.lower() in operations:
                found: dict[str, Any] = operations[method.lower()]
                return found
        return None


def _make_handler(server: DescribedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, text = server.take(self.command, self.path, self.headers.get("Authorization", ""), raw)
            answer = b"" if self.command == "HEAD" else text.encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", text)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def do_GET(self) -> None:
            self._serve()

        def do_HEAD(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, *args: object) -> None:
            """Nothing."""

    return Handler
