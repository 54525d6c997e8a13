"""Source trees at GitHub: the tarball of a commit as a stream, and the listing of its tree.

The tarball is answered by a redirect to another host; the App's token is not sent there, and the address in it (which
holds a credential of its own for private repositories) never enters a message. What is in the archive is judged by
the source adapter, not here.

Source: GitHub REST API, "Download a repository archive (tar)", "Get a tree".
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import urllib3

from hublish.adapters.github.app import GitHubApp
from hublish.adapters.github.permissions import Scope
from hublish.adapters.github.session import Reply, Session, make_path
from hublish.core.repository import Repository
from hublish.errors import GitHubFailed, SourceMissing


class _TreeEntry(Reply):
    path: str
    mode: str
    type: str


class _TreeReply(Reply):
    tree: tuple[_TreeEntry, ...]
    truncated: bool = False


class _Download(io.RawIOBase):
    """The bytes of an answer, as long as the whole comes in time: a server that drips would outlast any read's limit."""

    def __init__(self, response: urllib3.BaseHTTPResponse, *, ends_at: float, clock: Callable[[], float]) -> None:
        super().__init__()
        self._response = response
        self._ends_at = ends_at
        self._clock = clock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._clock() > self._ends_at:
            raise GitHubFailed("The download of the tarball took too long.", transient=True)
        piece = self._response.read1(len(buffer), decode_content=False)
        buffer[: len(piece)] = piece
        return len(piece)


class GitHubSources:
    """The doors that the source adapter is given."""

    def __init__(self, app: GitHubApp, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._clock = clock

    @contextmanager
    def open_tarball(self, repository: Repository, sha: str) -> Iterator[BinaryIO]:
        """Open the gzip tarball of a commit as a stream.

        Args:
            repository: where.
            sha: the commit, 40 hex digits.

        Yields:
            The bytes as GitHub sends them; a read may raise GitHubFailed's cause, so read inside the `with`.

        Raises:
            SourceMissing: there is no such commit.
            GitHubFailed: GitHub failed, took longer than `Patience.download_seconds`, or redirects to an address that
                is not allowed.
        """
        location = self._app.run(
            repository, Scope.CONTENTS_READ, lambda session: _find_location(session, repository, sha)
        )
        self._require_allowed(location)
        ends_at = self._clock() + self._app.patience.download_seconds
        try:
            response = self._ask(location)
            try:
                _require_ok(response.status, sha)
                # BufferedReader is a BinaryIO in all but its declared type.
                yield cast("BinaryIO", io.BufferedReader(_Download(response, ends_at=ends_at, clock=self._clock)))
            finally:
                # What was not read to its end has no use for the next request.
                response.close()
        except urllib3.exceptions.HTTPError as exc:
            raise GitHubFailed(
                f"The download of the tarball of {sha} broke off ({type(exc).__name__}).", transient=True
            ) from exc

    def _ask(self, location: str) -> urllib3.BaseHTTPResponse:
        seconds = self._app.patience.timeout_seconds
        return self._app.pools.find(location, public_only=False).request(
            "GET",
            location,
            headers={"User-Agent": self._app.user_agent, "Accept-Encoding": "identity"},
            timeout=urllib3.Timeout(connect=seconds, read=seconds),
            redirect=False,
            retries=False,
            preload_content=False,
        )

    def list_tree(self, repository: Repository, sha: str) -> tuple[tuple[str, str, str], ...]:
        """All entries of a commit's tree, sorted by path.

        Returns:
            `(path, mode, type)`, mode as git writes it ("100644", "160000" for a submodule), type "blob", "tree" or
            "commit"; empty when the tree is too large for GitHub to list.
        """
        path = make_path("repos", repository.owner, repository.name, "git", "trees", sha)
        reply = self._app.run(
            repository, Scope.CONTENTS_READ, lambda session: session.read(_TreeReply, path, query={"recursive": "1"})
        )
        return () if reply.truncated else tuple(sorted((entry.path, entry.mode, entry.type) for entry in reply.tree))

    def _require_allowed(self, location: str) -> None:
        # Credentials never travel in the clear: plain HTTP is followed only where the API itself is plain HTTP.
        api, target = urlsplit(self._app.api_url), urlsplit(location)
        same_host = (target.scheme, target.hostname, target.port) == (api.scheme, api.hostname, api.port)
        if target.scheme != "https" and not same_host:
            raise GitHubFailed(f"GitHub redirects the tarball to an address that is not allowed: {target.hostname}.")


def _find_location(session: Session, repository: Repository, sha: str) -> str:
    path = make_path("repos", repository.owner, repository.name, "tarball", sha)
    try:
        headers, _ = session.send("GET", path)
    except GitHubFailed as failed:
        if failed.status == HTTPStatus.NOT_FOUND:
            raise SourceMissing(f"{repository.full_name} has no commit {sha}, or the App may not read it.") from failed
        raise
    location = headers.get("location")
    if not location:
        raise GitHubFailed("Expected a redirect to the tarball from GitHub, but the answer names no address.")
    return location


def _require_ok(status: int, sha: str) -> None:
    if status == HTTPStatus.OK:
        return
    transient = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
    raise GitHubFailed(
        f"Expected the tarball of {sha} with status 200, but got {status}.", status=status, transient=transient
    )
