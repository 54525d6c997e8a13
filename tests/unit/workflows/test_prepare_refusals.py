"""What is refused while a run is prepared, and what is tried again: names of others, faults, what is missing or away."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import cast

import pytest

from hublish.core.answers.report import Failure
from hublish.core.plan import Strategy
from hublish.core.ports import Engine
from hublish.core.reference import parse_reference
from hublish.core.status import RunState
from hublish.errors import GitHubFailed, SourceMissing
from hublish.workflows.asked import KNOWN_AFTER
from hublish.workflows.prepared import Prepared
from tests.fakes import TINY_BASE, FakeSource, make_tar
from tests.unit.builders.samples import BASE
from tests.unit.workflows.parts import (
    AT,
    CONFIG,
    NAME,
    SHA,
    TAG,
    Stage,
    make_source,
)
from tests.unit.workflows.prepare_parts import prepare, use_config

FORBIDDEN = CONFIG.replace("/team/", "/other/")


def test_registry_namespace_of_others_is_refused(stage: Stage) -> None:
    """What the operator does not allow the owner is not planned, let alone built."""
    use_config(stage, FORBIDDEN)
    prepared = prepare(stage)
    expected = Failure(
        code="NotAllowed",
        message=("octo may not push to registry.example.org/other/ts; allowed for octo: registry.example.org/team/…"),
        hint="use an image name that is allowed, or ask the operator of this service",
    )

    assert (prepared.state, prepared.failure, prepared.images) == (RunState.FAILED, expected, ())


@pytest.mark.parametrize("pinned", [False, True])
def test_base_in_the_namespace_of_another_owner_is_refused(stage: Stage, pinned: bool) -> None:
    """Its layers would be copied into the owner's image, by the login of the service; also where its facts are known."""
    private = parse_reference("registry.example.org/secret/base:1")
    digest = stage.images.add_image(private, [make_tar(TINY_BASE)])
    named = f"{private.name}@{digest}" if pinned else str(private)
    use_config(stage, CONFIG, f"{CONFIG}base: {named}\n")
    namespaces = {"registry.example.org": {"octo": ("team",), "other": ("secret",)}}
    policy = dataclasses.replace(stage.services.policy, namespaces=namespaces)
    stage.services = dataclasses.replace(stage.services, policy=policy)
    prepared = prepare(stage)
    expected = Failure(
        code="NotAllowed",
        message="octo may not build on registry.example.org/secret/base, which is in the namespace of another owner",
        hint="name another base, or ask the operator to list it under `bases`",
    )

    assert (prepared.state, prepared.failure, prepared.images) == (RunState.FAILED, expected, ())
    stage.services = dataclasses.replace(
        stage.services, policy=dataclasses.replace(policy, bases={"3.11": BASE, "3.12": private})
    )
    assert prepare(stage).state is RunState.BUILDING


def test_image_of_another_repository_is_refused_before_it_is_built(stage: Stage) -> None:
    """The first repository that pushed it owns it."""
    stage.image_records.claim_owner(NAME, 99, at=AT)
    prepared = prepare(stage)

    assert prepared.failure is not None
    assert prepared.failure.message.startswith(f"{NAME} belongs to another source repository (id 99)")
    assert prepared.ref == TAG


def test_lock_with_faults_ends_the_run_with_its_findings(stage: Stage) -> None:
    """The cause is the plan's; every fault has its line."""
    files = make_source().bodies
    del files["Pipfile"]
    stage.checkouts.sources["octo/ts"] = FakeSource(files, commit=SHA)
    prepared = prepare(stage)

    assert prepared.state is RunState.FAILED
    assert prepared.failure is not None
    assert prepared.failure.code == "PlanInvalid"
    assert "PipfileMissing" in [finding.code for finding in prepared.findings]


def test_strategy_without_an_engine_names_what_is_missing(stage: Stage) -> None:
    """A Dockerfile is chosen by the files present and cannot be built here."""
    stage.checkouts.sources["octo/ts"] = make_source(files={"Dockerfile": b"FROM scratch\n"})
    expected = Failure(
        code="StrategyUnavailable",
        message=(
            "this repository is built by the strategy dockerfile (The repository holds Dockerfile.), which needs a "
            "container engine (docker, buildah or tekton), and this service has none"
        ),
        hint="the operator sees with `hublish doctor` what is missing; or set `strategy: layered` in the config",
    )

    assert prepare(stage).failure == expected


def test_engine_that_can_build_it_gets_the_plan(stage: Stage) -> None:
    """Another engine's strategies open the same road."""
    stage.checkouts.sources["octo/ts"] = make_source(files={"Dockerfile": b"FROM scratch\n"})
    engine = cast(Engine, SimpleNamespace(strategies=frozenset({Strategy.DOCKERFILE}), verify_plan=lambda _: None))
    stage.services = dataclasses.replace(stage.services, engine=engine)
    prepared = prepare(stage)

    assert prepared.state is RunState.BUILDING
    assert prepared.images[0].line == "`ts`: dockerfile (The repository holds Dockerfile.)"
    assert prepared.images[0].python_version == ""


def test_tag_that_does_not_exist_is_a_failure_without_a_commit(stage: Stage) -> None:
    """The answer says which, once the release is so old that all of GitHub would know its tag."""
    del stage.reader.refs["v1"]
    with pytest.raises(SourceMissing) as early:
        prepare(stage)
    stage.services = dataclasses.replace(stage.services, now=lambda: AT + KNOWN_AFTER)
    prepared = prepare(stage)
    expected = Failure(code="SourceMissing", message="there is no tag v1 in octo/ts", hint="")

    assert early.value.transient
    assert prepared == Prepared(state=RunState.FAILED, failure=expected, ref=None)


@pytest.mark.parametrize("call", ["resolve_ref", "fetch_file"])
def test_what_may_pass_is_raised_to_be_tried_again(stage: Stage, call: str) -> None:
    """GitHub away for a while is no decision."""
    stage.reader.errors[call] = GitHubFailed("502", transient=True)
    with pytest.raises(GitHubFailed):
        prepare(stage)


def test_what_fails_for_a_while_during_the_plan_is_raised_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The source's fetch, the base's registry."""

    def fail(*_: object) -> None:
        raise GitHubFailed("503", transient=True)

    monkeypatch.setattr(stage.checkouts, "fetch_source", fail)
    with pytest.raises(GitHubFailed):
        prepare(stage)
