"""`hublish deliveries` and `hublish trigger`: what was stored, what would come of it, and playing it again."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hublish.cli.app import app
from hublish.core.records import DeliveryState
from hublish.errors import WebhookRefused
from hublish.workflows.rehearsal import Rehearsal, Saying
from tests.unit.cli.conftest import Run
from tests.unit.cli.delivery_fakes import ENTRY
from tests.unit.cli.fakes import FakeHouse
from tests.unit.core.github.parts import BASE, COMMENT, ISSUE
from tests.unit.core.github.parts import RELEASE as PAYLOAD
from tests.unit.workflows.parts import RELEASE

BODY = b'{"action": "published"}'
RELEASED = json.dumps({"action": "published", "release": PAYLOAD, **BASE}).encode()
EDITED = json.dumps({"action": "edited", "release": PAYLOAD, **BASE}).encode()
WOULD_BUILD = Rehearsal(
    decision="building",
    reason="",
    trigger=RELEASE,
    sayings=(
        Saying(kind="reaction", place="octo/ts, release 1", text="eyes"),
        Saying(kind="comment", place="octo/ts, abc", text="**Building** `v1`\n\x1b[31mred"),
    ),
)
SHOWN = """\
decision    building
reason      -
kind        release
repository  octo/ts
ref         v1
actor       octocat

would give a reaction at octo/ts, release 1:
  eyes

would give a comment at octo/ts, abc:
  **Building** `v1`
  [31mred
"""
DOCUMENT = {
    "number": 17,
    "guid": "4b1c2d60-7b5e-11f1",
    "event": "release",
    "state": "accepted",
    "reason": "",
    "run": "3f0c9a",
    "times": 2,
    "received_at": "2026-01-02T03:04:05+00:00",
}


def test_deliveries_are_listed_in_columns_for_scripts(run: Run, house: FakeHouse) -> None:
    """Each with its run, or the reason why there is none."""
    ignored = dataclasses.replace(ENTRY, id=16, state=DeliveryState.IGNORED, reason="a draft", run_id=None, times=1)
    house.deliveries.entries = (ENTRY, ignored)
    expected = (
        "17\t4b1c2d60-7b5e-11f1\trelease\taccepted\t2026-01-02T03:04:05Z\t2\t3f0c9a\n"
        "16\t4b1c2d60-7b5e-11f1\trelease\tignored\t2026-01-02T03:04:05Z\t1\ta draft\n"
    )

    assert run("deliveries", "list").stdout == expected


def test_no_deliveries_are_said_so(run: Run, house: FakeHouse) -> None:
    """An empty list is a sentence."""
    house.deliveries.entries = ()

    assert run("deliveries", "list").stdout == "No deliveries yet.\n"


def test_deliveries_as_json_hold_their_facts(run: Run) -> None:
    """The list in JSON is the list of objects."""
    assert json.loads(run("deliveries", "list", "--json").stdout)["result"] == [DOCUMENT]


@pytest.mark.parametrize("name", ["17", ENTRY.guid])
def test_delivery_is_shown_with_its_payload_on_request(run: Run, name: str) -> None:
    """By number or GUID; without --body the payload is not read."""
    plain = run("deliveries", "show", name)
    whole = run("deliveries", "show", name, "--body")
    document = json.loads(run("deliveries", "show", name, "--body", "--json").stdout)["result"]

    assert plain.stdout.splitlines()[:2] == ["number      17", "guid        4b1c2d60-7b5e-11f1"]
    assert whole.stdout == plain.stdout + BODY.decode() + "\n"
    assert document == {**DOCUMENT, "body": BODY.decode()}


@pytest.mark.parametrize("command", ["show", "replay"])
def test_unknown_delivery_is_a_mistake_of_the_command_line(run: Run, house: FakeHouse, command: str) -> None:
    """With the command that lists those there are."""
    result = run("deliveries", command, "18")

    assert result.stderr == "There is no delivery '18'; `hublish deliveries list` shows those there are.\n"
    assert (result.exit_code, house.deliveries.calls) == (2, [])


def test_replay_lets_the_service_look_again(run: Run, house: FakeHouse) -> None:
    """The command itself builds nothing."""
    result = run("deliveries", "replay", "17")

    assert result.stdout == "The delivery 4b1c2d60-7b5e-11f1 is due again; the service takes it up when it runs.\n"
    assert house.deliveries.calls == [("repeat", 17)]


def test_dry_replay_prints_what_would_be_decided_and_said(run: Run, house: FakeHouse) -> None:
    """Word for word, with nothing that a terminal obeys; nothing is repeated."""
    house.deliveries.rehearsal = WOULD_BUILD
    shown = run("deliveries", "replay", "17", "--dry-run")
    document = json.loads(run("deliveries", "replay", "17", "--dry-run", "--json").stdout)["result"]

    assert shown.stdout == SHOWN
    assert document["sayings"][0] == {"kind": "reaction", "place": "octo/ts, release 1", "text": "eyes"}
    assert house.deliveries.calls == [("rehearse", "release", BODY, True)] * 2


def test_payload_of_a_file_is_stored(run: Run, house: FakeHouse, tmp_path: Path) -> None:
    """As if GitHub had delivered it; the database is made where there is none."""
    (tmp_path / "payload.json").write_bytes(RELEASED)
    result = run("trigger", tmp_path / "payload.json", "--event", "release")

    assert result.stdout == "Stored as delivery by-hand-1; the service takes it up when it runs.\n"
    assert (house.made, house.deliveries.calls) == ([True], [("bring", "release", RELEASED)])


def test_payload_that_starts_nothing_says_why(run: Run, house: FakeHouse, tmp_path: Path) -> None:
    """It is stored as others are, and the command did what it was told."""
    (tmp_path / "payload.json").write_bytes(EDITED)
    result = run("trigger", tmp_path / "payload.json", "--event", "release")
    document = json.loads(run("trigger", tmp_path / "payload.json", "--event", "release", "--json").stdout)["result"]
    reason = "only a published release starts a build"

    assert result.stdout == f"Stored as delivery by-hand-1; nothing will be done: {reason}.\n"
    assert document == {"guid": "by-hand-1", "reason": reason}
    assert (result.exit_code, house.deliveries.calls) == (0, [("bring", "release", EDITED)] * 2)


def test_comment_without_a_command_is_not_sure_to_start_nothing(run: Run, tmp_path: Path) -> None:
    """It may speak to the App by its name, which only the service knows."""
    comment = {**COMMENT, "body": "@hublish build"}
    body = json.dumps({"action": "created", "issue": ISSUE, "comment": comment, **BASE})
    (tmp_path / "payload.json").write_text(body)
    result = run("trigger", tmp_path / "payload.json", "--event", "issue_comment")

    assert result.stdout == (
        "Stored as delivery by-hand-1; probably nothing will be done: the comment holds no command.\n"
    )


def test_dry_trigger_stores_nothing(house: FakeHouse) -> None:
    """From standard input, too; no database is made."""
    arguments = ["trigger", "-", "--event", "release", "--dry-run"]
    result = CliRunner().invoke(app, arguments, obj=house, input=RELEASED)

    assert result.stdout == "decision    ignored\nreason      the release is a draft\nnothing would be said\n"
    assert (house.made, house.deliveries.calls) == ([], [("rehearse", "release", RELEASED, False)])


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_event_that_is_misspelt_is_a_mistake_of_the_command_line(
    run: Run, house: FakeHouse, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """The near one is named, and nothing is opened."""
    (tmp_path / "payload.json").write_bytes(RELEASED)
    result = run("trigger", tmp_path / "payload.json", "--event", "relase", *options)

    assert result.stderr.endswith(
        "Error: Invalid value for --event: hublish reads no event 'relase'; did you mean release?\n"
    )
    assert (result.exit_code, result.stdout, house.made) == (2, "", [])


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{\n "action" 1}', ":2:11: error[JSONInvalid]: the file is not JSON: Expecting ':' delimiter\n"),
        (
            json.dumps({"action": "opened", "issue": ISSUE, **BASE}).encode(),
            (
                ":1: error[PayloadInvalid]: expected a payload of the event release, but this looks like one of issues\n"
                "  hint: name the event issues, or another file\n"
            ),
        ),
    ],
)
def test_payload_that_cannot_be_used_is_a_fault_of_the_file(
    run: Run, house: FakeHouse, tmp_path: Path, *, body: bytes, expected: str, options: tuple[str, ...]
) -> None:
    """With file, line and column, as for every other file; nothing is opened."""
    (tmp_path / "payload.json").write_bytes(body)
    result = run("trigger", tmp_path / "payload.json", "--event", "release", *options)

    assert result.stdout == f"{tmp_path}/payload.json{expected}"
    assert (result.exit_code, house.made) == (3, [])


def test_file_that_is_not_there_is_a_mistake_of_the_command_line(run: Run, tmp_path: Path) -> None:
    """Named with the reason."""
    result = run("trigger", tmp_path / "none.json", "--event", "release")

    assert result.exit_code == 2
    assert result.stderr == f"error[SourceMissing]: {tmp_path}/none.json cannot be read: No such file or directory\n"


def test_service_that_takes_no_such_payload_ends_as_refused(run: Run, house: FakeHouse, tmp_path: Path) -> None:
    """What the service would refuse is stored nowhere."""
    (tmp_path / "payload.json").write_bytes(RELEASED)
    house.error = WebhookRefused("Expected a JSON object", status=400)

    assert run("trigger", tmp_path / "payload.json", "--event", "release").exit_code == 4
