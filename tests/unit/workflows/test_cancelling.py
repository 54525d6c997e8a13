"""Stopping runs: which ones a command means, what becomes of their builds, and what is said."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.answers.report import Failure
from hublish.core.building import BuildStopped
from hublish.core.codec import render_value
from hublish.core.github.commands import CommandName
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger
from hublish.core.queue import QueueLimits, Room, Ticket
from hublish.core.repository import Permission
from hublish.core.status import RunState
from hublish.errors import RunCancelled
from hublish.workflows.cancelling import Cancelling
from hublish.workflows.ending import end_with
from hublish.workflows.prepare import Preparation
from tests.unit.workflows.parts import AT, COMMENT, HUB_REPOSITORY, RELEASE, REPLICA, SHA, Stage, make_run
from tests.unit.workflows.test_answer import make_answer

PAGE = "[page](https://hublish.example.com/runs/{})"
CANCEL = dataclasses.replace(COMMENT, command=CommandName.CANCEL, ref=None)
ELSEWHERE = dataclasses.replace(COMMENT, thread=Thread(kind="issue", number=6, comment_id=60), ref="v2")


def add_run(
    stage: Stage, run_id: str, trigger: Trigger = COMMENT, *, state: RunState = RunState.BUILDING, repo_id: int = 7
) -> None:
    """Store an earlier run of a trigger."""
    run = dataclasses.replace(make_run(trigger), id=run_id, key=f"{repo_id}:{run_id}", state=state, sha=SHA)
    stage.runs.ensure_run(run)


def add_build(stage: Stage, key: str, *runs: str) -> str:
    """A build that runs wait for, in the queue; returns its name."""
    build = stage.builds.claim_build(key, at=AT)
    for run_id in runs:
        stage.services.steps.ensure_link(run_id, build.name, "ts")
    ticket = Ticket(name=build.name, owner="octo", repo_id=7, strategy="layered", turn=0, entered_at=AT)
    stage.queue.enter(ticket, limits=QueueLimits())
    return build.name


def command(stage: Stage, trigger: Trigger = CANCEL, *, times: int = 1) -> tuple[str, ...]:
    """Receive a command and carry it out, perhaps again after a crash; returns its answer."""
    stage.runs.ensure_run(dataclasses.replace(make_run(trigger), id="command", key="7:command"))
    reply: tuple[str, ...] = ()
    for _ in range(times):
        reply = Preparation(stage.services).run("command", decided=lambda _ref, _titles: None).reply
    return reply


def test_what_this_thread_asked_for_is_stopped(stage: Stage) -> None:
    """Other threads, other repositories, questions and what has ended are left alone; a repeated step says the same."""
    add_run(stage, "mine")
    add_run(stage, "elsewhere", ELSEWHERE)
    add_run(stage, "question", dataclasses.replace(COMMENT, command=CommandName.STATUS))
    add_run(stage, "ended", state=RunState.FAILED)
    add_run(stage, "stranger", repo_id=77)
    first = command(stage)
    stage.runs.move_run("mine", RunState.CANCELLED, at=AT)
    again = command(stage)

    assert first == ("**Cancelled**", "", f"- `main` at 0123456: {PAGE.format('mine')}")
    assert again == first
    assert [cancel.run_id for cancel in stage.services.cancels.list_cancels("command")] == ["mine"]


def test_a_ref_means_everything_at_work_for_it(stage: Stage) -> None:
    """Also a release, which has no thread of its own that could be commented on."""
    add_run(stage, "release", RELEASE)
    add_run(stage, "elsewhere", ELSEWHERE)
    reply = command(stage, dataclasses.replace(CANCEL, ref="v1"))

    assert reply == ("**Cancelled**", "", f"- `v1` at 0123456: {PAGE.format('release')}")


def test_a_button_means_its_own_run(stage: Stage) -> None:
    """The run whose check run bears the button, whatever else is at work; one of another repository is none."""
    add_run(stage, "mine")
    add_run(stage, "pressed", ELSEWHERE)
    reply = command(stage, dataclasses.replace(CANCEL, target="pressed"))
    stranger = dataclasses.replace(COMMENT, repository=HUB_REPOSITORY)
    add_run(stage, "stranger", stranger, repo_id=8)
    unknown, foreign = (
        Cancelling(stage.services).cancel(f"by {target}", dataclasses.replace(CANCEL, target=target)).reply
        for target in ("nobody", "stranger")
    )

    assert reply == ("**Cancelled**", "", f"- `v2` at 0123456: {PAGE.format('pressed')}")
    assert unknown == foreign == ("Nothing is at work here that could be cancelled.",)


def test_what_is_being_delivered_is_not_stopped(stage: Stage) -> None:
    """Half of its tags may be set already; the answer says that it came too late."""
    add_run(stage, "late", state=RunState.DELIVERING)
    late = f"- `main` at 0123456: {PAGE.format('late')} is being delivered: too late"
    only = command(stage)
    add_run(stage, "mine")
    both = command(stage)

    assert only == ("**Not cancelled**", "", late)
    assert both == ("**Cancelled**", "", f"- `main` at 0123456: {PAGE.format('mine')}", late)


def test_run_at_work_is_found_in_a_busy_repository(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many pushes came since that nobody wants built."""
    monkeypatch.setattr("hublish.workflows.cancelling.LOOKS_AT", 2)
    add_run(stage, "mine")
    for number in range(3):
        add_run(stage, f"push {number}", RELEASE, state=RunState.SKIPPED)

    assert command(stage) == ("**Cancelled**", "", f"- `main` at 0123456: {PAGE.format('mine')}")


def test_nothing_at_work_is_said(stage: Stage) -> None:
    """Silence would leave people waiting."""
    assert command(stage) == ("Nothing is at work here that could be cancelled.",)


def test_only_who_may_build_may_cancel(stage: Stage) -> None:
    """A reader's word stops nothing."""
    add_run(stage, "mine")
    stage.reader.permissions["octocat"] = Permission.READ
    stage.runs.ensure_run(dataclasses.replace(make_run(CANCEL), id="command", key="7:command"))
    prepared = Preparation(stage.services).run("command", decided=lambda _ref, _titles: None)
    expected = Failure(
        code="PermissionMissing",
        message="/cancel needs write permission on octo/ts; the permission of octocat is read.",
        hint="Ask somebody with write permission to do it.",
    )

    assert (prepared.state, prepared.failure) == (RunState.DENIED, expected)
    assert stage.services.cancels.find_cancel("mine") is None


def test_cancelled_run_ends_with_who_did_it(stage: Stage) -> None:
    """The run itself sees it and gives its own answer."""
    add_run(stage, "mine")
    cancelling = Cancelling(stage.services)
    cancelling.verify_wanted("mine")
    command(stage)
    with pytest.raises(RunCancelled, match=r"^octocat cancelled this\.$") as caught:
        cancelling.verify_wanted("mine")
    failure = Failure(code=caught.value.code, message=caught.value.message, hint=caught.value.hint)

    assert end_with(make_answer(), failure).state is RunState.CANCELLED
    assert caught.value.hint == "Comment `/retry` to take it up again."


def test_build_that_nobody_wants_any_more_leaves_the_queue(stage: Stage) -> None:
    """Its outcome says cancelled; a build that another run waits for goes on, until that one is cancelled too."""
    for run_id in ("mine", "other"):
        add_run(stage, run_id)
    add_run(stage, "ended", state=RunState.FAILED)
    own, shared = add_build(stage, "a" * 24, "mine", "ended"), add_build(stage, "b" * 24, "other")
    stage.services.steps.ensure_link("mine", shared, "gpu")
    command(stage, dataclasses.replace(CANCEL, target="mine"))
    cancelling = Cancelling(stage.services)
    for _ in range(2):
        with pytest.raises(RunCancelled):
            cancelling.verify_wanted("mine")
    outcomes = [stage.builds.read_build(name).outcome for name in (own, shared)]

    assert isinstance(outcomes[0], BuildStopped)
    assert (outcomes[0].code, outcomes[0].cancelled, outcomes[1]) == ("BuildCancelled", True, None)
    assert [ticket.name for ticket in stage.queue.list_tickets()] == [shared]


def test_build_at_work_keeps_its_slot_until_its_engine_let_go(stage: Stage) -> None:
    """A slot that is given back too early would be one build too many."""
    add_run(stage, "mine")
    name = add_build(stage, "a" * 24, "mine")
    room = Room(replica=REPLICA, strategies=("layered",), slots=1)
    stage.queue.admit(limits=QueueLimits(), rooms=(room,), at=AT)
    command(stage)
    with pytest.raises(RunCancelled):
        Cancelling(stage.services).verify_wanted("mine")
    build = stage.builds.read_build(name)

    assert build is not None
    assert isinstance(build.outcome, BuildStopped)
    assert [ticket.name for ticket in stage.queue.list_tickets()] == [name]


def test_trigger_of_an_older_version_is_still_read() -> None:
    """What was stored before there were commands asks for a build."""
    stored = render_value(COMMENT)

    assert COMMENT.builds
    assert '"target":null' in stored
