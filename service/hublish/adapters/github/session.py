"""One conversation with GitHub's REST API under one token: requests out, checked values back.

PyGithub carries the requests (authentication, connections, redirects, errors). Its object layer is left out on
purpose: it completes half-filled objects by further requests of its own, follows URLs found in answers, and cannot
narrow a token to a repository; here each request is the one that is written down. Answers are validated by models
that name only what is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

import urllib3
from github import GithubException
from github.Requester import Requester
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from hublish.adapters.github.failures import make_failure
from hublish.errors import GitHubFailed, SourceMissing, clip

PAGE_SIZE = 100
PAGE_LIMIT = 100
"""At most 10,000 items are read of any list; a longer one is cut there."""


class Reply(BaseModel):
    """Base of all answers: unknown fields are left out, known ones must have their type."""

    model_config = ConfigDict(frozen=True, extra="ignore")


ReplyT = TypeVar("ReplyT", bound=Reply)

_REPOSITORY = re.compile(r"/repos/[^/]+/[^/]+")


class _OwnerReply(Reply):
    login: str


class _PlaceReply(Reply):
    name: str
    owner: _OwnerReply


def make_path(*segments: str | int, safe: str = "") -> str:
    """Join the segments of a path, each quoted.

    Args:
        segments: e.g. "repos", "org", "ts", "issues", 7.
        safe: characters of the last segment that stay as they are, e.g. "/" in the path of a file.

    Returns:
        The path with a leading slash.

    Raises:
        SourceMissing: a segment is empty or holds `.` or `..`, which would lead to another address.
    """
    *parents, last = (str(segment) for segment in segments)
    for part in (*parents, *(last.split("/") if "/" in safe else (last,))):
        if part in ("", ".", ".."):
            raise SourceMissing(f'"{clip("/".join((*parents, last)))}" cannot be an address at GitHub.')
    return "/" + "/".join([*(quote(parent, safe="") for parent in parents), quote(last, safe=safe)])


class Session:
    """Sends requests under one token. Not for several threads at once: PyGithub's connection holds request state."""

    def __init__(self, requester: Requester, *, clock: Callable[[], datetime]) -> None:
        self._requester = requester
        self._clock = clock

    def send(
        self, verb: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None
    ) -> tuple[Mapping[str, str], object]:
        """Send one request.

        Args:
            verb: GET, POST, PATCH or DELETE.
            path: made by `make_path`.
            query: query parameters.
            body: JSON body; None sends none.

        Returns:
            (headers with lower-case names, the JSON value or None).

        Raises:
            GitHubFailed: any failure.
        """
        headers, value = self._send_once(verb, path, query=query, body=body)
        if not _is_redirect(verb, value):
            return headers, value
        # Nothing was written: once more, under the repository's new name.
        path = self._find_new_path(path) or path
        headers, value = self._send_once(verb, path, query=query, body=body)
        if not _is_redirect(verb, value):
            return headers, value
        raise GitHubFailed(
            f"{verb} {path} at GitHub: the repository was renamed or moved, so nothing was written.",
            hint="Ask again: the next event brings the new name.",
            status=HTTPStatus.TEMPORARY_REDIRECT,
        )

    def _send_once(
        self, verb: str, path: str, *, query: Mapping[str, str] | None, body: object
    ) -> tuple[Mapping[str, str], object]:
        try:
            return self._requester.requestJsonAndCheck(verb, path, parameters=dict(query or {}), input=body)
        except (GithubException, urllib3.exceptions.HTTPError, AssertionError, RuntimeError, ValueError) as exc:
            raise make_failure(exc, call=f"{verb} {path}", now=self._clock()) from exc

    def _find_new_path(self, path: str) -> str | None:
        """The path under the repository's name of today, which is asked for: no address of an answer is followed.

        The token still names the repository by its number, so that a write reaches no other.
        """
        match = _REPOSITORY.match(path)
        place = None if match is None else self.find(_PlaceReply, match[0])
        if match is None or place is None:
            return None
        return make_path("repos", place.owner.login, place.name) + path[match.end() :]

    def read(self, model: type[ReplyT], path: str, *, query: Mapping[str, str] | None = None) -> ReplyT:
        """GET one object. Raises GitHubFailed, also when the answer misses a field."""
        return parse_reply(model, self.send("GET", path, query=query)[1], call=f"GET {path}")

    def find(self, model: type[ReplyT], path: str, *, query: Mapping[str, str] | None = None) -> ReplyT | None:
        """GET one object, or None when GitHub says 404."""
        try:
            return self.read(model, path, query=query)
        except GitHubFailed as failed:
            if failed.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def write(self, model: type[ReplyT], verb: str, path: str, *, body: object) -> ReplyT:
        """POST or PATCH and read the object in the answer. Raises GitHubFailed."""
        return parse_reply(model, self.send(verb, path, body=body)[1], call=f"{verb} {path}")

    def pages(
        self, model: type[ReplyT], path: str, *, query: Mapping[str, str] | None = None, key: str | None = None
    ) -> Iterator[ReplyT]:
        """GET all pages of a list.

        Args:
            model: one item.
            path: of the list.
            query: further query parameters.
            key: the field that holds the list when the answer is an object; None when the answer is the list.

        Yields:
            The items in GitHub's order.
        """
        for page in range(1, PAGE_LIMIT + 1):
            paging = {"per_page": str(PAGE_SIZE), "page": str(page)}
            headers, value = self.send("GET", path, query={**(query or {}), **paging})
            listed = value.get(key) if key is not None and isinstance(value, dict) else value
            if not isinstance(listed, list):
                raise GitHubFailed(f"GET {path} at GitHub: expected a list, but the answer holds none.")
            yield from (parse_reply(model, item, call=f"GET {path}") for item in listed)
            if 'rel="next"' not in headers.get("link", ""):
                return


def _is_redirect(verb: str, value: object) -> bool:
    # PyGithub takes a redirect of a write for a success; only refusals and redirects have this field.
    return verb != "GET" and isinstance(value, dict) and "documentation_url" in value


def parse_reply(model: type[ReplyT], value: object, *, call: str) -> ReplyT:
    """Check an answer against its model. Raises GitHubFailed that names `call` and the first wrong field."""
    try:
        return TypeAdapter(model).validate_python(value)
    except ValidationError as exc:
        error = exc.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in error["loc"])
        message = f"{call} at GitHub: the answer's {field or 'value'} is not usable: {clip(error['msg'])}"
        raise GitHubFailed(message) from exc
