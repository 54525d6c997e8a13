"""Refusals of registries in words, and the budget of repetitions."""

from datetime import UTC, datetime

import pytest
import urllib3.exceptions
from hypothesis import given
from hypothesis import strategies as st

from hublish.adapters.registry.budget import Budget
from hublish.adapters.registry.failure import (
    Answer,
    Purpose,
    make_breakdown,
    make_refusal,
    parse_error_codes,
    parse_retry_after,
)
from hublish.adapters.registry.rule import Patience
from hublish.errors import RegistryFailed

PURPOSE = Purpose(host="r.example", repository="team/ts", action="push of the manifest v1")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def refuse(status, body=b"", **more):
    """The error of an answer."""
    return make_refusal(PURPOSE, Answer(status=status, headers={}, body=body), expected="201", **more)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ()),
        (b"[]", ()),
        (b'{"errors": 1}', ()),
        (b'{"errors": ["x", {"code": "A", "message": "m", "detail": {"Name": "n"}}]}', (("A", "m: {'Name': 'n'}"),)),
        (b'{"errors": [{"code": "B", "detail": {}}, {"message": "only"}]}', (("B", ""), ("", "only"))),
        (b"[" * 100_000, ()),
    ],
)
def test_error_documents_are_read(body, expected):
    """Codes and texts are taken; anything else is no error document."""
    assert parse_error_codes(body) == expected


@given(st.binary(max_size=200))
def test_any_body_is_survived(body):
    """A message of one line comes from any bytes."""
    message = refuse(400, body).message

    assert "\n" not in message
    assert message.startswith("push of the manifest v1 in r.example/team/ts: expected 201, got 400 Bad Request")


@pytest.mark.parametrize(
    ("status", "body", "hint", "transient"),
    [
        (401, b"", "Check the credentials of r.example", False),
        (400, b'{"errors": [{"code": "DENIED"}]}', "Check the credentials of r.example", False),
        (403, b"", "Check the credentials of r.example", False),
        (404, b'{"errors": [{"code": "NAME_UNKNOWN"}]}', "Check the spelling", False),
        (413, b"", "The registry (or a proxy before it) limits", False),
        (429, b"", "The registry has trouble", True),
        (500, b"write x: no space left on device", "The registry has no room left", False),
        (503, b'{"errors": [{"code": "UNKNOWN", "detail": "Disk quota exceeded"}]}', "The registry has no room", False),
        (500, b'{"errors": [{"code": "UNKNOWN", "detail": {"Err": 28}}]}', "The registry has no room", False),
        (500, b'{"errors": [{"code": "UNKNOWN", "detail": {"Err": 5}}]}', "The registry has trouble", True),
        (507, b"", "The registry has no room left", False),
        (418, b"", "", False),
        (799, b"", "", False),
    ],
)
def test_hint_fits_the_refusal(status, body, hint, transient):
    """Each kind of refusal says what to do, and only passing trouble is repeated."""
    failure = refuse(status, body)

    assert failure.hint.startswith(hint)
    assert bool(failure.hint) is bool(hint)
    assert (failure.transient, failure.status) == (transient, status)


def test_foreign_text_is_clipped():
    """A long page of a proxy does not become the message."""
    assert len(refuse(502, b"<html>" + b"x" * 5000).message) < 400


def test_note_follows_the_hint():
    """What hublish knows more is said last."""
    assert refuse(403, note="One more thing.").hint.endswith(" One more thing.")


@pytest.mark.parametrize(
    ("error", "said", "transient"),
    [
        (urllib3.exceptions.ReadTimeoutError(None, "u", "m"), "got silence until the time-out.", True),
        (urllib3.exceptions.NewConnectionError(None, "m"), "got no connection.", True),
        (urllib3.exceptions.NameResolutionError("h", None, OSError()), "expected a host that can be resolved", True),
        (urllib3.exceptions.SSLError("bad\ncertificate"), "trusted TLS connection, got: bad certificate.", False),
        (urllib3.exceptions.ProtocolError("x"), "got a broken connection (ProtocolError).", True),
        (ConnectionResetError(), "got a broken connection (ConnectionResetError).", True),
    ],
)
def test_breakdowns_are_told_apart(error, said, transient):
    """The client's exceptions become one family, with the kind of trouble in words."""
    failure = make_breakdown(PURPOSE, error)

    assert said in failure.message
    assert (failure.transient, failure.status) == (transient, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("7", 7.0),
        (" 99999999 ", 3600.0),
        ("Fri, 02 Jan 2026 03:04:35 GMT", 30.0),
        ("Fri, 02 Jan 2020 03:04:35 GMT", 0.0),
        ("Fri, 02 Jan 2026 03:04:35", None),
        ("soon", None),
        ("²", None),
    ],
)
def test_retry_after_is_read(text, expected):
    """Seconds and dates count, up to an hour; anything else is none."""
    assert parse_retry_after(text, now=NOW) == expected


def test_backoff_doubles_with_jitter_up_to_its_longest():
    """Pauses grow from half to all of their length by the given jitter."""
    waits: list[float] = []
    patience = Patience(sleep=waits.append, jitter=lambda: 0.5, longest_delay_seconds=3.0)
    budget = Budget(patience)
    failure = RegistryFailed("x", transient=True)

    for _ in range(5):
        budget.wait(failure)
    with pytest.raises(RegistryFailed):
        budget.wait(failure)

    assert waits == [0.375, 0.75, 1.5, 2.25, 2.25]


def test_progress_renews_the_tries_but_not_the_deadline():
    """A transfer that moves goes on; one that moves too slowly ends."""
    now = [0.0]
    patience = Patience(sleep=lambda _: None, clock=lambda: now[0], attempts=2, total_seconds=100.0)
    budget = Budget(patience, size_bytes=patience.slowest_bytes_per_second * 50)
    failure = RegistryFailed("x", transient=True)

    for at in (0.0, 90.0, 149.0):
        now[0] = at
        budget.note_progress()
        budget.wait(failure)
    now[0] = 150.0
    budget.note_progress()
    with pytest.raises(RegistryFailed):
        budget.wait(failure)


def test_lasting_failure_is_not_repeated():
    """A refusal is raised at once."""
    with pytest.raises(RegistryFailed):
        Budget(Patience()).wait(RegistryFailed("x", transient=False))
