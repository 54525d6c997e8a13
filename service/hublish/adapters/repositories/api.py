"""Requests to a registry's own JSON API: one try, no redirect, nothing of the login in an error."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import urllib3

from hublish.core.redact import MASK, redact
from hublish.errors import RegistryFailed, clip
from hublish.network import Pools

TIMEOUT_SECONDS = 30.0
ANSWER_LIMIT_BYTES = 64 * 1024
_MESSAGE_LIMIT = 160
_MAY_PASS = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT})


@dataclass(frozen=True, slots=True, kw_only=True)
class JSONAPI:
    """A registry's API.

    Attributes:
        url: its root, as the operator names it.
        pools: the way out.
    """

    url: str
    pools: Pools = field(repr=False)

    def ask(
        self,
        method: str,
        path: str,
        *,
        action: str,
        expected: frozenset[int],
        authorization: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> int:
        """Send one request.

        Args:
            method: HTTP method.
            path: below the root, quoted.
            action: what it is for, as errors name it.
            expected: statuses that are an answer.
            authorization: the header's value, `SCHEME LOGIN`; what a server repeats of it is masked.
            query: parameters.
            body: sent as JSON.

        Returns:
            The status, one of `expected`.

        Raises:
            RegistryFailed: another status, or no answer; transient where another try may help.
        """
        suffix = f"?{urlencode(query)}" if query else ""
        url = f"{self.url.rstrip('/')}{path}{suffix}"
        sent = None if body is None else json.dumps(body).encode()
        kind = {} if sent is None else {"Content-Type": "application/json"}
        try:
            response = self.pools.find(url, public_only=False).request(
                method,
                url,
                body=sent,
                headers={"Accept": "application/json", "Authorization": authorization, **kind},
                timeout=TIMEOUT_SECONDS,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            with response:
                answer = response.read(ANSWER_LIMIT_BYTES, decode_content=True)
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            raise RegistryFailed(f"{action}: no answer ({type(exc).__name__})", transient=True) from exc
        if response.status in expected:
            return response.status
        raise RegistryFailed(
            f"{action}: expected {' or '.join(map(str, sorted(expected)))}, got {response.status}{_quote(answer, authorization)}",
            hint="Check the login in `create.auth_file` and what it may do.",
            transient=response.status in _MAY_PASS or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR,
            status=response.status,
        )


def _quote(answer: bytes, authorization: str) -> str:
    """The server's own words; they are foreign, and may hold what it was sent."""
    text = answer.decode(errors="replace")
    for secret in _list_secrets(authorization):
        text = text.replace(secret, MASK)
    text = clip(redact(text), limit=_MESSAGE_LIMIT)
    return f" - {text}" if text else ""


def _list_secrets(authorization: str) -> tuple[str, ...]:
    """What must not be shown of a login: the whole first, then its parts."""
    scheme, _, sent = authorization.partition(" ")
    plain = base64.b64decode(sent).decode(errors="replace") if scheme == "Basic" else ""
    return tuple(secret for secret in (sent, plain, plain.partition(":")[2]) if secret)
