"""An issue that gets a label: silence unless it is the config's, then a build like that of a build issue."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.github.trigger import TriggerKind
from hublish.core.repository import Permission
from hublish.core.status import RunState
from hublish.workflows.answer import Answering
from tests.unit.workflows.parts import CONFIG, ISSUE, RUN_ID, TAG, Stage
from tests.unit.workflows.prepare_parts import prepare, use_config
from tests.unit.workflows.test_answer import make_answer

LABELLED = dataclasses.replace(ISSUE, kind=TriggerKind.LABEL, label="Build", notes=("Not read of the form: x.",))
LABEL = CONFIG + "triggers: {label: build}\n"


@pytest.mark.parametrize(("config", "reactions"), [(LABEL, [(LABELLED.thread, "eyes")]), (CONFIG, []), (None, [])])
def test_only_the_label_of_the_config_is_heard(
    stage: Stage, config: str | None, reactions: list[tuple[object, str]]
) -> None:
    """Other labels get no reaction and no refusal, also of somebody who may not build."""
    use_config(stage, config, CONFIG)
    stage.reader.permissions = {"octocat": Permission.READ}
    prepared = prepare(stage, LABELLED)
    Answering(stage.services).acknowledge(RUN_ID)

    assert prepared.state is (RunState.DENIED if reactions else RunState.SKIPPED)
    assert stage.conversation.reactions == reactions


def test_labelled_issue_is_built_and_closed(stage: Stage) -> None:
    """Like a build issue; what was not read of its form stands in the answer."""
    use_config(stage, LABEL)
    prepared = prepare(stage, LABELLED)
    Answering(stage.services).tidy(RUN_ID, make_answer(RunState.DELIVERED))

    assert (prepared.state, prepared.ref, prepared.notes) == (RunState.BUILDING, TAG, LABELLED.notes)
    assert stage.conversation.closed == [5]


def test_refused_request_names_what_was_not_read_too(stage: Stage) -> None:
    """Whoever filled in the form learns of all at once."""
    use_config(stage, LABEL)
    unclear = dataclasses.replace(LABELLED, ref=None, problem="The form names no ref.", hint="Write one.")
    prepared = prepare(stage, unclear)

    assert (prepared.state, prepared.notes) == (RunState.DENIED, LABELLED.notes)
