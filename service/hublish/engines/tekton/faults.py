"""What an API server's refusals and silences mean: whose fault, and whether it passes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import urllib3
from kubernetes.client.exceptions import ApiException

from hublish.errors import EngineFailed, clip

_FORBIDDEN = "Give the service's account the rights of deploy/kubernetes/access.yaml, or raise the quota."
_SILENT = "The operator runs `hublish doctor --cluster`, which names the server."


@contextmanager
def explain(what: str) -> Iterator[None]:
    """Turn what a client raises inside the block into hublish's error.

    Raises:
        EngineFailed: the server refused (with its words), or does not answer; transient when it may pass.
    """
    try:
        yield
    except (ApiException, RuntimeError) as exc:
        status = status_of(exc)
        words = _words_of(exc)
        raise EngineFailed(
            f"the cluster did not {what}: {clip(words)}",
            hint=_FORBIDDEN if status == HTTPStatus.FORBIDDEN else "",
            transient=status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING,
        ) from exc
    except (urllib3.exceptions.HTTPError, OSError) as exc:
        raise EngineFailed(
            f"the cluster did not {what}: its API does not answer ({_name_cause(exc)})", hint=_SILENT, transient=True
        ) from exc


def _name_cause(error: BaseException) -> str:
    """The kind of failure below the client's retries; without words, as they name addresses that are the operator's."""
    cause = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else None
    return type(error if cause is None else cause).__name__


_PASSING = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.UNAUTHORIZED})


def _find_api_error(error: BaseException) -> ApiException | None:
    """Tekton's client tells of a failure by text alone; what it came from has the status."""
    while True:
        if isinstance(error, ApiException):
            return error
        following = error.__cause__ or error.__context__
        if following is None:
            return None
        error = following


def status_of(error: BaseException) -> int | None:
    """The HTTP status behind a client's error; None when no server answered."""
    found = _find_api_error(error)
    return None if found is None or not found.status else int(found.status)


def is_refused_by_roles(failed: EngineFailed) -> bool:
    """Whether roles forbid the call."""
    cause = failed.__cause__
    return cause is not None and status_of(cause) == HTTPStatus.FORBIDDEN and " cannot " in _words_of(cause)


def _words_of(error: BaseException) -> str:
    found = _find_api_error(error)
    if found is None:
        return str(error)
    return _find_message(found.body) or str(found.body or found.reason or found.status)


def _find_message(body: object) -> str:
    """The words of a Kubernetes `Status`; "" when the body is none."""
    try:
        document = json.loads(body) if isinstance(body, str | bytes) else None
    except ValueError:
        return ""
    message = document.get("message") if isinstance(document, dict) else None
    return message if isinstance(message, str) else ""
