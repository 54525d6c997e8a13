"""A rehearsal: the real decision and the real words, and no trace of it anywhere."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
import sqlalchemy as sa

from hublish.adapters.store.schema import metadata
from hublish.core.cancels import Cancel
from hublish.core.repository import Permission
from hublish.core.status import RunState
from hublish.errors import GitHubFailed, NotAllowed
from hublish.workflows.rehearsal import Rehearsal, _Cancels, _Overlay, rehearse
from tests.unit.workflows.parts import AT, RELEASE, RUN_ID, SHA, Stage
from tests.unit.workflows.test_cancelling import add_run

COMMIT = f"octo/ts@{SHA}"


def make_body(**changes: Any) -> bytes:
    """A release of octo/ts, or with `comment` what somebody commented there."""
    payload: dict[str, Any] = {
        "action": "published",
        "repository": {
            "id": 7, "name": "ts", "owner": {"login": "octo", "type": "User"}, "default_branch": "main", "private": False,
        },
        "sender": {"login": "octocat", "type": "User"},
        "installation": {"id": 70},
        "release": {
            "id": 1, "tag_name": "v1", "draft": False, "prerelease": False, "published_at": "2026-11-21T10:00:00Z",
            "html_url": "https://github.com/octo/ts/releases/tag/v1",
        },
    }  # fmt: skip
    return json.dumps({**payload, **changes}).encode()


def comment(text: str) -> bytes:
    """A comment on issue 5 of octo/ts."""
    url = "https://github.com/octo/ts/issues/5"
    issue = {"number": 5, "title": "x", "body": "", "html_url": url, "id": 5, "updated_at": "2026-11-21T10:00:00Z"}
    return make_body(action="created", release=None, issue=issue, comment={"id": 50, "body": text, "html_url": url})


def play(stage: Stage, body: bytes, *, event: str = "release", again: bool = False) -> Rehearsal:
    """Rehearse, and make sure that nothing was written or said."""
    rehearsal = rehearse(stage.services, event=event, body=body, again=again)
    with stage.database.connect() as connection:
        rows = {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar()
            for table in metadata.sorted_tables
        }
    said = (stage.conversation.reactions, stage.conversation.comments, stage.conversation.checks)
    assert {name for name, count in rows.items() if count} <= {"runs"}
    assert said == ([], {}, {})
    return rehearsal


def test_release_is_planned_and_announced(stage: Stage) -> None:
    """The reaction, the check run and the first comment, as they would be."""
    rehearsal = play(stage, make_body())

    assert (rehearsal.decision, rehearsal.reason) == ("building", "")
    assert [(saying.kind, saying.place) for saying in rehearsal.sayings] == [
        ("reaction", "octo/ts, release 1"),
        ("check run", COMMIT),
        ("comment", f"octo/ts, {SHA}"),
    ]
    assert rehearsal.sayings[2].text.startswith("**Building** `v1`")
    assert stage.runs.list_runs(10) == ()


def test_refusal_is_the_answer(stage: Stage) -> None:
    """Who may not build is told so, in the words of the answer."""
    stage.reader.permissions["octocat"] = Permission.READ
    rehearsal = play(stage, comment("/build v1"), event="issue_comment")

    assert rehearsal.decision == "denied"
    assert rehearsal.reason.startswith("PermissionMissing: ")
    assert [saying.kind for saying in rehearsal.sayings] == ["reaction", "comment"]
    assert "PermissionMissing" in rehearsal.sayings[-1].text


def test_ignored_delivery_says_why(stage: Stage) -> None:
    """Nothing was asked, nothing is said."""
    expected = Rehearsal(decision="ignored", reason="hublish does not handle this event", trigger=None)

    assert play(stage, b"{}", event="star") == expected


@pytest.mark.parametrize(
    ("state", "again", "decision"),
    [
        (RunState.FAILED, True, "building"),
        (RunState.FAILED, False, "joined"),
        (RunState.DENIED, True, "joined"),
    ],
)
def test_delivery_of_an_ended_run_joins_it_unless_it_failed(
    stage: Stage, state: RunState, *, again: bool, decision: str
) -> None:
    """As a redelivery does."""
    trigger = rehearse(stage.services, event="release", body=make_body(), again=False).trigger
    assert trigger is not None
    stage.receive(dataclasses.replace(trigger))
    with stage.database.begin() as connection:
        connection.execute(sa.text("update runs set key = :key"), {"key": f"7:{trigger.semantic_key}"})
    stage.runs.move_run(RUN_ID, state, at=AT)
    rehearsal = play(stage, make_body(), again=again)

    assert rehearsal.decision == decision
    assert (RUN_ID in rehearsal.reason) is (decision == "joined")


def test_release_that_is_switched_off_is_silent(stage: Stage) -> None:
    """A skipped run has a reaction at most."""
    config = stage.reader.files["octo/ts", ".hublish.yaml"] + b"triggers: {release: false}\n"
    stage.reader.files["octo/ts", ".hublish.yaml"] = config
    rehearsal = play(stage, make_body())

    assert rehearsal.decision == "skipped"
    assert [saying.kind for saying in rehearsal.sayings] == ["reaction"]


def test_github_that_is_away_is_an_error(stage: Stage) -> None:
    """A rehearsal that could not read does not guess."""
    stage.reader.errors["resolve_ref"] = GitHubFailed("away", transient=True)
    with pytest.raises(GitHubFailed):
        play(stage, make_body())


def test_write_that_nobody_foresaw_is_refused(stage: Stage) -> None:
    """What is not listed as a read does not reach the port."""
    overlay = _Overlay(stage.runs, reads=("list_runs",))

    assert overlay.list_runs(1) == ()
    with pytest.raises(NotAllowed, match="a rehearsal changes nothing, but ensure_run was called"):
        _ = overlay.ensure_run


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/help", "**Commands**"),
        ("/status", "**Status** of `octo/ts`"),
        ("/plan v1", "**Plan** for `v1` at 0123456; nothing was built."),
        ("/cancel", "Nothing is at work here that could be cancelled."),
        ("/cancel v1", "**Cancelled**\n\n- `v1` at 0123456: [page](https://hublish.example.com/runs/mine)"),
        ("/cancel v2", "**Not cancelled**\n\n- `v2` at 0123456: [page](https://hublish.example.com/runs/late)"),
        ("/retry", "**Not started:** the request\n\nRequestUnclear: Nothing failed here that could be tried again."),
    ],
)
def test_command_is_rehearsed_and_nothing_is_stopped(stage: Stage, text: str, said: str) -> None:
    """The answer is the real one; the run that a rehearsed /cancel names goes on."""
    add_run(stage, "mine", RELEASE)
    late = dataclasses.replace(RELEASE, ref="v2")
    add_run(stage, "late", late, state=RunState.DELIVERING)
    rehearsal = play(stage, comment(text), event="issue_comment")

    assert rehearsal.sayings[-1].text.startswith(said)
    assert stage.services.cancels.find_cancel("mine") is None


def test_rehearsed_cancel_is_known_to_itself_alone(stage: Stage) -> None:
    """A run that nobody knows cannot be stopped, and what one command stops is not another's."""
    add_run(stage, "mine", RELEASE)
    cancels = _Cancels(stage.services.runs)
    cancel = Cancel(run_id="mine", by="c1", actor="octocat")

    assert cancels.request_cancel(cancel, at=AT)
    assert not cancels.request_cancel(dataclasses.replace(cancel, run_id="nobody"), at=AT)
    assert (cancels.find_cancel("mine"), cancels.find_cancel("nobody")) == (cancel, None)
    assert (cancels.list_cancels("c1"), cancels.list_cancels("c2")) == ((cancel,), ())
