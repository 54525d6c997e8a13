"""Refusals of a registry in words: what was asked, expected and answered, and what a person can do about it.

Everything that a registry says is foreign: it is clipped, and headers or URLs with a query never enter a message.

Source: OCI distribution-spec v1.1, "Error Codes".
"""

from __future__ import annotations

import json
import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import urllib3
import urllib3.exceptions

from hublish.errors import RegistryFailed, clip
from hublish.network import find_proxy_refusal

TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
RETRY_AFTER_LIMIT_SECONDS = 3600.0

# docker-registry answers a full disk with 500 and the file system's own words; others use 507 or speak of a quota.
_FULL_WORDS = ("no space left", "disk quota", "quota exceeded", "exceeds quota", "insufficient storage", "out of space")
# Where docker-registry's disk is too full to even begin an upload, only the number stands there: ENOSPC or EDQUOT.
_FULL_NUMBER = re.compile(r"[\"']err[\"']:\s*(?:28|122)\b")

_HINT_ACCESS = (
    "Check the credentials of {host}: in the operator's `registries` map (auth_file), or by `docker login {host}` on "
    "the command line; the account must be allowed to do this in {repository}."
)
_HINT_FULL = "The registry has no room left. Free or enlarge its storage (or quota), then start again: nothing is lost."
_HINT_UNKNOWN = "Check the spelling; some registries want the repository created before the first push."
_HINT_SIZE = "The registry (or a proxy before it) limits the size of a request; raise its limit for uploads."
_HINT_LATER = "The registry has trouble; the same call may succeed later."
_HINT_TLS = (
    "The certificate of {host} is not trusted here. Name the CA's file. If the host speaks HTTP only, say so: `--plain-http "
    "{host}` on the command line, `plain_http: true` in the operator's settings."
)
_HINT_PROXY = "Check `proxy` in the operator's settings; on the command line HTTPS_PROXY, HTTP_PROXY and NO_PROXY."
_HINT_REACH = "Check the host's name and that it can be reached from here."


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What a request is for, in the words of a message.

    Attributes:
        host: the registry as the reference names it.
        repository: path on it; "" for the registry as a whole.
        action: e.g. "upload of the blob sha256:…".
    """

    host: str
    repository: str
    action: str

    @property
    def subject(self) -> str:
        """`action in host/repository`."""
        return f"{self.action} in {self.host}/{self.repository}" if self.repository else f"{self.action} of {self.host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer: status, headers with lower-case names, and a body that was read up to a limit."""

    status: int
    headers: dict[str, str]
    body: bytes


def parse_error_codes(body: bytes) -> tuple[tuple[str, str], ...]:
    """Parse the error document of the distribution API.

    Returns:
        `(code, text)` of each error, text being message and detail, both clipped; empty when the body is no such
        document.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    errors = document.get("errors") if isinstance(document, dict) else None
    if not isinstance(errors, list):
        return ()
    found = []
    for error in errors[:4]:
        if isinstance(error, dict):
            detail = error.get("detail")
            said = [str(error.get("message") or ""), "" if detail in (None, {}, "") else str(detail)]
            found.append((clip(str(error.get("code", "")), limit=64), clip(": ".join(part for part in said if part))))
    return tuple(found)


def make_refusal(purpose: Purpose, answer: Answer, *, expected: str, note: str = "") -> RegistryFailed:
    """Make the error of an answer that was not expected.

    Args:
        purpose: what the request was for.
        answer: what came.
        expected: what would have been right, e.g. "201 Created".
        note: one more sentence for the hint, e.g. why no credentials were sent.

    Returns:
        A RegistryFailed, transient when the status says that a repetition may help.
    """
    errors = parse_error_codes(answer.body)
    said = "; ".join(f"{code}: {text}" if text else code for code, text in errors)
    if not errors:
        said = clip(answer.body[:1024].decode("utf-8", "replace"))
    full = _is_full(answer, said)
    hint = _choose_hint(purpose, answer.status, {code for code, _ in errors}, full=full)
    message = (
        f"{purpose.subject}: expected {expected}, got {answer.status} {_phrase(answer.status)}"
        f"{' (the registry is full)' if full else ''}{f' - {said}' if said else ''}."
    )
    return RegistryFailed(
        message,
        hint=f"{hint} {note}".strip(),
        transient=answer.status in TRANSIENT_STATUSES and not full,
        status=answer.status,
    )


def make_breakdown(purpose: Purpose, error: Exception) -> RegistryFailed:
    """Make the error of a request that got no (whole) answer, from the HTTP client's exception."""
    if isinstance(error, urllib3.exceptions.SSLError | ssl.SSLError):
        return RegistryFailed(
            f"{purpose.subject}: expected a trusted TLS connection, got: {clip(str(error))}.",
            hint=_HINT_TLS.format(host=purpose.host),
            transient=False,
        )
    refused = find_proxy_refusal(error)
    if refused is not None:
        return RegistryFailed(
            f"{purpose.subject}: expected an answer, got {refused} from the proxy.", hint=_HINT_PROXY, transient=True
        )
    if isinstance(error, urllib3.exceptions.NameResolutionError | urllib3.exceptions.LocationValueError):
        return RegistryFailed(
            f"{purpose.subject}: expected a host that can be resolved, got none.", hint=_HINT_REACH, transient=True
        )
    # urllib3 counts a refused connection among the time-outs.
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        what = "no connection"
    elif isinstance(error, urllib3.exceptions.TimeoutError):
        what = "silence until the time-out"
    else:
        what = f"a broken connection ({type(error).__name__})"
    return RegistryFailed(f"{purpose.subject}: expected an answer, got {what}.", hint=_HINT_REACH, transient=True)


def parse_retry_after(text: str | None, *, now: datetime | None = None) -> float | None:
    """Parse a `Retry-After` header.

    Args:
        text: seconds or an HTTP date; None when the header is missing.
        now: aware time that a date counts from; None is the present.

    Returns:
        Seconds from 0 up to an hour; None when missing or not understood.

    Source:
        RFC 9110, section 10.2.3.
    """
    if text is None:
        return None
    try:
        if text.strip().isdigit():
            seconds = float(text)
        else:
            at = parsedate_to_datetime(text)
            seconds = (at - (now or datetime.now(UTC))).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_LIMIT_SECONDS)


def _is_full(answer: Answer, said: str) -> bool:
    lowered = said.lower() + answer.body[:4096].decode("utf-8", "replace").lower()
    if answer.status == HTTPStatus.INSUFFICIENT_STORAGE or any(word in lowered for word in _FULL_WORDS):
        return True
    return _FULL_NUMBER.search(lowered) is not None


def _choose_hint(purpose: Purpose, status: int, codes: set[str], *, full: bool) -> str:
    if full:
        return _HINT_FULL
    if status in (401, 403) or codes & {"UNAUTHORIZED", "DENIED"}:
        return _HINT_ACCESS.format(host=purpose.host, repository=purpose.repository or "its repositories")
    if status == HTTPStatus.NOT_FOUND:
        return _HINT_UNKNOWN
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return _HINT_SIZE
    return _HINT_LATER if status in TRANSIENT_STATUSES else ""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(unknown status)"
