"""The inbox: each stored delivery ends in a run or a reason, and none stands in the way of another."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hublish.adapters.store import DeliveryStore, NewcomerStore, RunStore, ensure_schema, open_database
from hublish.core.onboarding.ports import Newcomer
from hublish.core.status import RunState
from hublish.errors import DatabaseFailed, GitHubFailed
from hublish.workflows.inbox import TRIES, Inbox

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def make_body(release_id: int) -> bytes:
    """The parts of a `release` event that are read."""
    payload: dict[str, Any] = {
        "action": "published",
        "repository": {
            "id": 7,
            "name": "ts",
            "owner": {"login": "org", "type": "Organization"},
            "default_branch": "main",
            "private": False,
        },
        "sender": {"login": "alice", "type": "User"},
        "installation": {"id": 99},
        "release": {
            "id": release_id,
            "tag_name": f"v{release_id}",
            "draft": False,
            "prerelease": False,
            "published_at": "2026-11-21T10:00:00Z",
            "html_url": f"https://github.com/org/ts/releases/tag/v{release_id}",
        },
    }
    return json.dumps(payload).encode()


def make_comment(text: str, *, login: str = "alice", kind: str = "User") -> bytes:
    """The parts of an `issue_comment` event that are read."""
    payload = json.loads(make_body(1))
    issue = {
        "id": 3,
        "number": 3,
        "title": "A question",
        "updated_at": "2026-11-21T10:00:00Z",
        "html_url": "https://github.com/org/ts/issues/3",
    }
    comment = {"id": 13, "body": text, "html_url": "https://github.com/org/ts/issues/3#issuecomment-13"}
    sender = {"login": login, "type": kind}
    return json.dumps({**payload, "action": "created", "issue": issue, "comment": comment, "sender": sender}).encode()


def make_press() -> bytes:
    """The parts of a `check_run` event that are read: somebody pressed "Re-run"."""
    check_run = {"id": 21, "head_sha": "a" * 40, "external_id": "0" * 32 + "/ts"}
    return json.dumps({**json.loads(make_body(1)), "action": "rerequested", "check_run": check_run}).encode()


class Town:
    """An inbox over a real store; runs are started into a list, or fail as a test says."""

    def __init__(self, folder: Path) -> None:
        engine = open_database(f"sqlite:///{folder / 'test.db'}")
        ensure_schema(engine)
        self.engine = engine
        self.deliveries = DeliveryStore(engine)
        self.runs = RunStore(engine)
        self.newcomers = NewcomerStore(engine)
        self.started: list[str] = []
        self.errors: dict[str, Exception] = {}
        self.name_error: Exception | None = None
        self.now = AT
        numbers = itertools.count(1)
        services = SimpleNamespace(
            deliveries=self.deliveries,
            runs=self.runs,
            now=lambda: self.now,
            make_run_id=lambda: f"run-{next(numbers)}",
            conversation=SimpleNamespace(fetch_name=self.fetch_name),
            policy=SimpleNamespace(bots=frozenset({"renovate[bot]"}), proposals_per_hour=20),
            newcomers=self.newcomers,
        )
        self.services = services
        self.woken = 0
        self.inbox = Inbox(services, start_run=self.start, wake_onboarding=self.wake)

    def start(self, run_id: str) -> None:
        if run_id in self.errors:
            raise self.errors[run_id]
        self.started.append(run_id)

    def wake(self) -> None:
        self.woken += 1

    def fetch_name(self) -> str:
        if self.name_error is not None:
            raise self.name_error
        return "hublish"

    def deliver(self, guid: str, body: bytes, event: str = "release") -> None:
        self.deliveries.insert_delivery(guid=guid, event=event, body=body, at=self.now)


@pytest.fixture
def town(tmp_path: Path):
    town = Town(tmp_path)
    yield town
    town.engine.dispose()


def make_promoted(release_id: int, *, prerelease: bool, action: str) -> bytes:
    """A `release` event of a release that is a pre-release, or is one no more."""
    payload = json.loads(make_body(release_id))
    release = {**payload["release"], "prerelease": prerelease}
    return json.dumps({**payload, "action": action, "release": release}).encode()


def test_prerelease_that_becomes_a_release_is_a_new_attempt(town):
    """GitHub says "released" and nothing else of it; in whatever order and however often it is told."""
    for guid, prerelease, action in (
        ("a", True, "published"),
        ("b", False, "released"),
        ("c", True, "published"),
        ("d", False, "released"),
    ):
        town.deliver(guid, make_promoted(1, prerelease=prerelease, action=action))
    town.inbox.take_batch()
    town.inbox.take_batch()
    found = [(run.id, run.attempt) for run in town.runs.list_runs(9)]

    assert found == [("run-2", 2), ("run-1", 1)]
    assert town.started == ["run-1", "run-2", "run-2", "run-2"]


def test_release_that_is_told_as_published_and_as_released_is_one_run(town):
    """That is how GitHub tells of every full release, in any order."""
    town.deliver("a", make_promoted(1, prerelease=False, action="released"))
    town.deliver("b", make_promoted(1, prerelease=False, action="published"))
    town.inbox.take_batch()

    assert [run.attempt for run in town.runs.list_runs(9)] == [1]


def test_release_starts_a_run_and_others_are_ignored(town):
    """What nobody handles ends with its reason, what asks for a build with its run."""
    town.deliver("a", make_body(1))
    town.deliver("b", b"{}", event="star")
    town.deliver("c", b"payload=%7B%7D")

    taken = town.inbox.take_batch()

    assert (taken, town.started) == (3, ["run-1"])
    assert town.deliveries.count_deliveries() == {"accepted": 1, "ignored": 2}


def test_redelivery_of_an_ended_run_starts_nothing_but_of_a_failed_one_a_new_attempt(town):
    """The same request is answered once; only an error is worth another attempt."""
    town.deliver("a", make_body(1))
    town.inbox.take_batch()
    town.runs.move_run("run-1", RunState.FAILED, at=AT)

    town.deliver("a", make_body(1))
    town.inbox.take_batch()
    town.runs.move_run("run-2", RunState.DENIED, at=AT)
    town.deliver("a", make_body(1))
    town.inbox.take_batch()

    assert town.started == ["run-1", "run-2", "run-2"]
    assert town.runs.read_run("run-2").attempt == 2


def date(body: bytes, created_at: str) -> bytes:
    """The release with the date of its commit, as GitHub has always sent it."""
    payload = json.loads(body)
    return json.dumps({**payload, "release": {**payload["release"], "created_at": created_at}}).encode()


def test_release_of_a_former_version_is_answered_once(town):
    """Its run has the key of its day: a redelivery after the upgrade finds it, and repeats a failure only."""
    body = date(make_body(1), "2026-11-20T09:00:00Z")
    town.deliver("a", make_body(1))
    town.inbox.take_batch()
    town.deliver("b", body)
    town.inbox.take_batch()
    town.runs.move_run("run-1", RunState.FAILED, at=AT)
    town.now = AT + timedelta(hours=1)
    for _ in range(2):
        town.deliver("b", body)
        town.inbox.take_batch()

    assert town.started == ["run-1", "run-1", "run-2", "run-2"]
    assert [(run.id, run.attempt) for run in town.runs.list_runs(9)] == [("run-2", 2), ("run-1", 1)]


def test_release_published_anew_after_an_upgrade_is_another_request(town):
    """Its tag was moved since: the run of the former version was for another commit."""
    town.deliver("a", make_body(1))
    town.inbox.take_batch()
    town.now = AT + timedelta(hours=1)
    town.deliver("b", date(make_body(1), "2026-11-21T12:30:00Z"))
    town.inbox.take_batch()

    assert town.started == ["run-1", "run-2"]


@pytest.mark.parametrize("error", [LookupError("nobody foresaw this"), DatabaseFailed("no such column")])
def test_delivery_that_fails_stands_in_nobodys_way(town, error):
    """Later deliveries get their runs at once; the failing one is put away with its reason in the end."""
    town.errors["run-1"] = error
    town.deliver("a", make_body(1))
    town.deliver("b", make_body(2))

    taken = [town.inbox.take_batch() for _ in range(TRIES)]

    assert taken == [1, *([0] * (TRIES - 2)), 1]
    assert town.started == ["run-2"]
    assert town.deliveries.count_deliveries() == {"accepted": 1, "ignored": 1}


def test_delivery_put_away_is_looked_at_again_when_it_is_redelivered(town):
    """GitHub's button is the way back once the fault is mended."""
    town.errors["run-1"] = LookupError("nobody foresaw this")
    town.deliver("a", make_body(1))
    for _ in range(TRIES):
        town.inbox.take_batch()
    town.errors.clear()

    town.deliver("a", make_body(1))
    town.inbox.take_batch()

    assert town.started == ["run-1"]


def test_delivery_stays_due_while_the_database_is_away(town):
    """What may pass is waited for, however long it takes."""
    town.errors["run-1"] = DatabaseFailed("the database is locked", transient=True)
    town.deliver("a", make_body(1))

    for _ in range(TRIES + 1):
        town.inbox.take_batch()

    assert town.deliveries.count_deliveries() == {"received": 1}


@pytest.mark.parametrize(
    ("login", "kind", "state"),
    [("alice", "User", "accepted"), ("renovate[bot]", "Bot", "accepted"), ("hublish[bot]", "Bot", "ignored")],
)
def test_comment_is_heard_from_people_and_listed_bots(town, login, kind, state):
    """The bot knows its own name: a mention is a command, and its own words are none."""
    town.deliver("a", make_comment("@hublish help", login=login, kind=kind), event="issue_comment")

    town.inbox.take_batch()

    assert town.deliveries.count_deliveries() == {state: 1}


def test_comment_waits_while_the_own_name_cannot_be_asked(town):
    """GitHub's absence passes, and the command is still there."""
    town.name_error = GitHubFailed("away", transient=True)
    town.deliver("a", make_comment("/help"), event="issue_comment")

    town.inbox.take_batch()

    assert town.deliveries.count_deliveries() == {"received": 1}


def test_bot_that_may_not_know_its_name_hears_people_only(town):
    """Without the name a listed bot could be itself."""
    town.name_error = GitHubFailed("bad credentials")
    town.deliver("a", make_comment("/help"), event="issue_comment")
    town.deliver("b", make_comment("/help", login="renovate[bot]", kind="Bot"), event="issue_comment")

    town.inbox.take_batch()

    assert town.deliveries.count_deliveries() == {"accepted": 1, "ignored": 1}


def test_retry_keeps_what_it_is_about_with_its_run(town):
    """The earlier run is looked for once, when the command comes in; its page and its answer name the ref."""
    town.deliver("a", make_body(1))
    town.inbox.take_batch()
    town.runs.move_run("run-1", RunState.FAILED, at=AT)
    town.deliver("b", make_comment("/retry"), event="issue_comment")

    town.inbox.take_batch()

    assert town.runs.read_run("run-2").ref == "v1"


def test_double_click_is_one_press_and_a_later_one_is_another(town):
    """Within a minute a button is pressed once, whatever the nerves; a redelivery is no press at all."""
    town.deliver("a", make_body(1))
    town.inbox.take_batch()
    town.runs.move_run("run-1", RunState.FAILED, at=AT)
    body = make_press()
    for seconds, guid in ((0, "b"), (59, "c"), (60, "d"), (300, "b")):
        town.now = AT + timedelta(seconds=seconds)
        town.deliver(guid, body, event="check_run")
        town.inbox.take_batch()

    assert town.started == ["run-1", "run-2", "run-2", "run-3", "run-3"]


def test_press_that_is_looked_at_again_after_a_crash_is_one_press(town):
    """However long the crash lasted: when somebody pressed counts, not when the inbox gets to it."""
    town.deliver("a", make_press(), event="check_run")
    town.errors["run-1"] = DatabaseFailed("the database is locked", transient=True)
    town.inbox.take_batch()
    town.errors.clear()
    town.now = AT + timedelta(minutes=10)

    town.inbox.take_batch()

    assert town.started == ["run-1"]
    assert [run.id for run in town.runs.list_runs(9)] == ["run-1"]


def test_installation_lets_its_repositories_wait(town):
    """No run is started; a redelivery brings nothing new."""
    body = json.dumps(
        {"action": "created", "installation": {"id": 9}, "repositories": [{"id": 7, "full_name": "o/ts"}]}
    )
    for _ in range(2):
        town.deliver("a", body.encode(), event="installation")
        town.inbox.take_batch()

    assert town.newcomers.find_due_newcomer(AT) == Newcomer(repo_id=7, installation_id=9, full_name="o/ts")
    assert (town.started, town.woken, town.deliveries.count_deliveries()) == ([], 2, {"accepted": 1})


def test_installation_is_ignored_where_the_operator_wants_no_proposals(town):
    """`github.onboarding_per_hour: 0`."""
    town.services.policy.proposals_per_hour = 0
    body = json.dumps(
        {"action": "created", "installation": {"id": 9}, "repositories": [{"id": 7, "full_name": "o/ts"}]}
    )
    town.deliver("a", body.encode(), event="installation")
    town.inbox.take_batch()

    assert town.newcomers.find_due_newcomer(AT) is None
    assert town.deliveries.count_deliveries() == {"ignored": 1}
