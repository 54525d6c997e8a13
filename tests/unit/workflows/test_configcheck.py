"""The stage that checks config and lock: when it looks, what it reads, and that it says it once."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.github.commands import CommandName
from hublish.core.github.ports import CheckRun, Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.repository import RefKind, Repository
from hublish.core.status import RunState
from hublish.errors import GitHubFailed, SourceInvalid, SourceMissing
from hublish.workflows.configcheck import STEP, UNCHANGED, ConfigCheck
from hublish.workflows.prepare import Preparation
from tests.unit.workflows.parts import COMMENT, ISSUE, RELEASE, REPOSITORY, RUN_ID, SHA, Stage, make_run

PUSH = Trigger(
    kind=TriggerKind.PUSH,
    repository=REPOSITORY,
    actor="octocat",
    actor_is_bot=False,
    semantic_key="push:refs/heads/main:1",
    ref="main",
    ref_kind=RefKind.BRANCH,
    sha=SHA,
    base="a" * 40,
    thread=Thread(kind="commit", number=0, sha=SHA),
    url="",
)
PULL_REQUEST = dataclasses.replace(
    PUSH,
    kind=TriggerKind.PULL_REQUEST,
    semantic_key="pull-request:7:1",
    ref="7",
    ref_kind=RefKind.PULL_REQUEST,
    thread=Thread(kind="issue", number=7),
    pull_request_number=7,
)
CHECK = f"config/{SHA}"
CONFIG = ("octo/ts", ".hublish.yaml")


def check(stage: Stage, trigger: Trigger, *changed: str) -> str:
    stage.receive(trigger)
    stage.changes.changed = frozenset(changed)
    return ConfigCheck(stage.services).run(RUN_ID)


def receive_second(stage: Stage, trigger: Trigger) -> None:
    """Store another run, "r2"."""
    stage.runs.ensure_run(dataclasses.replace(make_run(trigger), id="r2", key=f"7:{trigger.semantic_key}"))


@pytest.mark.parametrize("trigger", [PUSH, PULL_REQUEST])
@pytest.mark.parametrize("path", [".hublish.yaml", "aicoe-ci.yaml", "Pipfile", "Pipfile.lock"])
def test_changed_config_or_lock_is_checked(stage: Stage, trigger: Trigger, path: str) -> None:
    """By a push and by a pull request; the check stands on the commit and nothing else is said."""
    stage.reader.files["octo/ts", "Dockerfile"] = b""
    conclusion = check(stage, trigger, path)
    (said,) = stage.conversation.checks.values()
    (step,) = stage.services.steps.list_steps(RUN_ID)

    assert (conclusion, said.name, said.sha, said.external_id) == ("success", "hublish config", SHA, CHECK)
    assert (step.name, step.state, step.detail) == (STEP, "done", "No faults")
    assert (stage.conversation.comments, stage.conversation.reactions) == ({}, [])


@pytest.mark.parametrize("path", ["README.md", "overlays/a/Pipfile.lock", "notes.txt"])
def test_other_changes_are_not_checked(stage: Stage, path: str) -> None:
    """A text file may be a lock by its name; the config tells whether it is."""
    assert check(stage, PUSH, path) == UNCHANGED
    assert stage.conversation.checks == {}


def test_lock_of_a_repository_without_a_config_is_not_checked(stage: Stage) -> None:
    """The App may be installed on every repository of an owner."""
    del stage.reader.files[CONFIG]

    assert check(stage, PUSH, "Pipfile.lock") == UNCHANGED


@pytest.mark.parametrize("trigger", [RELEASE, ISSUE, COMMENT])
def test_requests_for_a_build_are_not_checked(stage: Stage, trigger: Trigger) -> None:
    """Their answer says what is wrong with the config."""
    assert check(stage, trigger, ".hublish.yaml") == ""
    assert stage.reader.calls == []


def test_push_and_pull_request_of_a_commit_say_the_same_once(stage: Stage) -> None:
    """One check run stands, whichever came first, on a branch that is not the default one."""
    push = dataclasses.replace(PUSH, ref="feature")
    check(stage, push, ".hublish.yaml")
    first = dict(stage.conversation.checks)
    receive_second(stage, PULL_REQUEST)
    ConfigCheck(stage.services).run("r2")

    assert stage.conversation.checks == first


@pytest.mark.parametrize("known", [True, False])
def test_commit_whose_changes_are_unknown_is_checked(stage: Stage, known: bool) -> None:
    """A first push has nothing to be compared with, and a large one is not listed; a config there is enough."""
    stage.reader.files["octo/ts", "Dockerfile"] = b""
    stage.receive(PUSH if known else dataclasses.replace(PUSH, base=None))
    stage.changes.changed = None

    assert ConfigCheck(stage.services).run(RUN_ID) == "success"


def test_unknown_changes_without_a_config_are_not_checked(stage: Stage) -> None:
    """Nothing is said in a repository that has no config."""
    stage.reader.files.clear()
    stage.receive(dataclasses.replace(PUSH, base=None))

    assert ConfigCheck(stage.services).run(RUN_ID) == UNCHANGED


PRESS = dataclasses.replace(
    PUSH,
    kind=TriggerKind.CHECK,
    semantic_key="check:1:config:octocat",
    ref=None,
    ref_kind=None,
    sha=None,
    base=None,
    command=None,
)


def test_re_run_makes_the_check_anew_and_nothing_else(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is seen to begin, ends as it must with each fault once, and the run is over without a word."""
    stage.reader.files["octo/ts", "Dockerfile"] = b""
    stage.reader.files[CONFIG] += b"strategi: layered\n"
    stage.receive(PRESS)
    said: list[tuple[str, str | None, int]] = []
    ensure = stage.conversation.ensure_check_run

    def note(repository: Repository, check: CheckRun) -> int:
        said.append((check.status, check.conclusion, len(check.annotations)))
        return ensure(repository, check)

    monkeypatch.setattr(stage.conversation, "ensure_check_run", note)
    conclusion = ConfigCheck(stage.services).run(RUN_ID)
    prepared = Preparation(stage.services).run(RUN_ID, decided=lambda _ref, _titles: None)

    assert conclusion == "failure"
    assert said == [("in_progress", None, 1), ("completed", "failure", 1)]
    assert list(stage.conversation.checks) == [CHECK]
    assert prepared.state is RunState.SKIPPED
    assert prepared.failure is not None
    assert prepared.failure.message == "only the config is checked again"
    assert stage.conversation.comments == {}


def test_press_on_a_build_checks_no_config(stage: Stage) -> None:
    """Only "Re-run all" means both."""
    stage.receive(dataclasses.replace(PRESS, command=CommandName.RETRY, target="r0"))

    assert ConfigCheck(stage.services).run(RUN_ID) == ""


def test_config_that_was_removed_is_told(stage: Stage) -> None:
    """Its removal is a change of the config."""
    del stage.reader.files[CONFIG]

    assert check(stage, PULL_REQUEST, ".hublish.yaml") == "neutral"


def test_fault_fails_the_check_and_its_correction_succeeds(stage: Stage) -> None:
    """The next commit's check run is another one: what was mended is gone."""
    stage.reader.files["octo/ts", "Dockerfile"] = b""
    good = stage.reader.files[CONFIG]
    stage.reader.files[CONFIG] = good + b"strategi: layered\n"
    broken = check(stage, PULL_REQUEST, ".hublish.yaml")
    stage.reader.files[CONFIG] = good
    fixed = dataclasses.replace(PULL_REQUEST, sha="b" * 40)
    receive_second(stage, fixed)
    mended = ConfigCheck(stage.services).run("r2")

    assert (broken, mended) == ("failure", "success")
    assert {name: len(found.annotations) for name, found in stage.conversation.checks.items()} == {
        CHECK: 1,
        f"config/{'b' * 40}": 0,
    }


def test_image_of_another_owner_fails_the_check(stage: Stage) -> None:
    """A copied config says so before a release does."""
    stage.reader.files["octo/ts", "Dockerfile"] = b""
    stage.reader.files[CONFIG] = b"version: 1\nimage: {name: registry.example.org/other/ts}\n"
    conclusion = check(stage, PULL_REQUEST, ".hublish.yaml")
    (annotation,) = stage.conversation.checks[CHECK].annotations

    assert (conclusion, annotation.line, annotation.title) == ("failure", 2, "NotAllowed")


@pytest.mark.parametrize("listed", [True, False])
def test_commit_that_cannot_be_read_is_neutral(stage: Stage, listed: bool) -> None:
    """A file too large, or a tree that GitHub does not list: said, not guessed."""
    stage.changes.listed = listed
    if listed:
        stage.reader.errors["fetch_file"] = SourceInvalid("Pipfile.lock has 2000000 bytes; at most 1048576 are read.")
    conclusion = check(stage, PUSH, ".hublish.yaml")

    assert conclusion == "neutral"
    assert stage.conversation.checks[CHECK].title == "Not checked"


@pytest.mark.parametrize(("transient", "state"), [(True, "running"), (False, "failed")])
def test_refusal_of_github_is_noted_on_the_page(stage: Stage, transient: bool, state: str) -> None:
    """What may pass is tried again by the workflow; the step says where it stands."""
    stage.reader.errors["fetch_file"] = GitHubFailed("no", transient=transient)
    with pytest.raises(GitHubFailed):
        check(stage, PUSH, ".hublish.yaml")
    (step,) = stage.services.steps.list_steps(RUN_ID)

    assert (step.state, step.detail) == (state, "no")


def test_unknown_run_is_not_checked(stage: Stage) -> None:
    """There is no commit to look at."""
    with pytest.raises(SourceMissing):
        ConfigCheck(stage.services).run("gone")


def test_pull_request_that_the_config_does_not_want_is_not_built(stage: Stage) -> None:
    """It ends without a word, and nobody's permission is asked for it."""
    stage.receive(PULL_REQUEST)
    prepared = Preparation(stage.services).run(RUN_ID, decided=lambda _ref, _titles: None)

    assert prepared.state is RunState.SKIPPED
    assert stage.reader.calls == ["resolve_ref", "fetch_file"]
