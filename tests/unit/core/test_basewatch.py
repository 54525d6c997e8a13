"""Bases that move: what is followed, which release counts, and that one move is one trigger."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.basewatch import (
    Release,
    choose_release,
    list_followed,
    list_pinned,
    make_proposal,
    make_rebuild,
)
from hublish.core.config.file import parse_config
from hublish.core.container import BasePin, ContainerPlan
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.reference import Reference, parse_reference
from hublish.core.repository import RefKind
from tests.unit.cli.fakes import make_plan
from tests.unit.workflows.parts import RELEASE, REPOSITORY

OLD, NEW, NEWER = ("sha256:" + letter * 64 for letter in "abc")
TAG = "registry.example.org/base/python:3.11"
BASE = parse_reference(f"{TAG}@{OLD}")
OTHER = parse_reference(f"registry.example.org/base/r:4@{OLD}")


def make_release(*refs: str, prerelease: bool = False) -> list[Trigger]:
    return [dataclasses.replace(RELEASE, ref=ref, prerelease=prerelease) for ref in refs]


def test_base_named_by_a_tag_is_followed() -> None:
    """With the digest that it led to."""
    assert list_followed(make_plan(base=BASE)) == (BASE,)


@pytest.mark.parametrize("base", [None, dataclasses.replace(BASE, tag=None), dataclasses.replace(BASE, digest=None)])
def test_base_without_tag_or_digest_never_moves(base: Reference | None) -> None:
    """Nor does one that the service made itself."""
    assert list_followed(make_plan(base=base)) == ()


def test_bases_of_a_dockerfile_are_followed_as_it_names_them() -> None:
    """Each once; short names are Docker Hub's, and what is no name or leads to another image is passed over."""
    hub = Reference(registry="docker.io", repository="library/python", digest=OLD)
    pins = (
        BasePin(name=TAG, image=BASE.with_digest(OLD)),
        BasePin(name=TAG, image=BASE.with_digest(OLD)),
        BasePin(name="python:3.11", image=hub),
        BasePin(name="python", image=hub),
        BasePin(name="Not a name", image=hub),
        BasePin(name="registry.example.org/other:1", image=hub),
    )
    plan = make_plan(base=None, container=ContainerPlan(dockerfile_text="", context=".", bases=pins))

    assert list_followed(plan) == (BASE, dataclasses.replace(hub, tag="3.11"))


def test_moved_bases_are_those_that_stand_elsewhere_now() -> None:
    """What is not known now, or stands where it was, did not move."""
    release = Release(trigger=RELEASE, bases=(BASE, OTHER))

    assert release.find_moved({TAG: NEW}) == (dataclasses.replace(BASE, digest=NEW),)
    assert release.find_moved({TAG: OLD}) == ()
    assert release.find_moved({}) == ()


def test_image_that_was_built_on_both_has_not_moved() -> None:
    """Two images of one release, built before and after the move: the newer digest is one of the release's own."""
    newer = dataclasses.replace(BASE, digest=NEW)
    release = Release(trigger=RELEASE, bases=(BASE, newer))

    assert release.find_moved({TAG: NEW}) == ()


@pytest.mark.parametrize(
    ("delivered", "expected"),
    [
        ((), None),
        (("v1.0",), "v1.0"),
        (("v1.9", "v1.10", "v1.2"), "v1.10"),
        (("nightly", "v1.0"), "nightly"),
        (("v1.0", "nightly"), "v1.0"),
        (("v2.0rc1", "v1.0"), "v1.0"),
        (("v2.0rc2", "v2.0rc1"), "v2.0rc2"),
    ],
)
def test_highest_release_counts(delivered: tuple[str, ...], expected: str | None) -> None:
    """An older one that was built again last does not; pre-releases only where there is nothing else."""
    chosen = choose_release(make_release(*delivered))

    assert (None if chosen is None else chosen.ref) == expected


def test_release_marked_as_prerelease_does_not_count() -> None:
    """Whatever its tag looks like."""
    delivered = [*make_release("v3.0", prerelease=True), *make_release("v2.0")]

    assert choose_release(delivered) == make_release("v2.0")[0]


def test_rebuild_is_the_release_on_the_new_base() -> None:
    """One trigger for one digest, in whatever order several moved."""
    release = Release(trigger=make_release("v1.0", prerelease=True)[0], bases=(BASE, OTHER))
    one, two = dataclasses.replace(BASE, digest=NEW), dataclasses.replace(OTHER, digest=NEWER)
    expected = Trigger(
        kind=TriggerKind.SCHEDULE, repository=REPOSITORY, actor="schedule", actor_is_bot=True,
        semantic_key=f"schedule:{NEW}", ref="v1.0", ref_kind=RefKind.TAG, thread=Thread(kind="release", number=0), url="",
        prerelease=True,
    )  # fmt: skip
    keys = {make_rebuild(release, REPOSITORY, moved).semantic_key for moved in ((one, two), (two, one))}

    assert make_rebuild(release, REPOSITORY, (one,)) == expected
    assert (len(keys), keys & {f"schedule:{NEW}", f"schedule:{NEWER}"}) == (1, set())


def test_proposal_builds_nothing() -> None:
    """It is about the default branch, and another trigger than the rebuild on the same digest."""
    trigger = make_proposal(REPOSITORY, (dataclasses.replace(BASE, digest=NEW),))

    assert (trigger.semantic_key, trigger.ref, trigger.ref_kind) == (f"schedule-pin:{NEW}", "main", RefKind.BRANCH)
    assert (trigger.command, trigger.builds, trigger.only_checks) == (None, False, False)


def test_pinned_bases_of_a_config_are_those_with_tag_and_digest() -> None:
    """Of the file and of each image; a tag alone moves by itself, a digest alone never."""
    body = f"""\
version: 1
base: {BASE}
images:
  - {{name: registry.example.org/team/a, base: "{OTHER}"}}
  - {{name: registry.example.org/team/b, base: "registry.example.org/base/c:1"}}
  - {{name: registry.example.org/team/c, base: "registry.example.org/base/d@{OLD}"}}
"""
    config = parse_config(body.encode(), path=".hublish.yaml").config

    assert config is not None
    assert list_pinned(config) == {TAG, "registry.example.org/base/r:4"}
