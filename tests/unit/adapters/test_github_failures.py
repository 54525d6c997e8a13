"""What GitHub's refusals become: transient or not, how long to wait, what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import urllib3.exceptions
from github import GithubException

from hublish.adapters.github.failures import make_failure
from hublish.errors import GitHubFailed

NOW = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)
CALL = "POST /repos/org/ts/issues/1/comments"
LIMITED = "GitHub limits the App's requests; the call is repeated later."


def make(status: int, *, data: Any = None, headers: dict[str, str] | None = None) -> GitHubFailed:
    return make_failure(GithubException(status, data, headers), call=CALL, now=NOW)


def facts(failure: GitHubFailed) -> tuple[str, str, bool, int | None, float | None]:
    return failure.message, failure.hint, failure.transient, failure.status, failure.retry_after_seconds


def test_a_refusal_shows_all_of_githubs_messages() -> None:
    """Message and errors, clipped and on one line."""
    data = {"message": "Validation\nFailed", "errors": [{"message": "too long"}, {"code": "missing"}, "x", {}]}
    expected = (f"{CALL} at GitHub: status 422: Validation Failed; too long; missing", "", False, 422, None)

    assert facts(make(422, data=data)) == expected


@pytest.mark.parametrize(("data", "text"), [(None, "no message"), ("<html>\x1b[1m", "<html> [1m"), ([1], "no message")])
def test_an_answer_of_another_shape_is_shown_safely(data: object, text: str) -> None:
    """A proxy's page or nothing at all."""
    expected = (f"{CALL} at GitHub: status 502: {text}", "", True, 502, None)

    assert facts(make(502, data=data)) == expected


@pytest.mark.parametrize(
    ("status", "data", "headers", "seconds"),
    [
        (403, {"message": "You have exceeded a secondary rate limit"}, {"Retry-After": "7"}, 7.0),
        (403, {"message": "You have exceeded a secondary rate limit"}, {}, 60.0),
        (429, {}, {}, 60.0),
        (403, {}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 90)}, 91.0),
        (403, {}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) - 90)}, 1.0),
        (403, {"message": "API rate limit exceeded"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "x"}, 60.0),
    ],
)
def test_a_limit_passes_after_the_time_github_names(
    status: int, data: object, headers: dict[str, str], seconds: float
) -> None:
    """`Retry-After` first, then the reset time, else a minute."""
    failure = make(status, data=data, headers=headers)

    assert (failure.hint, failure.transient, failure.retry_after_seconds) == (LIMITED, True, seconds)


def test_an_outage_with_retry_after_names_its_time() -> None:
    """503 may name a time too."""
    failure = make(503, headers={"retry-after": "30"})

    assert (failure.transient, failure.retry_after_seconds) == (True, 30.0)


def test_a_missing_permission_is_named() -> None:
    """GitHub lists in a header what the call needs."""
    data = {"message": "Resource not accessible by integration"}
    headers = {"X-Accepted-GitHub-Permissions": "issues=write; pull_requests=write"}
    hint = (
        "Give the App the permission issues=write; pull_requests=write, and have the owner accept it; "
        "see docs/reference/permissions.md."
    )
    expected = (f"{CALL} at GitHub: status 403: Resource not accessible by integration", hint, False, 403, None)

    assert facts(make(403, data=data, headers=headers)) == expected


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_without_a_reason_says_what_to_check(status: int) -> None:
    """Installed, and with the permissions of the page."""
    hint = "Check that the App is installed on the repository with the permissions of docs/reference/permissions.md."

    assert make(status).hint == hint


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (urllib3.exceptions.ConnectTimeoutError("x"), "no answer in time (ConnectTimeoutError)"),
        (urllib3.exceptions.ProtocolError("secret-in-url"), "the connection failed (ProtocolError)"),
    ],
)
def test_no_answer_may_pass(cause: Exception, kind: str) -> None:
    """The exception's own text, which may hold an address with a credential, is left out."""
    message = f"{CALL} at GitHub: expected an answer, but {kind}."
    expected = (message, "Check that the API can be reached.", True, None, None)

    assert facts(make_failure(cause, call=CALL, now=NOW)) == expected


def test_a_broken_protocol_does_not_pass() -> None:
    """The client's own assertions become an error of ours."""
    message = f"{CALL} at GitHub: the answer breaks the protocol: example.org"
    hint = "Check `github.api` in the settings: it must be the API's own address."

    assert facts(make_failure(AssertionError("example.org"), call=CALL, now=NOW)) == (message, hint, False, None, None)


def test_what_is_gone_says_so() -> None:
    """A deleted issue, or issues that were switched off."""
    hint = "It was deleted or switched off at GitHub; ask again in another place."

    assert (make(410).hint, make(410).transient) == (hint, False)
