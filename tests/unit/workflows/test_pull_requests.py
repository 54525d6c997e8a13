"""Builds of pull requests: what is built, what is pushed, what a newer push or the end of the pull request stops."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from hublish.core.building import BuildRequest, BuildSucceeded
from hublish.core.cancels import Cancel
from hublish.core.codec import parse_value, render_value
from hublish.core.github.commands import CommandName
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.plan import Trust
from hublish.core.records import Run
from hublish.core.reference import parse_reference
from hublish.core.repository import Permission, RefKind, ResolvedRef
from hublish.core.status import RunState
from hublish.errors import RunCancelled
from hublish.workflows.answer import Answering
from hublish.workflows.build import claim_image_build
from hublish.workflows.cancelling import Cancelling
from hublish.workflows.ending import make_answer, with_images
from hublish.workflows.inbox import is_new_attempt, is_stopping
from hublish.workflows.prepare import Preparation
from hublish.workflows.prepared import Prepared
from hublish.workflows.publish import publish_image
from hublish.workflows.repeating import complete_trigger
from tests.unit.workflows.parts import AT, COMMENT, CONFIG, NAME, RUN_ID, SHA, Stage, make_run, make_source

OLD = "a" * 40
WANTED = CONFIG + "triggers: {pull_request: true, pull_request_tag: true}\n"
OPENED = dataclasses.replace(
    COMMENT, kind=TriggerKind.PULL_REQUEST, ref="8", ref_kind=RefKind.PULL_REQUEST, sha=SHA, pull_request_number=8,
    thread=Thread(kind="issue", number=8), semantic_key=f"pull-request:8:{SHA}",
)  # fmt: skip
CLOSED = dataclasses.replace(OPENED, sha=None, command=CommandName.CANCEL)
FORK = dataclasses.replace(OPENED, ref="7", pull_request_number=7, thread=Thread(kind="issue", number=7))
APPROVAL = dataclasses.replace(
    COMMENT, ref="7", ref_kind=RefKind.PULL_REQUEST, command=CommandName.OK_TO_BUILD, approved_sha=SHA
)


@pytest.fixture
def asking(stage: Stage) -> Stage:
    """A repository whose config wants pull requests built, and tagged."""
    stage.reader.files["octo/ts", ".hublish.yaml"] = WANTED.encode()
    stage.checkouts.sources["octo/ts"] = make_source(WANTED)
    return stage


def allow_tags(stage: Stage) -> None:
    stage.services = dataclasses.replace(
        stage.services, policy=dataclasses.replace(stage.services.policy, pull_request_tags=True)
    )


def prepare(stage: Stage, trigger: Trigger) -> Prepared:
    stage.receive(trigger)
    return Preparation(stage.services).run(RUN_ID, decided=lambda _ref, _titles: None)


def read_request(stage: Stage, prepared: Prepared) -> BuildRequest:
    text = stage.builds.read_request(prepared.images[0].build_key)
    assert text is not None
    return parse_value(BuildRequest, text)


def add_run(stage: Stage, name: str, trigger: Trigger, *, sha: str | None = None) -> None:
    """A run at work beside the one of the test."""
    run = dataclasses.replace(make_run(trigger), id=name, key=f"7:{name}", trigger=render_value(trigger))
    stage.runs.ensure_run(run)
    stage.runs.move_run(name, RunState.PLANNING, at=AT)
    stage.runs.move_run(name, RunState.BUILDING, at=AT, sha=sha)


def close(stage: Stage) -> None:
    stage.reader.refs["8"] = dataclasses.replace(stage.reader.refs["8"], closed=True)


def list_stopped(stage: Stage) -> list[str]:
    return [cancel.run_id for cancel in stage.services.cancels.list_cancels(RUN_ID)]


@pytest.mark.parametrize(("trigger", "trust"), [(OPENED, Trust.PULL_REQUEST), (APPROVAL, Trust.FORK)])
def test_pull_request_is_built_without_a_place_to_push_to(asking: Stage, trigger: Trigger, trust: Trust) -> None:
    """Its plan names none, so that it shares no build with a release; of a fork not even the operator's word changes that."""
    if trust is Trust.FORK:
        allow_tags(asking)
    prepared = prepare(asking, trigger)
    request = read_request(asking, prepared)
    (image,) = prepared.images

    assert (prepared.state, prepared.titles, prepared.hubs) == (RunState.BUILDING, ("ts",), ())
    assert (image.pushed, image.fixed_tags, image.delivered_tags) == (False, (), ("{release}", "latest"))
    assert (request.target, request.plan.target_repository, request.plan.trust) == (None, "", trust)
    assert request.siblings == (parse_reference(NAME),)


def test_forks_config_has_no_say_in_where_an_image_goes(asking: Stage) -> None:
    """Names, hubs and triggers are those of the default branch, whatever the fork's own file says."""
    evil = WANTED.replace("registry.example.org/team/ts", "evil.example.com/team/ts").replace("latest", "latest, evil")
    asking.checkouts.sources["octo/ts"] = make_source(evil)
    prepared = prepare(asking, APPROVAL)

    assert [(image.name, image.pushed) for image in prepared.images] == [(NAME, False)]
    assert "evil.example.com" not in render_value(read_request(asking, prepared))


def test_head_that_moved_after_the_word_is_not_built(asking: Stage) -> None:
    """The word is bound to its commit; nothing of the new one is fetched."""
    asking.reader.refs["7"] = ResolvedRef(name="7", kind=RefKind.PULL_REQUEST, sha=OLD, fork=True)
    asking.checkouts.sources.clear()
    prepared = prepare(asking, APPROVAL)

    assert prepared.state is RunState.DENIED
    assert prepared.failure is not None
    assert prepared.failure.code == "ApprovalStale"
    assert OLD in prepared.failure.message


def test_beginning_of_a_sha_is_not_enough(asking: Stage) -> None:
    """However many runs a stranger put before the one that brought the commit that was looked at."""
    asking.checkouts.sources.clear()
    prepared = prepare(asking, dataclasses.replace(APPROVAL, approved_sha=SHA[:39]))

    assert prepared.state is RunState.DENIED
    assert prepared.failure is not None
    assert prepared.failure.code == "ApprovalShort"
    assert f"/ok-to-build {SHA}" in prepared.failure.hint


def test_stranger_cannot_approve(asking: Stage) -> None:
    """Not even the pull request is looked up for the fork's author."""
    asking.reader.permissions["octocat"] = Permission.READ
    prepared = prepare(asking, APPROVAL)

    assert prepared.failure is not None
    assert prepared.failure.code == "PermissionMissing"
    assert "resolve_ref" not in asking.reader.calls


def test_waiting_fork_is_shown_as_a_check_and_not_said(asking: Stage) -> None:
    """Every image has a check run on the head that wants an action; the thread stays silent."""
    prepared = prepare(asking, FORK)
    answer = make_answer(asking.services, RUN_ID, prepared, "7")
    Answering(asking.services).check(RUN_ID, answer, prepared.titles)
    Answering(asking.services).answer(RUN_ID, answer)
    (check,) = asking.conversation.checks.values()

    assert (check.name, check.sha, check.conclusion) == ("hublish / ts", SHA, "action_required")
    assert check.title == "Not started: ForkWaits"
    assert f"/ok-to-build {SHA}" in check.summary
    assert asking.conversation.comments == {}


def test_refused_request_leaves_the_checks_of_a_pull_request_alone(asking: Stage) -> None:
    """What is wrong with a comment stands in its answer, not on the head that waits."""
    prepared = prepare(asking, dataclasses.replace(APPROVAL, approved_sha="fffffff"))
    Answering(asking.services).check(RUN_ID, make_answer(asking.services, RUN_ID, prepared, "7"), prepared.titles)

    assert asking.conversation.checks == {}


def succeed(stage: Stage, prepared: Prepared) -> str:
    """Let the build of the one image succeed; its name."""
    (image,) = prepared.images
    build = claim_image_build(stage.services, image, run_id=RUN_ID)
    outcome = BuildSucceeded(digest="sha256:" + "d" * 64, size_bytes=3 << 20, layers=(), uploaded_bytes=0, packages=())
    stage.builds.finish_build(build.name, outcome, at=AT)
    return build.name


def test_check_of_a_tried_build_says_what_a_release_would_deliver(asking: Stage) -> None:
    """Nothing is pushed, tagged, claimed or asked of the registry; the same build is joined by whoever asks again."""
    prepared = prepare(asking, OPENED)
    name = succeed(asking, prepared)
    (image,) = prepared.images
    run, ref = asking.runs.read_run(RUN_ID), prepared.ref
    assert run is not None
    assert ref is not None
    delivered = publish_image(asking.services, run, ref, image, build=name)
    answer = with_images(make_answer(asking.services, RUN_ID, prepared, "8"), (delivered,))
    Answering(asking.services).check(RUN_ID, answer, prepared.titles)
    (check,) = asking.conversation.checks.values()
    expected = (
        "**Built:** pull request 8 at 0123456\n\n| | |\n| --- | --- |\n"
        "| image | nothing was pushed: the build was only tried |\n"
        f"| digest | `sha256:{'d' * 64}` |\n"
        f"| a release delivers it as | `{NAME}:{{release}}`, `{NAME}:latest` |\n"
        "| size | 3.1 MB in 0 layers |\n| time | 0.0 s |\n"
        "| smoke test | not started in a hub: this version of hublish has no smoke test |\n\n"
        "No hub is changed: only a tag goes the whole way."
    )

    assert check.summary == expected
    assert (check.conclusion, check.title) == ("success", "Built: pull request 8 (sha256:dddddddddddd)")
    assert asking.images.pushed == []
    assert asking.image_records.find_owner(NAME) is None
    assert claim_image_build(asking.services, image, run_id="another").name == name


def test_pull_request_gets_its_tag_where_config_and_operator_allow_it(asking: Stage) -> None:
    """Under its number, beside the build's own tag."""
    allow_tags(asking)
    prepared = prepare(asking, OPENED)
    (image,) = prepared.images

    assert (image.pushed, image.fixed_tags, image.floating_tags) == (True, ("pr-8",), ())
    assert str(read_request(asking, prepared).target) == f"{NAME}:build-{image.build_key}"


def build_tagged(stage: Stage) -> tuple[Run, Prepared, str]:
    """Let a pull request that gets a tag be built well: its run, what was prepared, the name of the build."""
    allow_tags(stage)
    prepared = prepare(stage, OPENED)
    digest = stage.images.add_image(parse_reference(f"{NAME}:x"), [b"layer"])
    build = claim_image_build(stage.services, prepared.images[0], run_id=RUN_ID)
    outcome = BuildSucceeded(digest=digest, size_bytes=1, layers=(), uploaded_bytes=0, packages=())
    stage.builds.finish_build(build.name, outcome, at=AT)
    run = stage.runs.read_run(RUN_ID)
    assert run is not None
    return run, prepared, build.name


@pytest.mark.parametrize(
    ("tag_exists", "delivered", "tags"),
    [(False, ("latest",), ("pr-8",)), (True, ("latest",), ()), (False, ("pr-8",), ())],
)
def test_pull_request_never_takes_the_tag_of_a_release(
    asking: Stage, *, tag_exists: bool, delivered: tuple[str, ...], tags: tuple[str, ...]
) -> None:
    """Whoever may open a pull request must not replace a release's image by a tag of the same name."""
    run, prepared, build = build_tagged(asking)
    (image,), ref = prepared.images, prepared.ref
    assert ref is not None
    if tag_exists:
        asking.reader.refs["pr-8"] = ResolvedRef(name="pr-8", kind=RefKind.TAG, sha=SHA)
    image = dataclasses.replace(image, delivered_tags=delivered)
    published = publish_image(asking.services, run, ref, image, build=build)

    assert published.tags == tags
    assert published.kept_tags == (() if tags else (("pr-8", "a release of the repository has this tag"),))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sha": OLD}, f"pull request 8 was at {SHA} when the build began and is at {OLD} now"),
        ({"closed": True}, "pull request 8 is closed"),
    ],
)
def test_tag_of_a_pull_request_never_goes_back_to_an_older_head(
    asking: Stage, changes: dict[str, Any], reason: str
) -> None:
    """A build that ends after a newer push, or after the end of the pull request, leaves the tag where it is."""
    run, prepared, build = build_tagged(asking)
    (image,), ref = prepared.images, prepared.ref
    assert ref is not None
    asking.reader.refs["8"] = dataclasses.replace(ref, **changes)
    published = publish_image(asking.services, run, ref, image, build=build)

    assert (published.tags, published.kept_tags) == ((), (("pr-8", reason),))
    assert asking.images.fetch_manifest(parse_reference(f"{NAME}:pr-8")) is None


def test_newer_push_stops_what_is_built_for_older_ones(asking: Stage) -> None:
    """Commands that already mean an older head too; other pull requests, other refs and the head itself go on."""
    by_hand = dataclasses.replace(COMMENT, ref="8", ref_kind=RefKind.PULL_REQUEST)
    add_run(asking, "old", dataclasses.replace(OPENED, sha=OLD))
    add_run(asking, "old by hand", by_hand, sha=OLD)
    add_run(asking, "not resolved", by_hand)
    add_run(asking, "same head", by_hand, sha=SHA)
    add_run(asking, "other pull request", dataclasses.replace(FORK, sha=OLD))
    add_run(asking, "branch", dataclasses.replace(COMMENT, ref="8"), sha=OLD)
    prepare(asking, OPENED)

    assert sorted(list_stopped(asking)) == ["old", "old by hand"]
    with pytest.raises(RunCancelled, match=r"A newer push, 0123456, takes the place of this one."):
        Cancelling(asking.services).verify_wanted("old")


@pytest.mark.parametrize("config", [CONFIG, "version: 9\n"])
def test_push_that_builds_nothing_stops_nothing(stage: Stage, config: str) -> None:
    """What a person asked for by hand goes on where the config wants no pull requests built: nothing takes its place."""
    stage.reader.files["octo/ts", ".hublish.yaml"] = config.encode()
    add_run(stage, "by hand", dataclasses.replace(COMMENT, ref="8", ref_kind=RefKind.PULL_REQUEST), sha=OLD)
    prepared = prepare(stage, OPENED)

    assert prepared.state is RunState.SKIPPED
    assert list_stopped(stage) == []


def test_newer_push_of_a_fork_stops_what_is_built_for_older_ones(asking: Stage) -> None:
    """Although it waits itself: the older commit is the head no more."""
    add_run(asking, "approved", dataclasses.replace(APPROVAL, approved_sha=OLD), sha=OLD)
    prepared = prepare(asking, FORK)

    assert prepared.state is RunState.DENIED
    assert list_stopped(asking) == ["approved"]


def test_late_delivery_of_an_older_push_stops_nothing(asking: Stage) -> None:
    """Only the run of the head as GitHub has it now stops others, in whatever order twenty deliveries come."""
    add_run(asking, "head", OPENED)
    prepared = prepare(asking, dataclasses.replace(OPENED, sha=OLD))

    assert prepared.state is RunState.SKIPPED
    assert list_stopped(asking) == []


def test_closed_pull_request_stops_its_builds_and_says_why(asking: Stage) -> None:
    """Nobody is told in the thread; the builds' own checks say it."""
    add_run(asking, "mine", OPENED)
    add_run(asking, "by hand", dataclasses.replace(COMMENT, ref="8", ref_kind=RefKind.PULL_REQUEST))
    add_run(asking, "other", FORK)
    add_run(asking, "tag", dataclasses.replace(COMMENT, ref="8", ref_kind=RefKind.TAG))
    close(asking)
    prepared = prepare(asking, CLOSED)
    Answering(asking.services).answer(RUN_ID, make_answer(asking.services, RUN_ID, prepared, "8"))

    assert sorted(list_stopped(asking)) == ["by hand", "mine"]
    assert asking.conversation.comments == {}
    with pytest.raises(RunCancelled, match=r"The pull request was closed."):
        Cancelling(asking.services).verify_wanted("mine")


def test_late_word_of_a_closing_stops_nothing_of_an_open_pull_request(asking: Stage) -> None:
    """It was opened again since: whoever closes and opens it wants its head built, in whatever order deliveries come."""
    add_run(asking, "mine", OPENED)
    prepared = prepare(asking, CLOSED)

    assert (prepared.state, list_stopped(asking)) == (RunState.SKIPPED, [])


def test_pull_request_that_is_gone_stops_its_builds(asking: Stage) -> None:
    """What GitHub knows no more is open no more."""
    add_run(asking, "mine", OPENED)
    del asking.reader.refs["8"]
    prepare(asking, CLOSED)

    assert list_stopped(asking) == ["mine"]


def test_cancel_whose_command_is_gone_names_the_person(asking: Stage) -> None:
    """What is remembered of it is enough."""
    add_run(asking, "mine", OPENED)
    asking.services.cancels.request_cancel(Cancel(run_id="mine", by="gone", actor="octocat"), at=AT)

    with pytest.raises(RunCancelled, match=r"octocat cancelled this."):
        Cancelling(asking.services).verify_wanted("mine")


@pytest.mark.parametrize("state", list(RunState))
@pytest.mark.parametrize("again", [True, False])
def test_head_that_comes_back_is_built_after_all(state: RunState, *, again: bool) -> None:
    """After a forced push back, or when it is opened again; a redelivery repeats failures only."""
    latest: Run = dataclasses.replace(make_run(OPENED), state=state)
    expected = state.may_retry if again else state in (RunState.CANCELLED, RunState.SKIPPED)

    assert is_new_attempt(latest, OPENED, again=again, arrived_at=AT) is expected


@pytest.mark.parametrize("state", [state for state in RunState if not state.ended])
def test_head_that_comes_back_does_not_join_the_run_that_is_being_stopped(asking: Stage, state: RunState) -> None:
    """Closed and opened again at once: the build that was stopped would be the last word on an open pull request."""
    add_run(asking, "mine", OPENED)
    latest = asking.runs.read_run("mine")
    assert latest is not None
    before = is_stopping(asking.services, latest, OPENED)
    asking.services.cancels.request_cancel(Cancel(run_id="mine", by=RUN_ID, actor="octocat"), at=AT)
    stopping = is_stopping(asking.services, latest, OPENED)
    latest = dataclasses.replace(latest, state=state)

    assert (before, stopping) == (False, True)
    assert not is_new_attempt(latest, OPENED, again=False, arrived_at=AT, stopping=before)
    assert is_new_attempt(latest, OPENED, again=False, arrived_at=AT, stopping=stopping)


@pytest.mark.parametrize(("sha", "approved"), [(SHA, SHA), (None, "")])
def test_retry_takes_over_the_word_for_the_commit_that_was_built(asking: Stage, sha: str | None, approved: str) -> None:
    """Where the run never got so far, nobody knows whether the word was one: it has to be given anew."""
    add_run(asking, "failed", APPROVAL, sha=sha)
    asking.runs.move_run("failed", RunState.FAILED, at=AT, message="x")
    again = dataclasses.replace(COMMENT, command=CommandName.RETRY, ref=None)
    retried = complete_trigger(asking.runs, again)

    assert (retried.ref, retried.approved_sha) == ("7", approved)
