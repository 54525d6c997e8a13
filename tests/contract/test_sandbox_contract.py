"""The contract checker finds what is wrong in calls, and GitHub's examples are all there."""

from __future__ import annotations

import pytest

from tests.sandbox.contract import ALLOWANCES, check_calls, load_contract
from tests.sandbox.github import Call
from tests.sandbox.webhook_examples import load_webhook_examples

ISSUE_COMMENTS = "/repos/alice/notebooks/issues/1/comments"


def make_call(**changes: object) -> Call:
    """A right call of an installation, with changes."""
    values: dict[str, object] = {
        "at": "2026-01-01T00:00:00.000Z",
        "duration_ms": 1,
        "method": "GET",
        "path": "/repos/alice/notebooks/git/ref/tags/v1/with/slashes",
        "query": "",
        "caller": "installation",
        "login": "alice",
        "request_body": None,
        "status": 404,
        "response_body": {"message": "Not Found"},
        "faulted": False,
        "user_agent": None,
    }
    return Call(**{**values, **changes})  # type: ignore[arg-type]  # one table of values of many types


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "expected"),
    [
        ("POST", ISSUE_COMMENTS, "", {"body": "x"}, []),
        ("POST", ISSUE_COMMENTS, "", {"bdoy": "x"}, ["body : 'body' is a required property", "body: unknown key bdoy"]),
        ("POST", ISSUE_COMMENTS, "", {"body": 1}, ["body body: 1 is not of type 'string'"]),
        ("POST", ISSUE_COMMENTS, "", None, ["body: is missing"]),
        ("GET", ISSUE_COMMENTS, "per_page=5", None, []),
        ("GET", ISSUE_COMMENTS, "per_page=x", None, ["query per_page: 'x' is not of type 'integer'"]),
        ("GET", ISSUE_COMMENTS, "perpage=5", None, ["query: unknown parameter perpage"]),
        ("GET", ISSUE_COMMENTS, "", {"a": 1}, ["body: this operation takes none"]),
        ("GET", "/search/issues", "", None, ["query: q is missing"]),
        (
            "GET",
            "/repos/alice/notebooks/pulls",
            "state=opne",
            None,
            ["query state: 'opne' is not one of ['open', 'closed', 'all']"],
        ),
        ("GET", "/repos/alice/notebooks/contents/a/b/c.txt", "ref=main", None, []),
        ("GET", "/nowhere", "", None, ["no operation GET /nowhere"]),
    ],
)
def test_faults_of_a_request_are_found(method: str, path: str, query: str, body: object, expected: list[str]) -> None:
    """Unknown paths, keys and parameters, wrong types and values, missing parts."""
    assert expected == load_contract().check_request(method, path, query=query, body=body)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, {"message": "Not Found"}, []),
        (503, {"message": "Unavailable"}, []),
        (204, None, ["status 204 is not described"]),
        (200, [], []),
        (200, {}, [": {} is not of type 'array'"]),
    ],
)
def test_faults_of_an_answer_are_found(status: int, body: object, expected: list[str]) -> None:
    """Undescribed successes and wrong shapes; refusals are free."""
    assert expected == load_contract().check_response("GET", ISSUE_COMMENTS, status=status, body=body)


def test_only_our_calls_are_checked_and_each_fault_is_told_once() -> None:
    """People's calls and git's own are none of ours; dropped, unchanged and faked answers are not looked at."""
    calls = [
        make_call(),
        make_call(path="/nowhere", caller="user"),
        make_call(path="/alice/notebooks.git/info/refs"),
        make_call(status=None),
        make_call(status=304),
        make_call(status=200, response_body={}, faulted=True),
        make_call(path="/nowhere"),
        make_call(path="/nowhere"),
    ]

    assert check_calls(calls) == ("GET /nowhere: request no operation GET /nowhere",)


def test_allowances_have_reasons() -> None:
    """The list is short, and every entry says why."""
    assert (len(ALLOWANCES) <= 5, all(len(item.reason) > 20 for item in ALLOWANCES)) == (True, True)


def test_examples_are_all_there() -> None:
    """329 payloads of 58 events, each with an installation."""
    examples = load_webhook_examples()

    assert (len(examples), len({example.event for example in examples})) == (329, 58)
    assert all("id" in example.payload["installation"] for example in examples)
