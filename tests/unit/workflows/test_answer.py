"""What a run says, and where."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.answers.report import Answer, Failure, render_answer
from hublish.core.cancels import Cancel
from hublish.core.github.commands import CommandName
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.repository import RefKind, ResolvedRef
from hublish.core.status import RunState
from hublish.errors import GitHubFailed, SourceMissing
from hublish.workflows.answer import Answering
from hublish.workflows.prepare import Preparation
from hublish.workflows.prepared import Prepared, PreparedImage
from tests.unit.workflows.parts import AT, COMMENT, ISSUE, RELEASE, RUN_ID, SHA, TAG, Stage, make_run

URL = "https://hublish.example.com/runs/r1"
COMMIT = Thread(kind="commit", number=0, sha=SHA)
IMAGE = PreparedImage(
    title="ts", name="registry.example.org/team/ts", fixed_tags=(), floating_tags=(), build_key="k",
    python_version="", resources="", line="`ts`: layered",
)  # fmt: skip
PREPARED = Prepared(state=RunState.BUILDING, failure=None, ref=TAG, images=(IMAGE,))
PRESS = dataclasses.replace(RELEASE, kind=TriggerKind.CHECK, thread=COMMIT)
FAILURE = Failure(code="X", message="m", hint="")
PROGRESS, ANSWER = "<!-- hublish:progress:r1 -->", "<!-- hublish:answer:r1 -->"


def make_answer(state: RunState = RunState.BUILDING, *, sha: str | None = SHA) -> Answer:
    return Answer(
        run_id=RUN_ID, run_url=URL, state=state, wanted="v1", sha=sha,
        failure=FAILURE if state is RunState.FAILED else None,
    )  # fmt: skip


def open_answering(stage: Stage, trigger: Trigger = RELEASE) -> Answering:
    stage.receive(trigger)
    return Answering(stage.services)


@pytest.mark.parametrize("trigger", [RELEASE, ISSUE, COMMENT])
def test_reaction_goes_where_somebody_asked(stage: Stage, trigger: Trigger) -> None:
    """On the release, the issue or the very comment, once."""
    answering = open_answering(stage, trigger)
    answering.acknowledge(RUN_ID)
    answering.acknowledge(RUN_ID)

    assert stage.conversation.reactions == [(trigger.thread, "eyes")]


@pytest.mark.parametrize(("trigger", "thread"), [(RELEASE, COMMIT), (ISSUE, ISSUE.thread), (COMMENT, COMMENT.thread)])
def test_answer_takes_the_place_of_the_progress_comment(stage: Stage, trigger: Trigger, thread: Thread) -> None:
    """On the release's commit or the issue; in the end there is one comment."""
    answering = open_answering(stage, trigger)
    answering.announce(RUN_ID, make_answer(), PREPARED)
    during = dict(stage.conversation.comments)
    answer = make_answer(RunState.FAILED)
    for _ in range(2):
        answering.answer(RUN_ID, answer)
        answering.tidy(RUN_ID, answer)

    assert list(during) == [(thread, PROGRESS)]
    assert "- `ts`: layered" in during[thread, PROGRESS]
    assert stage.conversation.comments == {(thread, ANSWER): render_answer(answer)}


def test_crash_between_answer_and_tidying_leaves_one_answer(stage: Stage) -> None:
    """The answer comes first: at no time is there none."""
    answering = open_answering(stage)
    answering.announce(RUN_ID, make_answer(), PREPARED)
    answering.answer(RUN_ID, make_answer(RunState.FAILED))

    assert set(stage.conversation.comments) == {(COMMIT, PROGRESS), (COMMIT, ANSWER)}


def test_release_without_a_commit_is_answered_at_the_head(stage: Stage) -> None:
    """A tag that does not exist has no commit to comment on; the default branch always has one."""
    stage.reader.refs["main"] = ResolvedRef(name="main", kind=RefKind.BRANCH, sha="c" * 40)
    open_answering(stage).answer(RUN_ID, make_answer(RunState.FAILED, sha=None))

    assert list(stage.conversation.comments) == [(Thread(kind="commit", number=0, sha="c" * 40), ANSWER)]


@pytest.mark.parametrize("transient", [True, False])
def test_release_without_any_commit_cannot_be_answered(stage: Stage, *, transient: bool) -> None:
    """An empty repository, or GitHub away: the latter may pass."""
    stage.reader.errors["resolve_ref"] = GitHubFailed("empty", transient=transient)
    with pytest.raises(SourceMissing, match="no commit to answer on: empty") as caught:
        open_answering(stage).answer(RUN_ID, make_answer(RunState.FAILED, sha=None))

    assert caught.value.transient is transient


@pytest.mark.parametrize(
    ("trigger", "state", "closed"),
    [
        (ISSUE, RunState.DELIVERED, [5]),
        (ISSUE, RunState.FAILED, []),
        (COMMENT, RunState.DELIVERED, []),
        (RELEASE, RunState.DELIVERED, []),
    ],
)
def test_build_issue_is_closed_when_its_image_is_delivered(
    stage: Stage, trigger: Trigger, state: RunState, closed: list[int]
) -> None:
    """It stays open with the reason otherwise; an issue somebody merely commented on is not ours to close."""
    open_answering(stage, trigger).tidy(RUN_ID, make_answer(state))

    assert stage.conversation.closed == closed


def test_every_image_has_a_check_run(stage: Stage) -> None:
    """While none is known the repository's name stands for them."""
    answering = open_answering(stage)
    answering.check(RUN_ID, make_answer(), ("ts", "gpu"))
    answering.check(RUN_ID, make_answer(), ())
    names = {check.external_id: check.name for check in stage.conversation.checks.values()}

    assert names == {"r1/ts": "hublish / ts", "r1/gpu": "hublish / gpu"}


def test_check_run_needs_a_commit(stage: Stage) -> None:
    """Without one there is nothing it could stand on."""
    open_answering(stage).check(RUN_ID, make_answer(RunState.FAILED, sha=None), ("ts",))

    assert stage.conversation.checks == {}


def test_answer_after_a_fault_stands_on_the_commit_that_was_decided_on(stage: Stage) -> None:
    """The answer goes to the release's own commit, and the progress comment there is taken away."""
    stage.reader.refs["main"] = ResolvedRef(name="main", kind=RefKind.BRANCH, sha="c" * 40)
    answering = open_answering(stage)
    stage.runs.move_run(RUN_ID, RunState.PLANNING, at=AT, sha=SHA)
    answering.announce(RUN_ID, make_answer(), PREPARED)
    answer = make_answer(RunState.FAILED, sha=None)
    answering.answer(RUN_ID, answer)
    answering.tidy(RUN_ID, answer)

    assert stage.conversation.comments == {(COMMIT, ANSWER): render_answer(make_answer(RunState.FAILED))}


@pytest.mark.parametrize(
    ("kind", "state", "tried"),
    [
        (TriggerKind.PULL_REQUEST, RunState.FAILED, 1),
        (TriggerKind.PUSH, RunState.DELIVERED, 1),
        (TriggerKind.PUSH, RunState.FAILED, 0),
        (TriggerKind.RELEASE, RunState.FAILED, 0),
        (TriggerKind.API, RunState.FAILED, 0),
    ],
)
def test_check_run_that_is_the_only_answer_is_tried_like_one(
    stage: Stage, kind: TriggerKind, state: RunState, tried: int
) -> None:
    """Where a comment or the API answers, nobody waits for the check run."""
    answering = open_answering(stage, dataclasses.replace(RELEASE, kind=kind))
    calls: list[str] = []
    answering.answer(RUN_ID, make_answer(state), check=lambda: calls.append("check"))

    assert len(calls) == tried


def test_unknown_run_says_nothing(stage: Stage) -> None:
    """A run that is not in the records has no thread."""
    with pytest.raises(SourceMissing, match="there is no run r1"):
        Answering(stage.services).acknowledge(RUN_ID)


@pytest.mark.parametrize(
    ("state", "said"), [(RunState.DELIVERED, 0), (RunState.ANSWERED, 1), (RunState.FAILED, 1), (RunState.DENIED, 1)]
)
def test_press_on_a_check_run_is_answered_there(stage: Stage, state: RunState, said: int) -> None:
    """No reaction and no comment on the way; what has no check run is said on the commit."""
    answering = open_answering(stage, PRESS)
    reply = ("**Not cancelled**",) if state is RunState.ANSWERED else ()
    answer = dataclasses.replace(make_answer(RunState.FAILED), state=state, reply=reply)
    answering.acknowledge(RUN_ID)
    answering.announce(RUN_ID, answer, PREPARED)
    answering.answer(RUN_ID, answer)
    answering.tidy(RUN_ID, answer)

    assert stage.conversation.reactions == []
    assert list(stage.conversation.comments) == [(COMMIT, ANSWER)] * said


def test_press_that_stopped_a_run_says_nothing_more(stage: Stage) -> None:
    """The check run of what was stopped says it; whoever pressed too late is told in words."""
    answering = open_answering(stage, PRESS)
    stage.runs.ensure_run(dataclasses.replace(make_run(), id="other", key="7:other"))
    stage.services.cancels.request_cancel(Cancel(run_id="other", by=RUN_ID, actor="octocat"), at=AT)
    answering.answer(RUN_ID, make_answer(RunState.ANSWERED))

    assert stage.conversation.comments == {}


@pytest.mark.parametrize(("trigger", "comments"), [(RELEASE, [(COMMIT, PROGRESS)]), (PRESS, [])])
def test_run_that_is_being_delivered_has_no_button_any_more(
    stage: Stage, trigger: Trigger, comments: list[tuple[Thread, str]]
) -> None:
    """Cancel would come too late; the progress comment says the same where there is one."""
    answering = open_answering(stage, trigger)
    prepared = dataclasses.replace(PREPARED, titles=("ts",))
    answering.check(RUN_ID, make_answer(), ("ts",))
    before = [check.actions for check in stage.conversation.checks.values()]
    answering.announce_delivery(RUN_ID, make_answer(RunState.DELIVERING), prepared)
    (check,) = stage.conversation.checks.values()

    assert before == [(("Cancel", "Stop this build.", "cancel"),)]
    assert (check.title, check.status, check.actions) == ("delivering: v1", "in_progress", ())
    assert list(stage.conversation.comments) == comments


@pytest.mark.parametrize(
    ("command", "addressed", "config", "heard"),
    [
        (CommandName.RETEST, False, False, False),
        (None, False, False, False),
        (CommandName.BUILD, False, False, True),
        (CommandName.RETEST, True, False, True),
        (CommandName.RETEST, False, True, True),
    ],
)
def test_command_that_is_more_likely_for_another_bot_is_silence(
    stage: Stage, *, command: CommandName | None, addressed: bool, config: bool, heard: bool
) -> None:
    """Where there is no config file and our name was not said; `/build` is told what is missing."""
    if not config:
        stage.reader.files.clear()
    trigger = dataclasses.replace(COMMENT, command=command, addressed=addressed, ref=None, problem="unclear")
    open_answering(stage, trigger).acknowledge(RUN_ID)
    prepared = Preparation(stage.services).run(RUN_ID, decided=lambda _ref, _titles: None)

    assert stage.conversation.reactions == [(COMMENT.thread, "eyes")] * heard
    assert prepared.state is (RunState.DENIED if heard else RunState.SKIPPED)


@pytest.mark.parametrize("state", [RunState.DELIVERED, RunState.FAILED, RunState.DENIED])
def test_order_by_the_api_is_answered_there_and_in_its_check(stage: Stage, state: RunState) -> None:
    """No thread asked, so that none is answered; the commit has its check run as ever."""
    order = dataclasses.replace(RELEASE, kind=TriggerKind.API, thread=Thread(kind="commit", number=0))
    answering = open_answering(stage, order)
    answering.acknowledge(RUN_ID)
    answering.announce(RUN_ID, make_answer(), PREPARED)
    answering.check(RUN_ID, make_answer(state), ("ts",))
    answering.answer(RUN_ID, make_answer(state))
    answering.tidy(RUN_ID, make_answer(state))

    assert (stage.conversation.reactions, stage.conversation.comments) == ([], {})
    assert [check.status for check in stage.conversation.checks.values()] == ["completed"]


@pytest.mark.parametrize(("state", "told"), [(RunState.DELIVERED, []), (RunState.FAILED, [(COMMIT, ANSWER)])])
def test_scheduled_rebuild_is_said_on_the_commit_only_where_it_failed(
    stage: Stage, state: RunState, told: list[tuple[Thread, str]]
) -> None:
    """Nobody asked, so that nobody is disturbed by what went well; its check run says the rest."""
    moved = dataclasses.replace(RELEASE, kind=TriggerKind.SCHEDULE, thread=Thread(kind="release", number=0))
    answering = open_answering(stage, moved)
    answering.acknowledge(RUN_ID)
    answering.announce(RUN_ID, make_answer(), PREPARED)
    answering.check(RUN_ID, make_answer(state), ("ts",))
    answering.answer(RUN_ID, make_answer(state))
    answering.tidy(RUN_ID, make_answer(state))

    assert (stage.conversation.reactions, list(stage.conversation.comments)) == ([], told)
    assert [check.status for check in stage.conversation.checks.values()] == ["completed"]
