"""A project issue on its way: what is looked at for its answer, and who gets one."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.github.trigger import Project, Trigger, TriggerKind
from hublish.core.repository import Permission
from hublish.core.status import RunState
from hublish.workflows.answer import Answering
from hublish.workflows.prepared import Prepared
from tests.unit.workflows.parts import CONFIG, ISSUE, RUN_ID, Stage
from tests.unit.workflows.test_prepare import prepare, use_config

HERE = Project(repository="", name="", people=False)
ASKED = dataclasses.replace(ISSUE, kind=TriggerKind.PROJECT, ref=None, ref_kind=None, command=None, project=HERE)
OTHERS = dataclasses.replace(ASKED, project=Project(repository="org/widgets", name="widgets", people=False))
SISTER = dataclasses.replace(ASKED, project=Project(repository="octo/other", name="", people=False))


def answer(stage: Stage, trigger: Trigger = ASKED) -> Prepared:
    prepared = prepare(stage, trigger)
    assert prepared.state is RunState.ANSWERED
    return prepared


@pytest.mark.parametrize(("name", "image"), [("", "ts"), ("My Widgets", "my-widgets")])
def test_repository_without_a_config_gets_one_to_paste(stage: Stage, name: str, image: str) -> None:
    """Under the owner's own place in the registry; the name of the project counts before the repository's."""
    use_config(stage, None)
    trigger = dataclasses.replace(ASKED, project=dataclasses.replace(HERE, name=name))

    assert f"  name: registry.example.org/team/{image}\n" in "\n".join(answer(stage, trigger).reply)


@pytest.mark.parametrize(
    ("prefixes", "image"), [({"*": ("shared",)}, "shared/octo/ts"), ({"octo": ("",)}, "octo/ts"), ({}, None)]
)
def test_image_is_proposed_where_onboarding_would_put_it(
    stage: Stage, prefixes: dict[str, tuple[str, ...]], image: str | None
) -> None:
    """One rule for both: with the owner's name where the place is not the owner's alone."""
    use_config(stage, None)
    policy = dataclasses.replace(stage.services.policy, namespaces={"registry.example.org": prefixes})
    stage.services = dataclasses.replace(stage.services, policy=policy)
    expected = "REGISTRY/PATH" if image is None else f"registry.example.org/{image}"

    assert f"  name: {expected}\n" in "\n".join(answer(stage).reply)


def test_repository_with_a_config_is_told_that_it_has_one(stage: Stage) -> None:
    """And whether it can be used."""
    reply = answer(stage).reply

    assert reply[2] == "1. .hublish.yaml on `main` can be used. Images: `ts`. Hubs: `demo`."


@pytest.mark.parametrize(("trigger", "image"), [(OTHERS, "REGISTRY/PATH"), (SISTER, "registry.example.org/team/other")])
def test_another_repository_is_not_looked_at(stage: Stage, trigger: Trigger, image: str) -> None:
    """Whoever asks might not see it: neither its config nor whether the App is there is told, nor others' registries."""
    reply = "\n".join(answer(stage, trigger).reply)

    assert "[its page](<https://github.com/apps/hublish>)" in reply
    assert f"  name: {image}\n" in reply
    assert stage.reader.calls.count("fetch_file") == 1


@pytest.mark.parametrize(("held", "state"), [(Permission.READ, RunState.ANSWERED), (Permission.NONE, RunState.DENIED)])
def test_whoever_may_read_is_answered(stage: Stage, held: Permission, state: RunState) -> None:
    """It tells nothing that a reader could not see."""
    stage.reader.permissions = {"octocat": held}

    assert prepare(stage, ASKED).state is state


def test_repository_that_switched_issues_off_is_left_alone(stage: Stage) -> None:
    """No reaction either."""
    use_config(stage, CONFIG + "triggers: {issue: false}\n")
    prepared = prepare(stage, ASKED)
    Answering(stage.services).acknowledge(RUN_ID)

    assert prepared.state is RunState.SKIPPED
    assert stage.conversation.reactions == []
