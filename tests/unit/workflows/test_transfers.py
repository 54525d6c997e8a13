"""A repository that changes hands: nothing is planned or published for whoever has it by now."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.answers.report import Failure
from hublish.core.status import RunState
from hublish.errors import NotAllowed, SourceMissing
from hublish.workflows.publish import publish_unmoved
from tests.unit.workflows.parts import RELEASE, REPOSITORY, RUN_ID, TAG, Stage
from tests.unit.workflows.test_answer import IMAGE
from tests.unit.workflows.test_prepare import prepare

OWNED = dataclasses.replace(RELEASE, repository=dataclasses.replace(REPOSITORY, owner_id=3))
REASON = "octo/ts was transferred to another owner since this was asked for"
HINT = "ask again under its new name"


def transfer(stage: Stage, owner_id: int) -> None:
    stage.reader.repositories["octo/ts"] = dataclasses.replace(REPOSITORY, owner_id=owner_id)


def test_request_from_before_a_transfer_is_not_planned(stage: Stage) -> None:
    """A delivery that is repeated names the earlier owner, whose places in the registry are not the new one's."""
    transfer(stage, 4)
    prepared = prepare(stage, OWNED)

    assert (prepared.state, prepared.failure) == (
        RunState.FAILED,
        Failure(code="NotAllowed", message=REASON, hint=HINT),
    )


def test_request_of_the_same_owner_is_planned(stage: Stage) -> None:
    """A renamed owner is the same one."""
    transfer(stage, 3)

    assert prepare(stage, OWNED).state is RunState.BUILDING


def test_build_is_not_published_after_a_transfer(stage: Stage) -> None:
    """Also where the commit is still what the tag means."""
    transfer(stage, 4)
    stage.receive(OWNED)

    with pytest.raises(NotAllowed, match=REASON):
        publish_unmoved(stage.services, RUN_ID, TAG, IMAGE, build="build-k-1")


def test_run_without_a_commit_publishes_nothing(stage: Stage) -> None:
    """Nor does one that is not there."""
    for run_id, ref in ((RUN_ID, TAG), ("r2", TAG), (RUN_ID, None)):
        if run_id == RUN_ID and ref is None:
            stage.receive(OWNED)
        with pytest.raises(SourceMissing, match=f"there is no run {run_id} with a commit"):
            publish_unmoved(stage.services, run_id, ref, IMAGE, build="build-k-1")
