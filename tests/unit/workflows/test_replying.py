"""Commands that deliver nothing: each ends in one answer, and nothing is built or said besides."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.answers.replies import render_help
from hublish.core.building import BuildSucceeded
from hublish.core.github.commands import COMMAND_RULES, CommandName
from hublish.core.github.trigger import Trigger
from hublish.core.queue import QueueLimits, Room, Ticket
from hublish.core.repository import Permission, RefKind
from hublish.core.status import RunState
from hublish.errors import GitHubFailed
from hublish.workflows.answer import Answering
from hublish.workflows.ending import end_run
from hublish.workflows.prepare import Preparation
from hublish.workflows.prepared import Prepared
from tests.unit.workflows.parts import AT, COMMENT, CONFIG, REPLICA, RUN_ID, SHA, Stage, make_run
from tests.unit.workflows.test_answer import make_answer

HELP = dataclasses.replace(COMMENT, command=CommandName.HELP, ref=None)
STATUS = dataclasses.replace(COMMENT, command=CommandName.STATUS, ref=None)
PLAN = dataclasses.replace(COMMENT, command=CommandName.PLAN, ref="v1", ref_kind=None)


def prepare(stage: Stage, trigger: Trigger) -> Prepared:
    """Receive a trigger and decide on it; nothing may be told of a build."""

    def decided(_ref: object, _titles: object) -> None:
        raise AssertionError("a check run would be opened")

    stage.receive(trigger)
    return Preparation(stage.services).run(RUN_ID, decided=decided)


def test_help_is_answered_to_whoever_may_read(stage: Stage) -> None:
    """The table of commands, without a look at ref or config."""
    stage.reader.permissions["octocat"] = Permission.READ
    prepared = prepare(stage, HELP)

    assert prepared == Prepared(
        state=RunState.ANSWERED, failure=None, ref=None, reply=render_help(COMMAND_RULES, app="hublish")
    )
    assert stage.reader.calls == ["fetch_permission"]


def test_stranger_in_a_private_repository_is_told_nothing(stage: Stage) -> None:
    """Even help is for those who may read."""
    stage.reader.permissions["octocat"] = Permission.NONE
    prepared = prepare(stage, HELP)

    assert prepared.failure is not None
    assert prepared.failure.message == "/help needs read permission on octo/ts; the permission of octocat is none."


def test_status_shows_runs_that_matter_and_the_config(stage: Stage) -> None:
    """Its own run, skipped pushes and earlier questions are left out; other repositories are never shown."""
    for number, state in enumerate((RunState.DELIVERED, RunState.SKIPPED, RunState.ANSWERED, RunState.BUILDING)):
        run = dataclasses.replace(make_run(), id=f"old{number}", key=f"7:release:{number + 2}", state=state)
        stage.runs.ensure_run(run)
    stage.runs.ensure_run(dataclasses.replace(make_run(), id="other", key="77:release:1", actor="stranger"))
    prepared = prepare(stage, STATUS)

    assert prepared.state is RunState.ANSWERED
    assert prepared.reply == (
        "**Status** of `octo/ts`",
        "",
        ".hublish.yaml on `main` can be used. Images: `ts`. Hubs: `demo`.",
        "",
        "| run | asked by | state |",
        "| --- | --- | --- |",
        "| `v1`: [page](https://hublish.example.com/runs/old3) | octocat | building |",
        "| `v1`: [page](https://hublish.example.com/runs/old0) | octocat | delivered |",
    )


def test_status_says_where_builds_wait(stage: Stage) -> None:
    """A run that waits for a slot shows its place."""
    stage.runs.ensure_run(dataclasses.replace(make_run(), id="old", key="7:release:2", state=RunState.BUILDING))
    build = stage.builds.claim_build("k" * 24, at=AT)
    stage.services.steps.ensure_link("old", build.name, "ts")
    ticket = Ticket(name=build.name, owner="octo", repo_id=7, strategy="layered", fork=False, turn=0, entered_at=AT)
    stage.queue.enter(ticket, limits=QueueLimits())
    stage.replicas.join((Room(replica=REPLICA, strategies=("layered",), slots=1),), at=AT)
    line = prepare(stage, STATUS).reply[-1]
    stage.replicas.release()

    assert line == (
        "| `v1`: [page](https://hublish.example.com/runs/old) | octocat | "
        "building: ts waits for a slot, position 1 of 1, expected to start in about 1.0 s. |"
    )


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (None, "There is neither .hublish.yaml nor .aicoe-ci.yaml on `main`: nothing can be built."),
        ("version: 7\n", "The config file on `main` cannot be used: 2 errors, see below."),
        (CONFIG.replace("hubs: [demo]\n", ""), ".hublish.yaml on `main` can be used. Images: `ts`. Hubs: none."),
    ],
)
def test_status_says_whether_the_config_can_be_used(stage: Stage, config: str | None, sentence: str) -> None:
    """An installation that cannot build is seen before the next release."""
    stage.reader.files.clear()
    if config is not None:
        stage.reader.files["octo/ts", ".hublish.yaml"] = config.encode()
    prepared = prepare(stage, STATUS)

    assert prepared.reply[2] == sentence
    assert bool(prepared.findings) is (config == "version: 7\n")


def test_status_names_a_config_with_a_wrong_name(stage: Stage) -> None:
    """Who calls it `.hublish.yml` is told what to rename."""
    stage.reader.files.clear()
    stage.reader.files["octo/ts", ".hublish.yml"] = CONFIG.encode()
    prepared = prepare(stage, STATUS)

    assert prepared.reply[2] == (
        "There is neither .hublish.yaml nor .aicoe-ci.yaml on `main`: nothing can be built before .hublish.yml is "
        "renamed, see below."
    )
    assert [finding.hint for finding in prepared.findings] == ["rename it: `git mv .hublish.yml .hublish.yaml`"]


def test_plan_is_the_build_that_would_be(stage: Stage) -> None:
    """Tags and hubs as a build would have them; no check run is opened and no build claimed."""
    prepared = prepare(stage, PLAN)

    assert (prepared.state, prepared.images, prepared.failure) == (RunState.ANSWERED, (), None)
    assert prepared.reply[0] == "**Plan** for `v1` at 0123456; nothing was built."
    assert prepared.reply[3:] == (
        "  - goes to `registry.example.org/team/ts:v1`, `registry.example.org/team/ts:latest`",
        "- the hub `demo` would get a pull request",
    )


def test_plan_of_what_was_built_says_so(stage: Stage) -> None:
    """A second build of the same plan would be joined."""
    stage.runs.ensure_run(dataclasses.replace(make_run(COMMENT), id="old", key="7:comment:2"))
    built = Preparation(stage.services).run("old", decided=lambda _ref, _titles: None)
    build = stage.builds.claim_build(built.images[0].build_key, at=AT)
    outcome = BuildSucceeded(digest="sha256:" + "a" * 64, size_bytes=1, layers=(), uploaded_bytes=1, packages=())
    stage.builds.finish_build(build.name, outcome, at=AT)

    reply = prepare(stage, dataclasses.replace(PLAN, ref="main")).reply

    assert reply[-1] == "  - was built before: nothing would be built again"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"ref": "v9"}, "SourceMissing: there is no ref v9 in octo/ts"),
        ({"ref": "7", "ref_kind": RefKind.PULL_REQUEST}, "ForkWaits: Pull request 7 comes from a fork;"),
        ({"images": ("gpu",)}, "ImageUnknown: .hublish.yaml on the default branch names no image gpu; it names ts."),
    ],
)
def test_plan_that_cannot_be_is_answered_with_what_stands_in_the_way(
    stage: Stage, changes: dict[str, object], line: str
) -> None:
    """A question is answered, whatever the answer; nothing failed by it."""
    prepared = prepare(stage, dataclasses.replace(PLAN, **changes))

    assert prepared.state is RunState.ANSWERED
    assert prepared.reply[2].startswith(line)


def test_plan_waits_while_a_server_is_away(stage: Stage) -> None:
    """What may pass is tried again, not answered."""
    stage.reader.errors["resolve_ref"] = GitHubFailed("away", transient=True)

    with pytest.raises(GitHubFailed):
        prepare(stage, PLAN)


def test_answered_run_is_said_once_and_has_no_check_run(stage: Stage) -> None:
    """Said again after a crash it is the same comment, and the run has ended."""
    stage.receive(HELP)
    stage.runs.move_run(RUN_ID, RunState.PLANNING, at=AT)
    answering = Answering(stage.services)
    answer = dataclasses.replace(make_answer(RunState.ANSWERED, sha=SHA), reply=("hello",))
    for _ in range(2):
        answering.check(RUN_ID, answer, ())
        answering.answer(RUN_ID, answer)
        answering.tidy(RUN_ID, answer)
        end_run(stage.services, RUN_ID, answer)
    run = stage.runs.read_run(RUN_ID)

    assert list(stage.conversation.comments.values()) == [
        "hello\n\n[Steps and log](https://hublish.example.com/runs/r1)\n\n<!-- hublish:answer:r1 -->"
    ]
    assert stage.conversation.checks == {}
    assert run is not None
    assert (run.state, run.state.ended) == (RunState.ANSWERED, True)


def test_some_images_of_a_tag_change_no_hub(stage: Stage) -> None:
    """A pull request holds all images of a release, so that a part of them must not replace it."""
    trigger = dataclasses.replace(COMMENT, ref="v1", images=("ts",), force=True)
    stage.receive(trigger)
    prepared = Preparation(stage.services).run(RUN_ID, decided=lambda _ref, _titles: None)

    assert (prepared.hubs, prepared.notes) == ((), ("No hub is changed: only all images together go the whole way.",))
    assert [image.force for image in prepared.images] == [True]


def test_listed_bot_is_not_asked_about_at_github(stage: Stage) -> None:
    """The operator's list is its permission; a bot taken off the list since is skipped."""
    bot = dataclasses.replace(HELP, actor="Renovate[bot]", actor_is_bot=True)
    listed = dataclasses.replace(stage.services.policy, bots=frozenset({"renovate[bot]"}))
    stage.receive(bot)
    answered = Preparation(dataclasses.replace(stage.services, policy=listed)).run(RUN_ID, decided=lambda *_: None)
    skipped = Preparation(stage.services).run(RUN_ID, decided=lambda *_: None)

    assert (answered.state, skipped.state) == (RunState.ANSWERED, RunState.SKIPPED)
    assert stage.reader.calls == []
