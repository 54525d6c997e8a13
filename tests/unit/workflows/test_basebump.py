"""The pull request that bumps a pinned base: one branch, no other byte, nothing that is not allowed."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.basewatch import make_proposal
from hublish.core.github.ports import BranchState
from hublish.core.reference import parse_reference
from hublish.core.status import RunState
from hublish.errors import CatalogInvalid, NotAllowed, PullRequestTaken
from hublish.workflows.basebump import BRANCH, BaseBump, list_base_places
from hublish.workflows.prepare import Preparation
from tests.unit.workflows.parts import REPOSITORY, RUN_ID, Stage

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
TAG = "registry.example.org/base/python:3.11"
TRIGGER = make_proposal(REPOSITORY, (parse_reference(f"{TAG}@{NEW}"),))
CONFIG = f"""\
version: 1   # kept
images:
  - name: registry.example.org/team/a
    base: '{TAG}@{OLD}'  # this, too
  - {{name: registry.example.org/team/b, base: "registry.example.org/base/c:1"}}
base: {TAG}@{OLD}
hubs: [demo]
triggers: {{schedule: true}}
"""


def open_bump(stage: Stage, config: str = CONFIG) -> BaseBump:
    stage.reader.files["octo/ts", ".hublish.yaml"] = config.encode()
    stage.digests.digests[TAG] = NEW
    return BaseBump(stage.services)


def test_every_pinned_base_is_moved_and_no_other_byte(stage: Stage) -> None:
    """Quotes, comments and order stay; one commit, one pull request into the default branch."""
    prepared = open_bump(stage).make(RUN_ID, TRIGGER)
    hub = stage.hub_repository

    assert hub.files == {".hublish.yaml": CONFIG.replace(OLD, NEW).encode()}
    assert hub.pull_request is not None
    assert hub.pull_request[:3] == (BRANCH, "main", "Update base/python:3.11 in .hublish.yaml")
    assert prepared.state is RunState.ANSWERED
    assert prepared.reply[0].startswith("**Proposed:** [pull request #3](")


def test_line_ends_of_another_system_stay(stage: Stage) -> None:
    """As does everything else."""
    config = CONFIG.replace("\n", "\r\n")
    open_bump(stage, config).make(RUN_ID, TRIGGER)

    assert stage.hub_repository.files == {".hublish.yaml": config.replace(OLD, NEW).encode()}


def test_second_time_finds_the_branch(stage: Stage) -> None:
    """A step repeated after a crash, or the next digest: the same branch and pull request."""
    bump = open_bump(stage)
    bump.make(RUN_ID, TRIGGER)
    again = bump.make(RUN_ID, TRIGGER)

    assert again.state is RunState.ANSWERED
    assert stage.hub_repository.state == BranchState(sha="f" * 40, ours=True)


def test_branch_of_a_person_is_left_alone(stage: Stage) -> None:
    """They are told what to do."""
    stage.hub_repository.state = BranchState(sha="a" * 40, ours=False)
    with pytest.raises(PullRequestTaken, match="somebody pushed to hublish/base"):
        open_bump(stage).make(RUN_ID, TRIGGER)

    assert stage.hub_repository.files == {}


def test_base_that_is_current_is_said_to_be(stage: Stage) -> None:
    """Somebody was faster, or the tag is gone; nothing is written."""
    first = open_bump(stage, CONFIG.replace(OLD, NEW)).make(RUN_ID, TRIGGER)
    bump = open_bump(stage)
    stage.digests.digests.clear()
    second = bump.make(RUN_ID, TRIGGER)

    expected = ("**Current already:** the config of `main` pins no base that has moved.",)

    assert (first.reply, second.reply, stage.hub_repository.files) == (expected, expected, {})


@pytest.mark.parametrize("config", [CONFIG.replace("true", "false"), "version: 9\n", None])
def test_config_that_is_off_faulty_or_gone_ends_it_silently(stage: Stage, config: str | None) -> None:
    """It was on when the base was looked at; nobody is asked anything."""
    bump = open_bump(stage, config or "")
    if config is None:
        stage.reader.files.clear()
    prepared = bump.make(RUN_ID, TRIGGER)

    assert prepared.state is RunState.SKIPPED
    assert stage.digests.asked == []


def test_base_of_another_owner_is_not_asked_for(stage: Stage) -> None:
    """Where its tag leads is none of this repository's business."""
    policy = dataclasses.replace(
        stage.services.policy, namespaces={"registry.example.org": {"rival": ("base",), "octo": ("team",)}}, bases={}
    )
    stage.services = dataclasses.replace(stage.services, policy=policy)
    with pytest.raises(NotAllowed):
        open_bump(stage).make(RUN_ID, TRIGGER)

    assert stage.digests.asked == []


def test_base_that_is_not_written_out_is_refused(stage: Stage) -> None:
    """One of its characters is escaped: nothing is guessed at."""
    config = CONFIG.replace(f"base: {TAG}@{OLD}\n", f'base: "{TAG}@sha256:\\x61{"a" * 63}"\n')
    with pytest.raises(CatalogInvalid) as caught:
        open_bump(stage, config).make(RUN_ID, TRIGGER)

    assert caught.value.message == ".hublish.yaml:6: the base is not written out"
    assert stage.hub_repository.files == {}


def test_base_that_is_no_reference_is_passed_over() -> None:
    """As are lists and maps of that name; whoever reads the config says what is wrong with them."""
    text = f"base: [a]\nx: {{base: 'No Name'}}\ny: [{{base: 'a.example/b:1@{OLD}'}}]\n"

    assert [str(base) for _, base in list_base_places(text, path="x")] == [f"a.example/b:1@{OLD}"]


def test_newer_tags_of_a_version_are_proposed(stage: Stage) -> None:
    """With the digest where one is pinned, without where none is; a tag of two numbers stays, and so does all else."""
    one, two = "registry.example.org/base/one", "registry.example.org/base/two"
    config = f"version: 1\nimage: {{name: registry.example.org/team/a}}\ntriggers: {{schedule: true}}\nbase: {two}:1.2.3 # kept\n"
    images = f"version: 1\nimages:\n- {{name: registry.example.org/team/a, base: {one}:1.2.3@{OLD}}}\nbase: {two}:1.2\ntriggers: {{schedule: true}}\n"
    stage.digests.tags = ("1.2.3", "1.2.10", "1.3.0", "1.2.11-slim", "latest")
    stage.digests.digests[f"{one}:1.2.10"] = NEW
    open_bump(stage, config).make(RUN_ID, TRIGGER)
    first = stage.hub_repository.files
    open_bump(stage, images).make(RUN_ID, TRIGGER)
    second = stage.hub_repository.files

    assert first == {".hublish.yaml": config.replace("1.2.3", "1.2.10").encode()}
    assert second == {".hublish.yaml": images.replace(f"1.2.3@{OLD}", f"1.2.10@{NEW}").encode()}


def test_run_of_the_schedule_ends_with_the_pull_request(stage: Stage) -> None:
    """Through the stage that every run goes through; no image is planned."""
    open_bump(stage)
    stage.receive(TRIGGER)
    prepared = Preparation(stage.services).run(RUN_ID, decided=lambda _ref, _titles: None)

    assert (prepared.state, prepared.images) == (RunState.ANSWERED, ())
    assert stage.hub_repository.pull_request is not None
