"""How the harness talks to the sandbox's GitHub: plain HTTP, one person's token at a time, never a redirect followed."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

CALL_SECONDS = 240
PAGE = 100


class SandboxFailed(Exception):
    """The sandbox could not start, or a person's call was refused; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an API call came back with: status, headers (lower-case names) and JSON body (None when empty)."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request the sandbox saw, with its answer.

    Attributes:
        caller: "app" (JSON Web Token), "installation", "user" or "anonymous".
        status: HTTP status sent; None when the connection was dropped.
        faulted: whether a fault made the answer.
    """

    at: str
    duration_ms: int
    method: str
    path: str
    query: str
    caller: str
    login: str | None
    request_body: Any
    status: int | None
    response_body: Any
    faulted: bool
    user_agent: str | None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Leaves redirects to the caller: tests look at them."""

    def redirect_request(self, *_arguments: object) -> None:
        return None


class SandboxClient:
    """Calls to one running sandbox; knows the people's tokens."""

    def __init__(self, api_url: str) -> None:
        self._opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
        self._tokens: dict[str, str] = {}
        self._admins: dict[str, str] = {}
        self.api_url = api_url

    def api(
        self, method: str, path: str, body: object = None, *, login: str | None = None, token: str | None = None
    ) -> Answer:
        """Make one raw API call.

        Args:
            method: e.g. "GET".
            path: begins with "/"; the query may follow.
            body: sent as JSON; None sends none.
            login: the person who calls; None calls with `token`.
            token: a JSON Web Token or installation token; None calls without one.
        """
        return self._send(method, path, body, token=token if login is None else self._tokens[login])

    def _owner(self, full_name: str) -> str:
        owner = full_name.split("/", maxsplit=1)[0]
        return self._admins.get(owner, owner)

    def _read_one(self, full_name: str, path: str) -> dict[str, Any]:
        body: dict[str, Any] = self._act("GET", f"/repos/{full_name}{path}", login=self._owner(full_name)).body
        return body

    def _read_all(self, full_name: str, path: str) -> list[dict[str, Any]]:
        separator = "&" if "?" in path else "?"
        rows: list[dict[str, Any]] = []
        page = 1
        while True:
            paged = f"/repos/{full_name}{path}{separator}per_page={PAGE}&page={page}"
            batch = self._act("GET", paged, login=self._owner(full_name)).body
            rows.extend(batch)
            if len(batch) < PAGE:
                return rows
            page += 1

    def _act(self, method: str, path: str, body: object = None, *, login: str) -> Answer:
        answer = self.api(method, path, body, login=login)
        if answer.status >= 400:
            raise SandboxFailed(f"{login}: {method} {path} answered {answer.status}: {json.dumps(answer.body)[:500]}")
        return answer

    def _control(self, door: str, body: object = None) -> Any:
        answer = self._send("POST", f"/_sandbox/{door}", body, token=None)
        if answer.status != 200:
            raise SandboxFailed(f"the sandbox's {door} failed: {answer.body}")
        return answer.body

    def _send(self, method: str, path: str, body: object, *, token: str | None) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.api_url + path, data=data, method=method)
        request.add_header("Accept", "application/vnd.github+json")
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with self._opener.open(request, timeout=CALL_SECONDS) as response:
                return _make_answer(response.status, response.headers.items(), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return _make_answer(error.code, error.headers.items(), error.read())


def _make_answer(status: int, headers: Iterable[tuple[str, str]], raw: bytes) -> Answer:
    names = {name.lower(): value for name, value in headers}
    is_json = "json" in names.get("content-type", "") and raw
    return Answer(status=status, headers=names, body=json.loads(raw) if is_json else (raw or None))
