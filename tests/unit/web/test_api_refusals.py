"""Refusals of the HTTP API: each says which rule it is, in one form, and nothing that is nobody's business."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from hublish.core.access.tokens import Token, parse_scope
from hublish.errors import DatabaseFailed, GitHubFailed
from hublish.web.api import PREFIX, make_api
from hublish.web.auth import BODY_LIMIT_BYTES, REFUSALS_PER_MINUTE, Doorkeeper
from hublish.workflows.orders import Orders
from tests.unit.web.api_parts import BUILDS, KEY, ORDER, Door, read_problem
from tests.unit.workflows.parts import AT, RELEASE, REPOSITORY, make_run


@pytest.mark.parametrize(
    "tamper",
    [
        lambda headers: headers.clear(),
        lambda headers: headers.pop("X-Hublish-Token"),
        lambda headers: headers.pop("X-Hublish-Signature"),
        lambda headers: headers.update({"X-Hublish-Token": "f" * 16}),
        lambda headers: headers.update({"X-Hublish-Token": "x' OR '1'='1"}),
        lambda headers: headers.update({"X-Hublish-Timestamp": "1"}),
        lambda headers: headers.update({"X-Hublish-Signature": "sha256=" + "0" * 64}),
        lambda headers: headers.update({"Idempotency-Key": "k2"}),
    ],
    ids=["nothing", "no token", "no signature", "unknown token", "no id", "other time", "wrong", "other key"],
)
def test_request_that_is_not_signed_is_refused(door: Door, tamper: Callable[[dict[str, str]], object]) -> None:
    """One and the same answer, which says nothing about tokens; nothing is stored."""
    answer = door.send(body=ORDER, key="k1", tamper=tamper)

    assert read_problem(answer) == (
        401,
        "SignatureInvalid",
        "The request is not signed with the secret of a token of this service.",
    )
    assert "www-authenticate" in answer.headers
    assert door.stage.runs.list_runs(10) == ()


def test_signature_of_another_body_path_or_method_is_refused(door: Door) -> None:
    """A signature that was seen once serves for nothing else."""
    seen: dict[str, str] = {}
    door.send(body=ORDER, key="k1", tamper=seen.update)
    answers = [
        door.send(body={**ORDER, "ref": "main"}, key="k1", tamper=lambda headers: headers.update(seen)),
        door.send(f"{BUILDS}?x=1", body=ORDER, key="k1", tamper=lambda headers: headers.update(seen)),
        door.send(tamper=lambda headers: headers.update(seen)),
    ]

    assert [read_problem(answer)[:2] for answer in answers] == [(401, "SignatureInvalid")] * 3


def test_old_request_is_refused(door: Door) -> None:
    """Somebody who kept a copy comes too late."""
    seen: dict[str, str] = {}
    door.send(body=ORDER, key="k1", tamper=seen.update)
    door.now += timedelta(minutes=6)
    answer = door.send(body=ORDER, key="k1", tamper=lambda headers: headers.update(seen))

    assert read_problem(answer)[:2] == (401, "TimestampInvalid")


def test_token_ends_when_it_expires_or_is_revoked(door: Door) -> None:
    """At once, and the caller learns which."""
    revoked = door.add_token("build:octo", token_id="f" * 16)
    door.services.tokens.revoke_token(revoked.id, at=AT)
    first = door.send(f"{BUILDS}/a1", token=revoked)
    door.now += timedelta(days=1)
    second = door.send(f"{BUILDS}/a1")

    assert read_problem(first) == (401, "TokenEnded", "The token was revoked.")
    assert read_problem(second) == (401, "TokenEnded", "The token has expired.")


def test_token_that_was_changed_in_the_database_is_none(door: Door) -> None:
    """Its secret follows from what it says: with more scopes it would be another one."""
    holder = door.add_token("read:octo", token_id="f" * 16)
    forged = dataclasses.replace(holder, scopes=(parse_scope("build:octo"),))

    class Forged:
        def read_token(self, _token_id: str) -> Token:
            return forged

    doorkeeper = Doorkeeper(
        Forged(),  # type: ignore[arg-type]  # one method is asked
        key=KEY, requests_per_minute=20, now=lambda: AT, clock=lambda: 0.0,
    )  # fmt: skip
    door.app = FastAPI()
    door.app.mount(PREFIX, make_api(Orders(door.services, start_run=door.started.append), doorkeeper))

    assert read_problem(door.send(body=ORDER, key="k1", token=holder))[:2] == (401, "SignatureInvalid")


@pytest.mark.parametrize(
    ("scope", "target", "body", "expected"),
    [
        ("read:octo/ts", BUILDS, ORDER, (403, "ScopeMissing", "The token has no scope build:octo/ts.")),
        ("build:octo/other", BUILDS, ORDER, (403, "ScopeMissing", "The token has no scope build:octo/ts.")),
        ("read:lab", f"{BUILDS}?repo=octo/ts", b"", (403, "ScopeMissing", "The token has no scope read:octo/ts.")),
        ("read:lab", f"{BUILDS}/r1", b"", (404, "BuildMissing", "There is no build r1 that this token may read.")),
    ],
)
def test_token_without_the_scope_is_refused(
    door: Door, scope: str, target: str, body: Any, expected: tuple[int, str, str]
) -> None:
    """Before GitHub is asked; a build that may not be read is not told from one that is not there."""
    door.stage.runs.ensure_run(make_run(RELEASE))
    token = door.add_token(scope, token_id="f" * 16)

    assert read_problem(door.send(target, body=body, key="k1" if body else "", token=token)) == expected
    assert door.stage.reader.calls == []


def test_name_that_leads_to_another_repository_is_refused(door: Door) -> None:
    """A repository that moved to another owner is not the one that the token names."""
    moved = dataclasses.replace(REPOSITORY, owner="rival")
    door.stage.reader.repositories["octo/ts"] = moved

    assert read_problem(door.send(body=ORDER, key="k1"))[:2] == (403, "ScopeMissing")
    assert door.stage.runs.list_runs(10) == ()


def test_repository_that_the_app_cannot_see_is_told(door: Door) -> None:
    """With what to do."""
    door.stage.reader.repositories.clear()

    assert read_problem(door.send(body=ORDER, key="k1")) == (
        404, "RepositoryMissing", "hublish cannot see octo/ts on GitHub.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", (400, "BodyInvalid", "The body is no JSON.")),
        (b"[]", (422, "ValueInvalid")),
        ({"repo": "octo/ts"}, (422, "ValueInvalid", "ref: Field required")),
        ({**ORDER, "surprise": 1}, (422, "ValueInvalid", "surprise: Extra inputs are not permitted")),
        ({**ORDER, "ref": "--upload-pack=x"}, (422, "ValueInvalid")),
        ({**ORDER, "ref": "a b"}, (422, "ValueInvalid")),
        ({**ORDER, "repo": "../../x"}, (422, "ValueInvalid")),
        ({**ORDER, "images": ["ts"] * 21}, (422, "ValueInvalid")),
        ({**ORDER, "force": "yes"}, (422, "ValueInvalid", "force: Input should be a valid boolean")),
    ],
)
def test_order_with_faults_is_refused(door: Door, body: Any, expected: tuple[Any, ...]) -> None:
    """Each fault with its place, and no value of the caller's."""
    assert read_problem(door.send(body=body, key="k1"))[: len(expected)] == expected


@pytest.mark.parametrize("key", ["", "a b", "x" * 101])
def test_order_without_a_key_is_refused(door: Door, key: str) -> None:
    """Else a repeated request would be another build."""
    assert read_problem(door.send(body=ORDER, key=key))[:2] == (400, "IdempotencyKeyInvalid")


def test_list_without_a_repository_is_refused(door: Door) -> None:
    """As is a limit that is none."""
    answers = [door.send(target) for target in (BUILDS, f"{BUILDS}?repo=octo/ts&limit=0", f"{BUILDS}?repo=octo")]

    assert [read_problem(answer)[:2] for answer in answers] == [(422, "ValueInvalid")] * 3


def test_parameters_are_not_looked_at_without_a_signature(door: Door) -> None:
    """Who is not known learns nothing about what is expected."""
    assert read_problem(door.send(BUILDS, tamper=lambda headers: headers.clear()))[0] == 401


def test_large_body_is_refused(door: Door) -> None:
    """Before it is read to its end."""
    assert read_problem(door.send(body=b"x" * (BODY_LIMIT_BYTES + 1), key="k1"))[:2] == (413, "BodyRefused")


def test_token_that_asks_too_often_waits(door: Door) -> None:
    """Twenty of this one, then 429 with the time; another token goes on."""
    other = door.add_token("read:octo", token_id="f" * 16)
    answers = [door.send(f"{BUILDS}?repo=octo/ts") for _ in range(21)]

    assert [answer.status for answer in answers] == [200] * 20 + [429]
    assert read_problem(answers[-1])[1:] == ("TooManyRequests", "There were too many requests of this token.")
    assert answers[-1].headers["retry-after"] == "3"
    assert door.send(f"{BUILDS}?repo=octo/ts", token=other).status == 200


def test_refused_requests_are_counted_and_hold_up_no_good_one(door: Door) -> None:
    """Behind a proxy all callers have one address."""
    refused = [door.send(tamper=lambda headers: headers.clear()).status for _ in range(REFUSALS_PER_MINUTE + 1)]

    assert refused == [401] * REFUSALS_PER_MINUTE + [429]
    assert door.send(f"{BUILDS}?repo=octo/ts").status == 200


@pytest.mark.parametrize("error", [GitHubFailed("away: secret", transient=True), DatabaseFailed("away: secret")])
def test_failure_of_a_server_says_only_when_to_come_again(door: Door, error: Exception) -> None:
    """503; the same idempotency key makes the repetition safe."""
    door.stage.reader.errors["find_installation"] = error  # type: ignore[assignment]  # either kind
    answer = door.send(body=ORDER, key="k1")

    assert read_problem(answer) == (503, "Unavailable", "The request cannot be served now.")
    assert answer.headers["retry-after"] == "30"


def test_unknown_path_and_method_are_problems_too(door: Door) -> None:
    """Every refusal has one form."""
    answers = [door.send(f"{PREFIX}/nothing"), door.send(BUILDS, method="DELETE")]

    assert [read_problem(answer)[:2] for answer in answers] == [(404, "PathMissing"), (405, "MethodNotAllowed")]
    assert sorted(answers[1].headers["allow"].split(", ")) == ["POST"]
