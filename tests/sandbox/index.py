"""A package index on loopback for tests and demo: it serves wheels it makes itself and fails on demand.

It speaks the simple API as JSON (PEP 691) and as HTML (PEP 503) and knows how to be wrong: 500 K times, slow, other
bytes, cut short, dropped, yanked, gone, redirected.
"""

from __future__ import annotations

import hashlib
import re
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from tests.sandbox.index_faults import Call, Fault
from tests.sandbox.index_pages import JSON_TYPE, ServedFile, render_html_page, render_json_page
from tests.sandbox.wheels import NOTEBOOK_PACKAGES, make_lock, make_wheel, wheel_filename

HTML_TYPE = "text/html; charset=utf-8"
GATE_SECONDS = 240.0


class PackageIndexSandbox:
    """A simple index on a free loopback port; a context manager."""

    def __init__(self, folder: Path, *, tls: tuple[Path, Path] | None = None, address: str = "127.0.0.1") -> None:
        self.folder = folder
        self.scheme = "http" if tls is None else "https"
        self.json = True
        self.authorization: str | None = None  # the whole Authorization header every request must carry
        self.files: list[ServedFile] = []
        self.faults: list[Fault] = []
        self.calls: list[Call] = []
        self.lock = threading.Lock()
        self._server = _Server((address, 0), _Handler)
        self._server.sandbox = self
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @classmethod
    def start(
        cls, folder: Path, *, tls: tuple[Path, Path] | None = None, address: str = "127.0.0.1"
    ) -> PackageIndexSandbox:
        """Start serving.

        Args:
            folder: keeps a copy of every wheel made, for tests that want files.
            tls: PEM files (certificate, key) to speak https with; None speaks plain http.
            address: of this machine; one that pods reach, say.
        """
        sandbox = cls(folder, tls=tls, address=address)
        folder.mkdir(parents=True, exist_ok=True)
        sandbox._thread.start()
        return sandbox

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    @property
    def host(self) -> str:
        """`ADDRESS:PORT`."""
        return "{}:{}".format(*self._server.server_address[:2])

    @property
    def url(self) -> str:
        """Base URL of the simple API, without a trailing slash."""
        return f"{self.scheme}://{self.host}/simple"

    # -- content ------------------------------------------------------------------------------------------------------

    def add_wheel(
        self,
        name: str,
        version: str,
        files: Mapping[str, str | bytes] | None = None,
        *,
        requires: Sequence[str] = (),
        scripts: Mapping[str, str] | None = None,
        tag: str = "py3-none-any",
        requires_python: str | None = None,
    ) -> ServedFile:
        """Make a wheel and offer it; the arguments are those of `make_wheel`."""
        body = make_wheel(
            name, version, files, requires=requires, scripts=scripts, tag=tag, requires_python=requires_python
        )
        return self.add_file(
            name, version, wheel_filename(name, version, tag=tag), body, requires_python=requires_python
        )

    def add_file(
        self, name: str, version: str, filename: str, body: bytes, *, requires_python: str | None = None
    ) -> ServedFile:
        """Offer any bytes under any file name (an sdist, a broken wheel)."""
        served = ServedFile(
            project=canonicalize_name(name),
            version=version,
            filename=filename,
            body=body,
            requires_python=requires_python,
        )
        if "/" not in filename:
            (self.folder / filename).write_bytes(body)
        self.files.append(served)
        return served

    def add_notebook_packages(self) -> Mapping[str, str]:
        """Offer the packages of NOTEBOOK_PACKAGES with the scripts a hub starts; returns them."""
        self.add_wheel(
            "jupyterhub", NOTEBOOK_PACKAGES["jupyterhub"], scripts={"jupyterhub-singleuser": "jupyterhub:main"}
        )
        self.add_wheel("jupyterlab", NOTEBOOK_PACKAGES["jupyterlab"], scripts={"jupyter-lab": "jupyterlab:main"})
        self.add_wheel("pip", NOTEBOOK_PACKAGES["pip"], scripts={"pip": "pip:main"})
        return NOTEBOOK_PACKAGES

    def find_files(self, name: str, version: str | None = None) -> list[ServedFile]:
        """The files offered of a project, of one version or of all."""
        project = canonicalize_name(name)
        return [item for item in self.files if item.project == project and version in (None, item.version)]

    def yank(self, name: str, version: str, reason: str = "") -> None:
        """Mark a version as yanked."""
        for item in self.find_files(name, version):
            item.yanked = reason

    def remove(self, name: str, version: str) -> None:
        """Keep listing a version, but answer 404 for its files."""
        for item in self.find_files(name, version):
            item.gone = True

    def add_fault(self, fault: Fault) -> None:
        """Arm a fault; the first armed fault whose path fits is used up first."""
        with self.lock:
            self.faults.append(fault)

    def take_fault(self, path: str) -> Fault | None:
        """Use up one firing of the first fault that fits `path`."""
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and re.search(fault.path_regex, path):
                    fault.times -= 1
                    return fault
        return None

    def make_lock(
        self,
        packages: Mapping[str, str],
        *,
        develop: Mapping[str, str] | None = None,
        python_version: str | None = "3.11",
        markers: Mapping[str, str] | None = None,
    ) -> tuple[str, str]:
        """Make a Pipfile and its lock; a package that is not offered yet is made first.

        Args:
            packages: name -> exact version; the lock lists the hashes of every file offered of it.
            develop: the same for the develop group.
            python_version: what [requires] names; None leaves the section out.
            markers: name -> marker text, written into the lock.
        """
        develop = develop or {}
        for name, version in {**packages, **develop}.items():
            if not self.find_files(name, version):
                self.add_wheel(name, version)
        return make_lock(
            packages,
            hashes={
                name: sorted(f"sha256:{item.sha256}" for item in self.find_files(name, version))
                for name, version in {**packages, **develop}.items()
            },
            develop=develop,
            python_version=python_version,
            markers=markers,
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    sandbox: PackageIndexSandbox

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some tests do on purpose; nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Stay silent; `calls` holds what happened."""

    def do_GET(self) -> None:
        """Answer a page or a file, after the first armed fault that fits."""
        fault = self.server.sandbox.take_fault(self.path) or Fault(path_regex="")
        status, headers, body = (fault.status, {}, b"fault") if fault.status is not None else self._answer()
        body = body if fault.body is None else fault.body
        self._record(None if fault.drop else status)
        time.sleep(fault.delay_seconds)
        if fault.gate is not None:
            fault.gate.wait(GATE_SECONDS)
        if fault.drop:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {**headers, **fault.headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self._send_body(body if fault.truncate_at is None else body[: fault.truncate_at], fault.drip_seconds)
        self.close_connection = self.close_connection or fault.truncate_at is not None

    def _send_body(self, body: bytes, drip_seconds: float) -> None:
        if not drip_seconds:
            self.wfile.write(body)
            return
        for start in range(len(body)):
            self.wfile.write(body[start : start + 1])
            time.sleep(drip_seconds)

    def _record(self, status: int | None) -> None:
        with self.server.sandbox.lock:
            self.server.sandbox.calls.append(
                Call(method="GET", path=self.path, headers=dict(self.headers.items()), status=status)
            )

    def _answer(self) -> tuple[int, dict[str, str], bytes]:
        sandbox = self.server.sandbox
        if sandbox.authorization is not None and self.headers.get("Authorization") != sandbox.authorization:
            return 401, {"WWW-Authenticate": 'Basic realm="index"'}, b"who are you"
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        if parts[0] == "simple" and len(parts) == 2:
            return self._page(canonicalize_name(parts[1]))
        if parts[0] == "files":
            return self._file("/".join(parts[2:]), parts[1])
        return 404, {}, b"not here"

    def _page(self, project: str) -> tuple[int, dict[str, str], bytes]:
        sandbox = self.server.sandbox
        files = sandbox.find_files(project)
        if not files:
            return 404, {}, b"no such project"
        as_json = sandbox.json and JSON_TYPE in self.headers.get("Accept", "")
        body = (render_json_page(project, files) if as_json else render_html_page(project, files)).encode()
        headers = {"Content-Type": JSON_TYPE if as_json else HTML_TYPE, "Vary": "Accept"}
        headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        return (304, headers, b"") if self.headers.get("If-None-Match") == headers["ETag"] else (200, headers, body)

    def _file(self, filename: str, sha256: str) -> tuple[int, dict[str, str], bytes]:
        for item in self.server.sandbox.files:
            if item.filename == filename and item.sha256 == sha256 and not item.gone:
                return 200, {"Content-Type": "application/octet-stream"}, item.body
            if filename == f"{item.filename}.metadata" and item.sha256 == sha256 and item.metadata is not None:
                return 200, {"Content-Type": "text/plain"}, item.metadata
        return 404, {}, b"gone"
