"""What went wrong at GitHub, in hublish's own errors: a client's exception ends here.

Decides whether a failure may pass (`transient`), how long GitHub asked to wait, and what a person can do. The text of
an answer is foreign and clipped; request headers and bodies never enter a message.

Source: GitHub REST API, "Troubleshooting", "Rate limits" and "Best practices".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus

import urllib3
from github import GithubException

from hublish.adapters.github.permissions import Scope
from hublish.errors import GitHubFailed, NotAllowed, SourceMissing, clip
from hublish.network import find_proxy_refusal

_TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_LIMIT_WORDS = ("rate limit", "abuse detection", "please wait a few minutes", "retry your request again later")

DEFAULT_LIMIT_WAIT_SECONDS = 60.0
"""GitHub's advice when a secondary limit answers without `Retry-After`."""


def make_failure(cause: Exception, *, call: str, now: datetime) -> GitHubFailed:
    """Translate what PyGithub or urllib3 raised.

    Args:
        cause: the exception.
        call: method and path, e.g. "GET /repos/org/ts"; no query.
        now: aware UTC time, to read the reset time of a rate limit.

    Returns:
        The error, with `status` set when GitHub answered and `retry_after_seconds` when GitHub asked to wait.
    """
    if isinstance(cause, GithubException):
        return _from_answer(cause, call=call, now=now)
    if isinstance(cause, urllib3.exceptions.HTTPError):
        return _from_connection(cause, call=call)
    # PyGithub asserts and raises plain errors for answers that break the protocol (a URL of another host, no JSON).
    message = f"{call} at GitHub: the answer breaks the protocol: {clip(str(cause), limit=120)}"
    hint = "Check `github.api` in the settings: it must be the API's own address."
    return GitHubFailed(message, hint=hint, transient=False)


def _from_connection(cause: urllib3.exceptions.HTTPError, *, call: str) -> GitHubFailed:
    refused = find_proxy_refusal(cause)
    kind, hint = "the connection failed", "Check that the API can be reached."
    if refused is not None:
        kind, hint = f"the proxy refused with {refused}", "Check `proxy` in the settings."
    elif isinstance(cause, urllib3.exceptions.SSLError):
        hint = "Name the file of GitHub's certificate authority as `ca_file` in the settings."
    # urllib3 counts a refused connection among its time-outs.
    elif isinstance(cause, urllib3.exceptions.TimeoutError | TimeoutError) and not isinstance(
        cause, urllib3.exceptions.NewConnectionError
    ):
        kind = "no answer in time"
    message = f"{call} at GitHub: expected an answer, but {kind} ({type(cause).__name__})."
    return GitHubFailed(message, hint=hint, transient=True)


def _from_answer(cause: GithubException, *, call: str, now: datetime) -> GitHubFailed:
    status = int(cause.status or 0) or None
    headers = {name.lower(): str(value) for name, value in (cause.headers or {}).items()}
    text = _read_message(cause.data)
    wait_seconds = _read_wait(status, headers=headers, text=text, now=now)
    limited = wait_seconds is not None and status in (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
    transient = limited or status in _TRANSIENT_STATUSES
    message = f"{call} at GitHub: status {status}: {text or 'no message'}"
    hint = _make_hint(status, headers=headers, limited=limited, text=text)
    return GitHubFailed(
        message, hint=hint, transient=transient, status=status, retry_after_seconds=wait_seconds if transient else None
    )


def _read_message(data: object) -> str:
    if not isinstance(data, Mapping):
        return clip(str(data)) if isinstance(data, str) else ""
    parts = [str(data.get("message") or "")]
    errors = data.get("errors")
    if isinstance(errors, list):
        parts += [
            str(error.get("message") or error.get("code") or "") for error in errors if isinstance(error, Mapping)
        ]
    return clip("; ".join(part for part in parts if part))


def _read_wait(status: int | None, *, headers: Mapping[str, str], text: str, now: datetime) -> float | None:
    retry_after = headers.get("retry-after", "")
    if retry_after.isdigit():
        return float(retry_after)
    if status not in (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS):
        return None
    if headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdigit():
        reset_at = datetime.fromtimestamp(int(headers["x-ratelimit-reset"]), tz=UTC)
        # One second more: the header is cut to whole seconds.
        return max(0.0, (reset_at - now).total_seconds()) + 1
    if status == HTTPStatus.TOO_MANY_REQUESTS or any(word in text.lower() for word in _LIMIT_WORDS):
        return DEFAULT_LIMIT_WAIT_SECONDS
    return None


def _make_hint(status: int | None, *, headers: Mapping[str, str], limited: bool, text: str) -> str:
    if limited:
        return "GitHub limits the App's requests; the call is repeated later."
    if status == HTTPStatus.UNAUTHORIZED:
        return "Check `github.app_id` and `github.private_key_file` in the settings, and this machine's clock."
    gone = _explain_gone(status, text)
    if gone is not None:
        return gone
    needed = clip(headers.get("x-accepted-github-permissions", ""), limit=120)
    if status == HTTPStatus.FORBIDDEN and needed:
        return f"Give the App the permission {needed}, and have the owner accept it; see docs/reference/permissions.md."
    if status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
        return (
            "Check that the App is installed on the repository with the permissions of docs/reference/permissions.md."
        )
    return ""


def _explain_gone(status: int | None, text: str) -> str | None:
    if status == HTTPStatus.FORBIDDEN and "archived" in text:
        return "Take the repository out of the archive, then ask again."
    return (
        "It was deleted or switched off at GitHub; ask again in another place." if status == HTTPStatus.GONE else None
    )


def explain_refused_token(failed: GitHubFailed, scope: Scope) -> GitHubFailed | NotAllowed | SourceMissing:
    """Say what it means that GitHub refused to mint a token of that scope; the failure itself when nothing more is known."""
    if failed.status == HTTPStatus.NOT_FOUND:
        return NotAllowed(
            "The GitHub App is not installed here any more.", hint="Install the App on the repository, then try again."
        )
    if is_suspended(failed):
        return make_suspended()
    if failed.status == HTTPStatus.UNPROCESSABLE_ENTITY and "permission" in failed.message.lower():
        return NotAllowed(
            f"The App's installation lacks one of these permissions: {scope.text}.",
            hint="Give the App the permissions of docs/reference/permissions.md, and have the owner accept them.",
        )
    if failed.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return SourceMissing(
            "The App's installation does not cover the repository, or it does not exist.",
            hint="Add the repository to the App's installation; after a transfer, ask again under its new owner.",
        )
    return failed


def is_suspended(failed: GitHubFailed) -> bool:
    """Tell whether GitHub refused because the owner suspended the installation."""
    return failed.status == HTTPStatus.FORBIDDEN and "suspended" in failed.message


def make_suspended() -> NotAllowed:
    """Make the error of a suspended installation."""
    return NotAllowed(
        "The owner suspended the installation of the GitHub App.",
        hint="Lift the suspension in the owner's settings under GitHub Apps.",
    )
