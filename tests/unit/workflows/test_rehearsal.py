"""A rehearsal: the real decision and the real words, and no trace of it anywhere."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
import sqlalchemy as sa

from hublish.adapters.store.schema import metadata
from hublish.core.repository import Permission, Repository
from hublish.core.status import RunState
from hublish.errors import GitHubFailed, NotAllowed
from hublish.workflows.rehearsal import _HARMLESS, Rehearsal, _make_harmless, _Overlay, _Voice, rehearse
from tests.unit.workflows.parts import AT, COMMENT, RUN_ID, SHA, Stage, make_source

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


def test_base_with_packages_is_not_built(stage: Stage) -> None:
    """The release is announced with what would be installed; the builder, the place and the queue are left alone."""
    config = stage.reader.files["octo/ts", ".hublish.yaml"] + b"system: {apt: [tree]}\n"
    stage.reader.files["octo/ts", ".hublish.yaml"] = config
    stage.checkouts.sources["octo/ts"] = make_source(config.decode())
    stage.services = dataclasses.replace(stage.services, find_system_builder=lambda _owner, _trust: _Builder())
    rehearsal = play(stage, make_body())

    assert (rehearsal.decision, rehearsal.reason) == ("building", "")
    assert "`tree` would be installed into the base first" in rehearsal.sayings[-1].text


class _Builder:
    """A SystemBaseBuilder that must not be called."""

    def verify_open(self) -> None:
        """It never stops."""

    def build(self, *_: object, **__: object) -> str:
        raise AssertionError("a base was built")


def test_port_that_nobody_listed_is_refused(stage: Stage) -> None:
    """A port that is added later is not used before somebody says what of it reads."""
    harmless = _make_harmless(stage.services, stage.receive(), _Voice(stage.conversation))
    touched = [
        field.name
        for field in dataclasses.fields(harmless)
        if field.name not in _HARMLESS and getattr(harmless, field.name) is getattr(stage.services, field.name)
    ]

    assert touched == []
    with pytest.raises(NotAllowed, match="a rehearsal changes nothing, but list_deliveries was called"):
        harmless.delivery_log.list_deliveries(since=AT)


def test_write_that_nobody_foresaw_is_refused(stage: Stage) -> None:
    """What is not listed as a read does not reach the port."""
    overlay = _Overlay(stage.runs, reads=("list_runs",))

    assert overlay.list_runs(1) == ()
    with pytest.raises(NotAllowed, match="a rehearsal changes nothing, but ensure_run was called"):
        _ = overlay.ensure_run


def test_cancel_that_is_rehearsed_stops_nothing(stage: Stage) -> None:
    """It names what it would stop, and the run goes on."""
    waiting = stage.receive(COMMENT)
    rehearsal = play(stage, comment(f"/cancel {waiting.ref}"), event="issue_comment")

    assert rehearsal.decision == "answered"
    assert waiting.id in rehearsal.sayings[-1].text
    assert stage.services.cancels.find_cancel(waiting.id) is None


def test_lock_that_is_rehearsed_is_not_made(stage: Stage) -> None:
    """No container is started; what would happen is said."""
    rehearsal = play(stage, comment("/lock"), event="issue_comment")

    assert rehearsal.decision == "answered"
    assert rehearsal.sayings[-1].text.startswith("**To be locked:** `main`.")
    assert stage.locker.requests == []


def test_status_that_is_rehearsed_reads_only(stage: Stage) -> None:
    """The answer as it would stand now."""
    rehearsal = play(stage, comment("/status"), event="issue_comment")

    assert rehearsal.decision == "answered"
    assert [saying.kind for saying in rehearsal.sayings] == ["reaction", "comment"]


def test_push_that_changes_the_config_is_checked(stage: Stage) -> None:
    """With the check run that it would have."""
    body = make_body(
        ref="refs/heads/main", before="1" * 40, after=SHA, created=False, deleted=False, pusher={"name": "octocat"}
    )
    payload = {key: value for key, value in json.loads(body).items() if key not in ("action", "release")}
    rehearsal = play(stage, json.dumps(payload).encode(), event="push")

    assert rehearsal.decision == "skipped"
    assert {saying.kind for saying in rehearsal.sayings} <= {"check run"}


def test_installation_shows_the_pull_requests_that_would_be_opened(stage: Stage) -> None:
    """Nothing is written, and no registry is asked; what is left alone is named with its reason."""
    other = Repository(id=9, owner="octo", name="fork", installation_id=70, default_branch="main")
    stage.reader.repositories["octo/fork"] = other
    stage.reader.files = {("octo/ts", "Dockerfile"): b"FROM x"}
    stage.standings.forks.add("octo/fork")
    listed = [{"id": 7, "full_name": "octo/ts"}, {"id": 9, "full_name": "octo/fork"}]
    body = {"action": "created", "installation": {"id": 70}, "repositories": listed}
    rehearsal = play(stage, json.dumps(body).encode(), event="installation")
    expected = "octo/ts: would get a pull request; octo/fork: left alone, it is a fork"

    assert (rehearsal.decision, rehearsal.reason, rehearsal.trigger) == ("onboarding", expected, None)
    assert [(saying.kind, saying.place) for saying in rehearsal.sayings] == [("pull request", "octo/ts")]
    assert "ask the operator of this service: it is not asked in a rehearsal" in rehearsal.sayings[0].text
    assert (stage.hub_repository.pull_request, stage.push_probe.asked, stage.repository_maker.asked) == (None, [], [])


def test_installation_on_hundreds_is_rehearsed_for_the_first(stage: Stage) -> None:
    """What cannot be looked at is named; what may pass is raised."""
    listed = [{"id": number, "full_name": "octo/ts"} for number in range(1, 301)]
    body = json.dumps({"action": "created", "installation": {"id": 70}, "repositories": listed}).encode()
    stage.standings.errors = [NotAllowed("not installed")]
    stage.standings.archived.add("octo/ts")
    reason = play(stage, body, event="installation").reason
    stage.standings.errors = [GitHubFailed("away", transient=True)]
    with pytest.raises(GitHubFailed):
        play(stage, body, event="installation")

    assert reason.startswith("octo/ts: NotAllowed: not installed; octo/ts: left alone, it is archived; ")
    assert reason.endswith("; and 280 more")
