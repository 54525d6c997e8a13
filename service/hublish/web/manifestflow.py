"""The local pages of GitHub's manifest flow: a form that leads to GitHub, and the address that GitHub leads back to.

They listen on this machine only, for one App. A browser is sent back with a code; it counts only with the `state` that
this flow made up, so that no other page can slip in a code of its own. The form, which holds it, stands under an address that
only the person at the terminal reads: others on this machine may ask too. A request under another host name is refused.

Source: GitHub, "Registering a GitHub App from a manifest".
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable, Mapping
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

from hublish.core.github.manifest import CODE_PATTERN, CREATED_PATH, CreatedApp
from hublish.errors import HublishError, NotAllowed, join_hint

ADDRESS = "127.0.0.1"
_REQUEST_SECONDS = 10.0
_POLL_SECONDS = 0.5
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>hublish: {title}</title></head>
<body><h1>{title}</h1>{body}</body></html>
"""


class ManifestFlow:
    """One run of the flow. A context manager: it listens from the start to the end of the block."""

    def __init__(
        self,
        *,
        form_url: str,
        state: str,
        page: str,
        make_manifest: Callable[[str], Mapping[str, object]],
        convert: Callable[[str], CreatedApp],
        port: int = 0,
    ) -> None:
        """Starts to listen; nothing is answered before `wait`.

        Args:
            form_url: GitHub's form.
            state: made up for this run, not to be guessed.
            page: the form's path segment, letters, digits, `-` and `_`; likewise not to be guessed.
            make_manifest: given the address that GitHub leads back to.
            convert: changes the code into the App.
            port: to listen on; 0 takes a free one.
        """
        self.created: CreatedApp | None = None
        self.failure: HublishError | None = None
        self._state = state
        self._convert = convert
        flow = self

        class Handler(_Handler):
            def do_GET(self) -> None:  # its base class calls it so
                self.reply(*flow.answer(self.headers.get("Host", ""), self.path))

        self._server = HTTPServer((ADDRESS, port), Handler)
        self._server.timeout = _POLL_SECONDS
        self.url = f"http://{ADDRESS}:{self._server.server_port}"
        self.form_url = f"{self.url}/{page}"
        self._form_path = f"/{page}"
        self._form = _render_form(f"{form_url}?{urlencode({'state': state})}", make_manifest(self.url + CREATED_PATH))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.server_close()

    def wait(self, *, seconds: float) -> CreatedApp:
        """Answer until the App is created.

        Raises:
            NotAllowed: nobody came back in time.
            HublishError: what the conversion raised.
        """
        ends_at = time.monotonic() + seconds
        while self.created is None and self.failure is None:
            if time.monotonic() > ends_at:
                raise NotAllowed("No App was created in time.", hint="Start again; GitHub's form is good for an hour.")
            self._server.handle_request()
        if self.failure is not None:
            raise self.failure
        if self.created is None:
            raise NotAllowed("No App was created.")
        return self.created

    def answer(self, host: str, target: str) -> tuple[HTTPStatus, str]:
        """Answer one request: `(status, page)`."""
        if host != urlsplit(self.url).netloc:
            return HTTPStatus.FORBIDDEN, _render("Not here", "This page answers under its own address only.")
        parts = urlsplit(target)
        if hmac.compare_digest(parts.path.encode("utf-8", "replace"), self._form_path.encode()):
            return HTTPStatus.OK, self._form
        if parts.path == CREATED_PATH:
            return self._come_back(parse_qs(parts.query))
        return HTTPStatus.NOT_FOUND, _render("Not found", "There is nothing here.")

    def _come_back(self, query: Mapping[str, list[str]]) -> tuple[HTTPStatus, str]:
        code, state = (query.get(name, [""])[-1] for name in ("code", "state"))
        if not hmac.compare_digest(state.encode("utf-8", "replace"), self._state.encode()):
            return HTTPStatus.BAD_REQUEST, _render("Refused", "This answer belongs to no form of this run.")
        if not CODE_PATTERN.fullmatch(code) or self.created is not None or self.failure is not None:
            return HTTPStatus.BAD_REQUEST, _render("Refused", "GitHub's code is expected here, once.")
        try:
            self.created = self._convert(code)
        except HublishError as error:
            self.failure = error
            return HTTPStatus.BAD_GATEWAY, _render("Not created", join_hint(error.message, error.hint))
        return HTTPStatus.OK, _render("Created", f"The App {self.created.slug} is created. Go on in the terminal.")


class _Handler(BaseHTTPRequestHandler):
    timeout = _REQUEST_SECONDS
    server_version = "hublish"
    sys_version = ""

    def reply(self, status: HTTPStatus, page: str) -> None:
        body = page.encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its base class names it so
        """Addresses hold the code: nothing is logged."""


def _render(title: str, text: str) -> str:
    return _PAGE.format(title=escape(title), body=f"<p>{escape(text)}</p>")


def _render_form(action: str, manifest: Mapping[str, object]) -> str:
    held = escape(json.dumps(manifest))
    return _PAGE.format(
        title="Create the GitHub App",
        body=(
            f'<form action="{escape(action)}" method="post"><input type="hidden" name="manifest" value="{held}">'
            "<p>GitHub shows the App's name and asks you to confirm.</p><button>Go to GitHub</button></form>"
        ),
    )
