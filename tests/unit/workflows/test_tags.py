"""A pushed tag on its way: planned where it stands, answered on its commit, and said when it moved."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.repository import RefKind
from hublish.core.status import RunState
from hublish.workflows.answer import Answering
from tests.unit.workflows.parts import AT, CONFIG, PUSHED, RELEASE, RUN_ID, SHA, TAG, Stage, make_run
from tests.unit.workflows.prepare_parts import prepare, use_config
from tests.unit.workflows.test_answer import ANSWER, COMMIT, PREPARED, PROGRESS, make_answer

CREATED = dataclasses.replace(PUSHED, sha=None, thread=Thread(kind="commit", number=0, sha=""))
TAGS = CONFIG + "triggers: {tag: true}\n"


@pytest.mark.parametrize("trigger", [PUSHED, CREATED])
def test_tag_goes_the_whole_way(stage: Stage, trigger: Trigger) -> None:
    """Like a release: its own image tag, the floating ones, the hubs."""
    use_config(stage, TAGS)
    prepared = prepare(stage, trigger)
    (image,) = prepared.images

    assert (prepared.state, prepared.ref, prepared.hubs) == (RunState.BUILDING, TAG, ("demo",))
    assert (image.fixed_tags, image.floating_tags) == (("v1",), ("latest",))


def test_tag_that_is_gone_is_skipped(stage: Stage) -> None:
    """Nobody is told of what nobody wants any more."""
    use_config(stage, TAGS)
    del stage.reader.refs["v1"]
    prepared = prepare(stage, PUSHED)

    assert prepared.state is RunState.SKIPPED
    assert prepared.failure is not None
    assert prepared.failure.message == "the tag was deleted since"


def test_tag_is_taken_up_again_as_a_tag(stage: Stage) -> None:
    """A re-run that copies the commit of a tag builds the tag and not a branch of its name."""
    use_config(stage, TAGS)
    again = dataclasses.replace(PUSHED, kind=TriggerKind.CHECK, ref_kind=RefKind.TAG)

    assert prepare(stage, again).ref == TAG


@pytest.mark.parametrize("trigger", [PUSHED, CREATED])
def test_tag_is_answered_on_its_commit(stage: Stage, trigger: Trigger) -> None:
    """A progress comment, then the answer in its place; a commit takes no reaction."""
    stage.receive(trigger)
    answering = Answering(stage.services)
    answering.announce(RUN_ID, make_answer(), PREPARED)
    during = set(stage.conversation.comments)
    answering.answer(RUN_ID, make_answer(RunState.FAILED))
    answering.tidy(RUN_ID, make_answer(RunState.FAILED))

    assert during == {(COMMIT, PROGRESS)}
    assert set(stage.conversation.comments) == {(COMMIT, ANSWER)}


@pytest.mark.parametrize(
    ("sha", "state", "notes"),
    [
        (
            "f" * 40,
            RunState.DELIVERED,
            ("The tag was moved: it was last delivered at fffffff and is at 0123456 now, and so are its images.",),
        ),
        (SHA, RunState.DELIVERED, ()),
        ("f" * 40, RunState.FAILED, ()),
    ],
)
@pytest.mark.parametrize("trigger", [PUSHED, RELEASE])
def test_tag_that_moved_after_it_was_delivered_says_so(
    stage: Stage, trigger: Trigger, sha: str, state: RunState, notes: tuple[str, ...]
) -> None:
    """Whoever reads the answer learns that the name means another image now."""
    use_config(stage, TAGS)
    earlier = dataclasses.replace(make_run(RELEASE), id="r0", key="7:release:0", state=RunState.PLANNING)
    stage.runs.ensure_run(earlier)
    for step in (RunState.BUILDING, RunState.DELIVERING) if state is RunState.DELIVERED else ():
        stage.runs.move_run("r0", step, at=AT, sha=sha)
    stage.runs.move_run("r0", state, at=AT, sha=sha)

    assert prepare(stage, trigger).notes == notes
