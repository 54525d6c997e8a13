"""A tag that GitHub tells of three times: which of the runs answers, and which gives way to it."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta

import pytest

from hublish.core.cancels import Cancel
from hublish.core.github.trigger import Trigger
from hublish.core.records import Run
from hublish.core.status import RunState
from hublish.workflows.durable import Fault
from hublish.workflows.joining import Joining, Verdict, judge, make_joined
from tests.unit.workflows.parts import AT, COMMENT, PUSHED, RELEASE, RUN_ID, SHA, Stage, make_run

OTHER_SHA = "f" * 40
CREATED = dataclasses.replace(PUSHED, sha=None, semantic_key="tag:v1:created:1")
LATE = AT - timedelta(seconds=61)
NO, MAY, ANSWERS = Verdict.NO, Verdict.MAY, Verdict.ANSWERS


def make(trigger: Trigger, run_id: str, state: RunState, *, sha: str | None = None, ref: str = "v1") -> Run:
    run = make_run(trigger)
    return dataclasses.replace(run, id=run_id, key=f"7:{run_id}", state=state, sha=sha, ref=ref)


@pytest.mark.parametrize(
    ("mine", "other", "state", "sha", "verdict"),
    [
        # A release of the same commit answers, however it ends; one that was switched off does not.
        (PUSHED, RELEASE, RunState.BUILDING, SHA, ANSWERS),
        (PUSHED, RELEASE, RunState.DELIVERED, SHA, ANSWERS),
        (PUSHED, RELEASE, RunState.FAILED, SHA, ANSWERS),
        (PUSHED, RELEASE, RunState.DENIED, None, ANSWERS),
        (PUSHED, RELEASE, RunState.SKIPPED, SHA, NO),
        (PUSHED, RELEASE, RunState.DELIVERED, OTHER_SHA, NO),
        (PUSHED, RELEASE, RunState.RECEIVED, None, MAY),
        (PUSHED, RELEASE, RunState.PLANNING, None, MAY),
        (CREATED, RELEASE, RunState.BUILDING, SHA, ANSWERS),
        (CREATED, RELEASE, RunState.SKIPPED, None, NO),
        # `create` gives way to the push in any state; the push only to a `create` that went on without it.
        (CREATED, PUSHED, RunState.RECEIVED, None, ANSWERS),
        (CREATED, PUSHED, RunState.SKIPPED, None, ANSWERS),
        (PUSHED, CREATED, RunState.RECEIVED, None, NO),
        (PUSHED, CREATED, RunState.PLANNING, None, MAY),
        (PUSHED, CREATED, RunState.BUILDING, SHA, ANSWERS),
        (PUSHED, CREATED, RunState.SKIPPED, None, NO),
        # Two pushes, two creations and what people asked for have answers of their own.
        (PUSHED, PUSHED, RunState.DELIVERED, SHA, NO),
        (CREATED, CREATED, RunState.DELIVERED, SHA, NO),
        (PUSHED, COMMENT, RunState.DELIVERED, SHA, NO),
    ],
)
def test_every_pair_has_one_that_answers(
    mine: Trigger, other: Trigger, state: RunState, sha: str | None, verdict: Verdict
) -> None:
    """Nothing gives way in a circle: what a tag gives way to never gives way to it."""
    run = make(mine, RUN_ID, RunState.RECEIVED)

    assert judge(run, mine, make(other, "r2", state, sha=sha), other) is verdict


@pytest.mark.parametrize(
    ("mine", "other", "state", "sha", "verdict"),
    [
        (CREATED, RELEASE, RunState.DELIVERED, SHA, NO),
        (CREATED, PUSHED, RunState.DELIVERED, SHA, NO),
        (PUSHED, RELEASE, RunState.DENIED, None, NO),
        (PUSHED, RELEASE, RunState.DELIVERED, SHA, ANSWERS),
    ],
)
def test_what_came_long_before_answers_only_for_its_own_commit(
    mine: Trigger, other: Trigger, state: RunState, sha: str | None, verdict: Verdict
) -> None:
    """A tag that is deleted and made again is another one, unless its commit says that it is the same."""
    run = make(mine, RUN_ID, RunState.RECEIVED)
    earlier = dataclasses.replace(make(other, "r2", state, sha=sha), created_at=LATE)

    assert judge(run, mine, earlier, other) is verdict


class Clock:
    """A stage whose run of a tag came a while ago, by the operator's patience."""

    def __init__(self, stage: Stage, *, seconds: float) -> None:
        policy = dataclasses.replace(stage.services.policy, tag_wait_seconds=seconds)
        self.joining = Joining(dataclasses.replace(stage.services, policy=policy))

    def wait(self) -> str:
        return asyncio.run(self.joining.wait(RUN_ID))


def test_tag_without_a_release_goes_on_when_its_time_is_over(stage: Stage) -> None:
    """Runs of other refs and other repositories are nobody's business; the page shows the wait."""
    stage.receive(PUSHED)
    stage.runs.ensure_run(make(RELEASE, "r2", RunState.BUILDING, sha=SHA, ref="v2"))
    stage.runs.ensure_run(dataclasses.replace(make(RELEASE, "r3", RunState.BUILDING, sha=SHA), key="8:r3"))
    waited = Clock(stage, seconds=0).wait()
    (step,) = stage.services.steps.list_steps(RUN_ID)

    assert waited == ""
    assert (step.name, step.state) == ("wait for the release", "done")
    assert make_joined(waited) is None


def test_tag_gives_way_to_its_release_at_once(stage: Stage) -> None:
    """Nobody waits for what is there; the run ends without a word and names the one that answers."""
    stage.receive(PUSHED)
    stage.runs.ensure_run(make(RELEASE, "r2", RunState.BUILDING, sha=SHA))
    joined = Clock(stage, seconds=3600).wait()
    prepared = make_joined(joined)

    assert joined == "r2"
    assert prepared is not None
    assert prepared.state is RunState.SKIPPED
    assert prepared.failure is not None
    assert prepared.failure.message == "the run r2 answers for this tag"


def test_release_that_comes_while_its_tag_waits_answers(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the time is over but the release's commit is not known yet."""
    stage.receive(PUSHED)
    stage.runs.ensure_run(make(RELEASE, "r2", RunState.PLANNING))
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        stage.runs.move_run("r2", RunState.BUILDING, at=AT, sha=SHA)

    monkeypatch.setattr("hublish.workflows.joining.asyncio.sleep", sleep)

    assert (Clock(stage, seconds=0).wait(), slept) == ("r2", [1.0])


def test_cancelled_tag_waits_no_longer(stage: Stage) -> None:
    """Its plan ends it, as everything cancelled."""
    stage.receive(PUSHED)
    cancel = Cancel(run_id=RUN_ID, by="r9", actor="octocat")
    stage.services.cancels.request_cancel(cancel, at=AT)

    assert Clock(stage, seconds=3600).wait() == ""


def test_fault_while_waiting_does_not_silence_the_tag() -> None:
    """Two answers are better than none."""
    assert make_joined(Fault(code="X", message="m", hint="")) is None


@pytest.mark.parametrize(("trigger", "waits"), [(PUSHED, True), (CREATED, True), (RELEASE, False)])
def test_only_tags_wait(stage: Stage, trigger: Trigger, *, waits: bool) -> None:
    """A release and everything else begins at once."""
    stage.receive(trigger)

    assert Joining(stage.services).must_wait(RUN_ID) is waits


def test_run_that_is_not_there_is_a_fault(stage: Stage) -> None:
    """It ends in the log of the service."""
    with pytest.raises(LookupError, match="there is no run r1"):
        Joining(stage.services).must_wait(RUN_ID)
