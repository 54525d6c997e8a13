"""PyGithub's requests over the process's own network: proxies, certificate authorities and kept connections.

PyGithub's own connections read proxies, a CA file and logins from the environment, which here only the settings may
name, and are made anew for every operation. What a request says stays PyGithub's; a GET that was answered before asks
whether the answer changed.
"""

from __future__ import annotations

from collections.abc import ItemsView, Mapping
from http import HTTPStatus
from typing import Any, cast

import urllib3
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester

from hublish.adapters.github.memory import Memory
from hublish.network import Pools

_KEPT_ANSWERS = 512
_KEPT_CHARACTERS = 128 * 1024
"""Larger answers are not kept: with all the others they hold at most 64 MiB."""


class _Answer:
    """What PyGithub reads of an answer."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self.status = response.status
        self._headers = dict(response.headers)
        self._text = response.data.decode("utf-8", "replace")
        self.etag = response.headers.get("ETag")

    @property
    def is_kept(self) -> bool:
        """Whether the same question may be asked with "unless it changed"."""
        return self.status == HTTPStatus.OK and self.etag is not None and len(self._text) <= _KEPT_CHARACTERS

    def getheaders(self) -> ItemsView[str, str]:
        return self._headers.items()

    def read(self) -> str:
        return self._text


_Answers = Memory[str, _Answer]


class _Connection:
    """What PyGithub wants of a connection: a request is noted, then sent when its answer is asked for."""

    def __init__(self, pools: Pools, answers: _Answers, origin: str, *, timeout_seconds: float) -> None:
        self._pools = pools
        self._answers = answers
        self._origin = origin
        self._timeout = urllib3.Timeout(connect=timeout_seconds, read=timeout_seconds)

    def request(self, verb: str, url: str, body: str | None, headers: Mapping[str, str], *_stream: bool) -> None:
        self._request = verb, f"{self._origin}{url}", body, {"Accept-Encoding": "gzip", **headers}

    def getresponse(self) -> _Answer:
        verb, url, body, headers = self._request
        send = self._pools.find(url, public_only=False).request
        sent = None if body is None else body.encode()
        # GitHub looks whether the token may see it before it says that nothing changed, and does not count that answer.
        kept = self._answers.find(url) if verb == "GET" else None
        if kept is not None and kept.etag is not None:
            headers = {**headers, "If-None-Match": kept.etag}
        answer = _Answer(
            send(verb, url, body=sent, headers=headers, timeout=self._timeout, redirect=False, retries=False)
        )
        if kept is not None and answer.status == HTTPStatus.NOT_MODIFIED:
            answer = kept
        if verb == "GET" and answer.is_kept:
            self._answers.keep(url, answer)
        return answer

    def close(self) -> None:
        """The pools keep the connection."""


def make_requester_class(pools: Pools) -> type[Requester]:
    """Make a Requester that sends through `pools`.

    Args:
        pools: where `verify` and the environment have no say.

    Returns:
        A class of its own, so that PyGithub's is left as it is for everybody else.
    """
    answers: _Answers = Memory(most=_KEPT_ANSWERS)

    def open_with(scheme: str) -> Any:
        def connect(host: str, port: int | None = None, *, timeout: float, **_: object) -> _Connection:
            origin = f"{scheme}://{host}" if port is None else f"{scheme}://{host}:{port}"
            return _Connection(pools, answers, origin, timeout_seconds=timeout)

        # A class would take the place of a method here; a static one is only called.
        return staticmethod(connect)

    class PooledRequester(Requester):
        pass

    PooledRequester.injectConnectionClasses(
        cast("type[HTTPRequestsConnectionClass]", open_with("http")),
        cast("type[HTTPSRequestsConnectionClass]", open_with("https")),
    )
    return PooledRequester
