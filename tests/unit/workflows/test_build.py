"""Builds as runs see them: joined while they are of use, begun anew when they are not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock, call

import pytest

from hublish.adapters.archive import DiskArchive
from hublish.adapters.store import BuildStore, StepStore, ensure_schema, open_database
from hublish.core.building import BuildOutcome, BuildStopped, BuildSucceeded, Step
from hublish.core.codec import render_value
from hublish.core.plan import Strategy
from hublish.core.reference import parse_reference
from hublish.core.repository import RefKind, ResolvedRef
from hublish.workflows.build import (
    BuildWorkflow,
    claim_image_build,
    ensure_target,
    find_siblings,
    join_image_build,
)
from hublish.workflows.prepared import PreparedImage
from hublish.workflows.queue import settle_build
from tests.fakes import FakeImages
from tests.github_fakes import FakeRepositoryMaker
from tests.unit.engines.test_dispatch import ask
from tests.unit.workflows.parts import REPOSITORY

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
IMAGE = PreparedImage(
    title="ts",
    name="registry.example.org/team/ts",
    fixed_tags=("v1",),
    floating_tags=(),
    build_key="k" * 24,
    python_version="3.11",
    resources="",
    line="",
)
NAME = f"build-{'k' * 24}-1"


@pytest.fixture
def services(tmp_path: Path) -> SimpleNamespace:
    """The few ports that builds are claimed and settled with."""
    engine = open_database(f"sqlite:///{tmp_path / 'test.db'}")
    ensure_schema(engine)
    yield SimpleNamespace(builds=BuildStore(engine), steps=StepStore(engine), images=FakeImages(), now=lambda: AT)
    engine.dispose()


def succeed(services: SimpleNamespace) -> str:
    """Record the first build as succeeded; returns the digest of its image, which stands in the registry."""
    digest = services.images.ensure_manifest(
        parse_reference(f"{IMAGE.name}:build-1"), body=b"{}", media_type="application/json"
    )
    claim_image_build(services, IMAGE, run_id="r1")
    outcome = BuildSucceeded(digest=digest, size_bytes=1, layers=(), uploaded_bytes=1, packages=())
    services.builds.finish_build(NAME, outcome, at=AT)
    return digest


def test_succeeded_build_is_joined_while_its_image_stands(services):
    """Nothing is built twice."""
    succeed(services)

    build = claim_image_build(services, IMAGE, run_id="r1")

    assert (build.name, build.attempt) == (NAME, 1)


def test_build_whose_image_is_gone_is_built_anew(services):
    """A registry's clean-up must not leave a release without its image for ever."""
    succeed(services)
    services.images.manifests.clear()

    build = claim_image_build(services, IMAGE, run_id="r1")
    repeated = claim_image_build(services, IMAGE, run_id="r1")

    assert (build.attempt, build.outcome) == (2, None)
    assert repeated == build


def test_build_that_is_wanted_anew_is_built_once(services):
    """A succeeded build is left alone, a running one is joined, and the run that asked gets one new build."""
    succeed(services)
    forced = replace(IMAGE, force=True)

    new = claim_image_build(services, forced, run_id="r1")
    joined = claim_image_build(services, forced, run_id="r2")
    services.steps.ensure_link("r1", new.name, IMAGE.title)
    outcome = services.builds.read_build(NAME).outcome
    services.builds.finish_build(new.name, outcome, at=AT)
    repeated = claim_image_build(services, forced, run_id="r1")
    other = claim_image_build(services, forced, run_id="r3")

    assert (new.attempt, joined.name, repeated.name, other.attempt) == (2, new.name, new.name, 3)


def test_build_without_an_outcome_is_lost_and_not_joined_again(services):
    """A workflow that was given up leaves nothing to join: the next run starts a new attempt."""
    expected = BuildStopped(
        code="BuildLost",
        message=f"{NAME} ended without an outcome",
        hint="Ask again: the build starts anew.",
        step=Step.FETCH,
        transient=True,
    )
    claim_image_build(services, IMAGE, run_id="r1")

    outcome = settle_build(services, NAME)

    assert outcome == expected
    assert services.builds.read_build(NAME).outcome == expected
    assert claim_image_build(services, IMAGE, run_id="r1").attempt == 2


def test_outcome_that_stands_is_kept(services):
    """Settling reads; it never writes over what is known."""
    digest = succeed(services)

    outcome = settle_build(services, NAME)

    assert outcome.digest == digest


def test_newest_request_of_a_key_counts(services):
    """The App may have been installed anew since, and an old installation's id fetches nothing."""
    services.builds.ensure_request("key", "old")
    services.builds.ensure_request("key", "new")

    request = services.builds.read_request("key")

    assert request == "new"


def test_siblings_are_on_the_registry_of_the_target_and_another_repository():
    """What the owner built before, newest first; the target's own index is asked anyway."""
    names = ["registry.example.org/team/b", "registry.example.org/team/ts", "other.example.org/team/c"]
    asked = Mock(return_value=tuple(parse_reference(f"{name}:v1") for name in names))
    target = parse_reference("registry.example.org/team/ts:v2")

    siblings = find_siblings(SimpleNamespace(list_targets=asked), repository=REPOSITORY, target=target)

    assert siblings == (parse_reference("registry.example.org/team/b:v1"),)
    assert asked.call_args_list == [call("octo", owner_id=None, limit=4)]


def test_build_that_is_stopped_while_a_run_joins_it_is_begun_anew(services):
    """A run nobody cancelled never ends with the outcome of somebody else's cancel."""
    stopped = BuildStopped(code="BuildCancelled", message="", hint="", step=Step.FETCH, cancelled=True)
    claim_image_build(services, IMAGE, run_id="r1")
    link = services.steps.ensure_link

    def stop_first(run_id: str, name: str, image: str) -> None:
        services.builds.finish_build(NAME, stopped, at=AT)
        link(run_id, name, image)

    services.steps.ensure_link = stop_first
    build = join_image_build(services, IMAGE, run_id="r2")

    assert (build.attempt, build.outcome) == (2, None)
    assert services.steps.list_links("r2") == ((build.name, IMAGE.title),)


def test_build_that_failed_meanwhile_is_joined_with_its_outcome(services):
    """What went wrong is the answer to this run, too."""
    failed = BuildStopped(code="X", message="", hint="", step=Step.FETCH)
    claim_image_build(services, IMAGE, run_id="r1")
    link = services.steps.ensure_link

    def fail_first(run_id: str, name: str, image: str) -> None:
        services.builds.finish_build(NAME, failed, at=AT)
        link(run_id, name, image)

    services.steps.ensure_link = fail_first
    build = join_image_build(services, IMAGE, run_id="r2")

    assert build.name == NAME
    assert services.builds.read_build(NAME).outcome == failed


def test_stopped_build_is_cancelled_after_a_restart_too(services, tmp_path):
    """The stop may have been recorded a moment before the process died, and the engine's pod runs on."""
    stopped = BuildStopped(code="BuildCancelled", message="", hint="", step=Step.FETCH, cancelled=True)
    services.builds.ensure_request(IMAGE.build_key, render_value(ask(Strategy.LAYERED)))
    claim_image_build(services, IMAGE, run_id="r1")
    services.builds.finish_build(NAME, stopped, at=AT)
    services.engine, services.queue = Mock(), Mock()
    services.engine.status.return_value = None
    services.archive, services.replica = DiskArchive(tmp_path / "logs"), "a"
    # Without the constructor, which registers with a workflow engine that is not there.
    workflow: Any = object.__new__(BuildWorkflow)
    workflow._services = services
    outcome = asyncio.run(workflow._execute(NAME))

    assert outcome == render_value(stopped, BuildOutcome)
    assert services.engine.method_calls == [call.status(NAME), call.cancel(NAME)]


def test_repository_is_made_for_what_is_pushed_only() -> None:
    """Not for a build that goes nowhere, nor for the head of a fork's pull request."""
    maker = FakeRepositoryMaker()
    services: Any = SimpleNamespace(repository_maker=maker)
    request = replace(ask(Strategy.LAYERED), target=parse_reference(IMAGE.name))
    fork = ResolvedRef(name="7", kind=RefKind.PULL_REQUEST, sha="a" * 40, fork=True)
    for wanted in (request, replace(request, target=None), replace(request, ref=fork)):
        ensure_target(services, wanted)
    ensure_target(services, replace(request, ref=replace(fork, fork=False)))

    assert maker.asked == [IMAGE.name, IMAGE.name]
