"""The HTTP API: signed orders become runs that are read and listed, and the description says what is there."""

from __future__ import annotations

import json
from pathlib import Path

from hublish.cli.api_reference import render_api_reference
from hublish.core.codec import parse_value
from hublish.core.github.trigger import Trigger
from hublish.core.status import RunState
from hublish.web.api import PREFIX
from tests.unit.web.api_parts import BUILDS, ORDER, Door, make_document, read_problem
from tests.unit.web.asgi import ask
from tests.unit.workflows.parts import AT, RELEASE, REPOSITORY, RUN_ID, make_run

GOLDEN = Path(__file__).parents[3] / "docs" / "reference" / "api.openapi.json"


def test_order_becomes_a_run_as_any_other(door: Door) -> None:
    """202 with its place; the trigger says who asked and what for, and the workflow is started."""
    answer = door.send(body={**ORDER, "images": ["ts"], "force": True}, key="k1")
    (run,) = door.stage.runs.list_runs(10)
    trigger = parse_value(Trigger, run.trigger)

    assert (answer.status, answer.headers["location"]) == (202, f"{BUILDS}/a1")
    assert json.loads(answer.body) == make_document()
    assert door.started == ["a1"]
    assert (trigger.kind.value, trigger.actor, trigger.ref, trigger.images, trigger.force) == (
        "api", "nightly", "v1", ("ts",), True,
    )  # fmt: skip
    assert (trigger.repository, run.key) == (REPOSITORY, "7:api:0123456789abcdef:k1")


def test_repeated_order_is_the_same_build(door: Door) -> None:
    """200 with the same build, which is started again in case nobody did; once it ended, it is only shown."""
    first = door.send(body=ORDER, key="k1")
    second = door.send(body=ORDER, key="k1")
    door.stage.runs.move_run("a1", RunState.FAILED, at=AT, message="RegistryFailed: full")
    third = door.send(body=ORDER, key="k1")

    assert [answer.status for answer in (first, second, third)] == [202, 200, 200]
    assert json.loads(third.body) == make_document(
        status="failed", answer="RegistryFailed: full", ended_at="2026-11-21T12:00:00Z"
    )
    assert door.started == ["a1", "a1"]
    assert len(door.stage.runs.list_runs(10)) == 1


def test_key_of_another_order_is_refused(door: Door) -> None:
    """Else a mistake of the caller's would look like a build that was made."""
    door.send(body=ORDER, key="k1")

    assert read_problem(door.send(body={**ORDER, "ref": "v2"}, key="k1")) == (
        422,
        "IdempotencyKeyReused",
        "The idempotency key was used for another order before.",
    )


def test_another_key_is_another_build(door: Door) -> None:
    """Also of the same ref."""
    answers = [door.send(body=ORDER, key=key) for key in ("k1", "k2")]

    assert [json.loads(answer.body)["id"] for answer in answers] == ["a1", "a2"]


def test_build_is_read_with_its_answer(door: Door) -> None:
    """By whoever may read the repository."""
    door.send(body=ORDER, key="k1")
    reader = door.add_token("read:octo", token_id="f" * 16)
    answer = door.send(f"{BUILDS}/a1", token=reader)

    assert (answer.status, json.loads(answer.body)) == (200, make_document())
    assert answer.headers["cache-control"] == "no-store"


def test_builds_are_listed_whatever_asked_for_them(door: Door) -> None:
    """The newest first, as many as asked for; GitHub's names have no case."""
    door.stage.runs.ensure_run(make_run(RELEASE))
    door.send(body=ORDER, key="k1")
    both = door.send(f"{BUILDS}?repo=Octo/TS")
    one = door.send(f"{BUILDS}?repo=octo/ts&limit=1")

    assert [build["id"] for build in json.loads(both.body)["builds"]] == ["a1", RUN_ID]
    assert json.loads(one.body) == {"builds": [make_document()]}


def test_description_is_the_one_of_the_docs(door: Door) -> None:
    """Served without a token, and reviewed as a file; `make docs` writes it."""
    answer = ask(door.app, f"{PREFIX}/openapi.json")

    assert answer.status == 200
    assert GOLDEN.read_text() == render_api_reference()
    assert json.loads(answer.body) == json.loads(GOLDEN.read_text())
