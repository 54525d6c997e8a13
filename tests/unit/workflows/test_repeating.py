"""Commands that mean an earlier run: which one, and what is asked for again."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.github.commands import CommandName
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.repository import RefKind
from hublish.core.status import RunState
from hublish.workflows.repeating import complete_trigger
from tests.unit.workflows.parts import AT, COMMENT, HUB_REPOSITORY, RELEASE, SHA, Stage
from tests.unit.workflows.test_cancelling import ELSEWHERE, add_run

RETRY = dataclasses.replace(COMMENT, command=CommandName.RETRY, ref=None, ref_kind=None)
PRESS = dataclasses.replace(RETRY, kind=TriggerKind.CHECK, thread=Thread(kind="commit", number=0, sha=SHA))
ELSEWHERE_REPOSITORY = dataclasses.replace(COMMENT, repository=HUB_REPOSITORY)
NOTHING = "Nothing failed here that could be tried again."


def complete(stage: Stage, trigger: Trigger = RETRY) -> Trigger:
    return complete_trigger(stage.runs, trigger)


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.CANCELLED])
def test_last_build_of_the_thread_is_taken_up_again(stage: Stage, state: RunState) -> None:
    """With its ref, its images and whether it is a prerelease; who asks now is who is asked about."""
    earlier = dataclasses.replace(
        COMMENT, ref="v1", ref_kind=RefKind.TAG, images=("ts",), prerelease=True, actor="writer", force=True
    )
    add_run(stage, "older", dataclasses.replace(COMMENT, ref="v0"), state=RunState.FAILED)
    add_run(stage, "mine", earlier, state=state)
    add_run(stage, "denied", dataclasses.replace(COMMENT, ref="v7"), state=RunState.DENIED)
    add_run(stage, "elsewhere", ELSEWHERE, state=RunState.FAILED)
    expected = dataclasses.replace(RETRY, ref="v1", ref_kind=RefKind.TAG, images=("ts",), prerelease=True, force=True)

    assert complete(stage) == expected


def test_thread_without_a_build_means_the_repository(stage: Stage) -> None:
    """A failed release has no thread to comment in; what was delivered since is not tried again."""
    release = dataclasses.replace(RELEASE, ref="v3", prerelease=True)
    add_run(stage, "wanted", release, state=RunState.FAILED)
    add_run(stage, "failed", dataclasses.replace(RELEASE, ref="v4"), state=RunState.FAILED)
    add_run(stage, "delivered", dataclasses.replace(ELSEWHERE, ref="v4"), state=RunState.DELIVERED)
    add_run(stage, "stranger", release, state=RunState.FAILED, repo_id=77)

    assert complete(stage) == dataclasses.replace(RETRY, ref="v3", ref_kind=RefKind.TAG, prerelease=True)


def test_failed_build_is_found_in_a_busy_repository(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pushes that nobody wants built and questions are not counted."""
    monkeypatch.setattr("hublish.workflows.repeating.LOOKS_AT", 2)
    add_run(stage, "mine", dataclasses.replace(COMMENT, ref="v1", ref_kind=RefKind.TAG), state=RunState.FAILED)
    for state in (RunState.SKIPPED, RunState.ANSWERED, RunState.DENIED):
        add_run(stage, state.value, ELSEWHERE, state=state)

    assert complete(stage).ref == "v1"


def test_push_is_tried_again_at_its_commit(stage: Stage) -> None:
    """The branch may have moved on; what failed is meant."""
    pushed = dataclasses.replace(RELEASE, ref="main", ref_kind=RefKind.BRANCH, sha="b" * 40)
    add_run(stage, "push", pushed, state=RunState.FAILED)

    assert complete(stage) == dataclasses.replace(RETRY, ref="main", ref_kind=RefKind.BRANCH, sha="b" * 40)


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        (RunState.DELIVERED, "The last build here was delivered; nothing of it failed."),
        (RunState.BUILDING, "The last build here is still at work; nothing of it failed."),
        (RunState.DENIED, NOTHING),
        (RunState.SKIPPED, NOTHING),
    ],
)
def test_what_did_not_fail_is_not_tried_again(stage: Stage, state: RunState, problem: str) -> None:
    """The answer says why; a build anew is another command."""
    add_run(stage, "mine", state=state)

    assert complete(stage).problem == problem
    assert complete(stage).ref is None


def test_nothing_to_try_again_is_a_problem(stage: Stage) -> None:
    """In a repository without a build."""
    expected = dataclasses.replace(RETRY, problem=NOTHING, hint="Comment `/build` with a tag, branch or commit.")

    assert complete(stage) == expected


def test_button_means_its_own_run(stage: Stage) -> None:
    """Whatever failed since; a run that is gone is nothing to try again."""
    add_run(stage, "pressed", dataclasses.replace(COMMENT, ref="v5"), state=RunState.FAILED)
    add_run(stage, "newer", dataclasses.replace(COMMENT, ref="v6"), state=RunState.FAILED)

    add_run(stage, "stranger", ELSEWHERE_REPOSITORY, state=RunState.FAILED, repo_id=77)

    assert complete(stage, dataclasses.replace(PRESS, target="pressed")).ref == "v5"
    assert complete(stage, dataclasses.replace(PRESS, target="gone")).problem == NOTHING
    assert complete(stage, dataclasses.replace(PRESS, target="stranger")).problem == NOTHING


def test_re_run_of_a_commit_means_its_last_build(stage: Stage) -> None:
    """Also where all went well: whoever presses "Re-run" means it; what is at work is not begun twice.

    A commit without a build has the check of its config only, and nobody is told anything.
    """
    add_run(stage, "delivered", dataclasses.replace(COMMENT, ref="v5"), state=RunState.DELIVERED)
    done = complete(stage, PRESS)
    add_run(stage, "at work", dataclasses.replace(COMMENT, ref="v6"), state=RunState.BUILDING)
    at_work = complete(stage, PRESS)
    elsewhere = dataclasses.replace(PRESS, thread=Thread(kind="commit", number=0, sha="d" * 40))

    assert (done.ref, done.problem) == ("v5", None)
    assert at_work.problem == "The last build here is still at work; nothing of it failed."
    assert complete(stage, elsewhere) == dataclasses.replace(elsewhere, command=None)


@pytest.mark.parametrize(
    "trigger",
    [
        COMMENT,
        RELEASE,
        dataclasses.replace(RETRY, command=CommandName.STATUS),
        dataclasses.replace(RETRY, problem="x"),
        dataclasses.replace(RETRY, command=CommandName.RETEST, ref="8", ref_kind=RefKind.PULL_REQUEST),
    ],
)
def test_any_other_trigger_stays_as_it_is(stage: Stage, trigger: Trigger) -> None:
    """What names its ref, has a problem or builds nothing needs no earlier run."""
    add_run(stage, "mine", state=RunState.FAILED)

    assert complete(stage, trigger) is trigger


def test_last_release_that_stands_is_deployed(stage: Stage) -> None:
    """Delivered, or refused by a hub alone; what failed, what was built in part and what is no tag has no release."""
    release = dataclasses.replace(RELEASE, ref="v3", prerelease=True)
    deploy = dataclasses.replace(RETRY, command=CommandName.DEPLOY, hub="demo")
    nothing = complete(stage, deploy)
    add_run(stage, "v3", release, state=RunState.DELIVERED)
    add_run(stage, "failed", dataclasses.replace(release, ref="v4"), state=RunState.FAILED)
    add_run(stage, "part", dataclasses.replace(release, ref="v5", images=("ts",)), state=RunState.DELIVERED)
    add_run(stage, "branch", dataclasses.replace(COMMENT, ref_kind=RefKind.BRANCH), state=RunState.DELIVERED)
    delivered = complete(stage, deploy)
    add_run(stage, "refused", dataclasses.replace(RELEASE, ref="v6"))
    stage.runs.move_run("refused", RunState.FAILED, at=AT, message="HubRefused: The image was pushed, but")
    refused = complete(stage, deploy)

    assert nothing.problem == "No release of this repository was delivered yet."
    assert delivered == dataclasses.replace(deploy, ref="v3", ref_kind=RefKind.TAG, prerelease=True)
    assert refused == dataclasses.replace(deploy, ref="v6", ref_kind=RefKind.TAG)
