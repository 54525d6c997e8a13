"""The decision on a run: who, which commit, what exactly."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.answers.report import Failure
from hublish.core.github.commands import CommandName
from hublish.core.github.trigger import Trigger
from hublish.core.plan import Trust
from hublish.core.repository import Permission, RefKind, ResolvedRef
from hublish.core.status import RunState
from hublish.errors import NotAllowed
from hublish.workflows.prepare import Preparation
from hublish.workflows.prepared import Prepared, PreparedImage
from tests.unit.builders.samples import BASE
from tests.unit.workflows.parts import (
    COMMENT,
    CONFIG,
    HUB,
    ISSUE,
    NAME,
    RELEASE,
    RUN_ID,
    TAG,
    Stage,
)
from tests.unit.workflows.prepare_parts import ignore, prepare, read_request, use_config


def test_release_is_planned_and_its_build_is_requested(stage: Stage) -> None:
    """Tags, hubs and the build's request follow from config, lock and base; the run is planning."""
    prepared = prepare(stage)
    (image,) = prepared.images
    base = stage.images.fetch_manifest(BASE)
    assert base is not None
    expected = Prepared(
        state=RunState.BUILDING,
        failure=None,
        ref=TAG,
        titles=("ts",),
        images=(
            PreparedImage(
                title="ts",
                name=NAME,
                fixed_tags=("v1",),
                floating_tags=("latest",),
                build_key=image.build_key,
                python_version="3.11",
                resources="",
                line=(
                    f"`ts`: layered, 3 packages on `{BASE.name}:3.11@{base.digest}` "
                    "(There is no Dockerfile, so the image is made from the locked packages.)"
                ),
                lock="Pipfile.lock",
            ),
        ),
        hubs=("demo",),
        findings=prepared.findings,
    )
    request = read_request(stage, prepared)
    run = stage.runs.read_run(RUN_ID)

    assert prepared == expected
    assert not [finding for finding in prepared.findings if finding.severity.value == "error"]
    assert str(request.target) == f"{NAME}:build-{image.build_key}"
    assert (request.name, request.repository, request.ref) == ("", RELEASE.repository, TAG)
    assert request.plan.trust is Trust.OWNER
    assert run is not None
    assert run.state is RunState.PLANNING


def test_preparing_again_after_a_crash_gives_the_same(stage: Stage) -> None:
    """Nothing but the request is written, and it is the same."""
    first = prepare(stage)

    assert Preparation(stage.services).run(RUN_ID, decided=ignore) == first


def test_operators_ceilings_hold_over_the_config(stage: Stage) -> None:
    """A config may ask for less time and size, never for more."""
    use_config(stage, CONFIG + "limits: {time: 6h, size: 900Mi}\n")
    plan = read_request(stage, prepare(stage)).plan

    assert (plan.time_seconds, plan.size_bytes) == (600, 900 << 20)


def test_resources_are_put_in_words(stage: Stage) -> None:
    """For the hub's entry."""
    use_config(stage, CONFIG + "resources: {cpu: 0.5, memory: 8Gi, gpu: 2}\n")

    assert prepare(stage).images[0].resources == "0.5 CPU, 8 GiB memory, 2 GPU"


def test_branch_changes_no_hub_and_says_so(stage: Stage) -> None:
    """It gets one tag of its own."""
    prepared = prepare(stage, COMMENT)

    assert (prepared.images[0].fixed_tags, prepared.images[0].floating_tags) == (("main-0123456",), ())
    assert prepared.hubs == ()
    assert prepared.notes == ("No hub is changed: only a tag goes the whole way.",)


def test_head_of_a_pull_request_is_built_apart(stage: Stage) -> None:
    """Under the build's own tag only, and its caches are kept away from the owner's."""
    trigger = dataclasses.replace(COMMENT, ref="8", ref_kind=RefKind.PULL_REQUEST)
    prepared = prepare(stage, trigger)

    assert (prepared.images[0].fixed_tags, prepared.images[0].floating_tags) == ((), ())
    assert read_request(stage, prepared).plan.trust is Trust.PULL_REQUEST


def test_pull_request_from_a_fork_is_denied_before_its_code_is_read(stage: Stage) -> None:
    """Neither tree nor config is fetched."""
    stage.checkouts.sources.clear()
    prepared = prepare(stage, dataclasses.replace(COMMENT, ref="7", ref_kind=RefKind.PULL_REQUEST))

    assert prepared.state is RunState.DENIED
    assert prepared.failure is not None
    assert prepared.failure.code == "ForkWaits"
    assert stage.reader.calls == ["fetch_permission", "resolve_ref"]


@pytest.mark.parametrize("trigger", [COMMENT, ISSUE])
def test_person_without_write_permission_is_told_only_that(stage: Stage, trigger: Trigger) -> None:
    """Whether the ref exists is not looked up for them."""
    stage.reader.permissions["octocat"] = Permission.READ
    who = "/build needs" if trigger is COMMENT else "Builds need"
    expected = Failure(
        code="PermissionMissing",
        message=f"{who} write permission on octo/ts; the permission of octocat is read.",
        hint="Ask somebody with write permission to do it.",
    )
    prepared = prepare(stage, trigger)

    assert (prepared.state, prepared.failure, prepared.ref) == (RunState.DENIED, expected, None)
    assert "resolve_ref" not in stage.reader.calls


def test_release_needs_no_question_about_permission(stage: Stage) -> None:
    """GitHub asked for write permission already."""
    prepare(stage)

    assert "fetch_permission" not in stage.reader.calls


def test_unknown_run_is_refused(stage: Stage) -> None:
    """Nothing is decided about nothing."""
    with pytest.raises(NotAllowed, match="there is no run r1"):
        Preparation(stage.services).run(RUN_ID, decided=ignore)


def test_decision_is_told_before_the_source_is_read(stage: Stage) -> None:
    """Check runs can stand while the slow part goes on; a plan that fails keeps their titles, so that they are closed."""
    told: list[tuple[ResolvedRef, tuple[str, ...]]] = []
    use_config(stage, CONFIG, packages={})
    stage.receive(RELEASE)
    prepared = Preparation(stage.services).run(RUN_ID, decided=lambda ref, titles: told.append((ref, titles)))

    assert told == [(TAG, ("ts",))]
    assert prepared.state is RunState.FAILED
    assert prepared.titles == ("ts",)


def test_denied_request_is_told_to_nobody_before_its_answer(stage: Stage) -> None:
    """A person who may not build gets no check run opened."""
    told: list[object] = []
    stage.reader.permissions = {"octocat": Permission.READ}
    stage.receive(COMMENT)
    prepared = Preparation(stage.services).run(RUN_ID, decided=lambda *given: told.append(given))

    assert told == []
    assert prepared.titles == ()


@pytest.mark.parametrize(("hub", "hubs"), [("", ("demo", "other")), ("other", ("other",))])
def test_release_is_deployed_to_all_hubs_or_to_one(stage: Stage, hub: str, hubs: tuple[str, ...]) -> None:
    """The same plan as the release had, so that nothing is built; only the hubs differ."""
    use_config(stage, CONFIG.replace("[demo]", "[demo, other]"))
    known = {"demo": HUB, "other": dataclasses.replace(HUB, name="other")}
    stage.services = dataclasses.replace(stage.services, policy=dataclasses.replace(stage.services.policy, hubs=known))
    trigger = dataclasses.replace(COMMENT, command=CommandName.DEPLOY, ref="v1", ref_kind=RefKind.TAG, hub=hub)

    assert prepare(stage, trigger).hubs == hubs


@pytest.mark.parametrize(
    ("words", "titles", "hubs"),
    [
        (((), "small"), ("small",), ("demo", "large")),
        (((), "large"), ("small", "large"), ("large",)),
        ((("large",), "demo"), ("large",), ("demo",)),
    ],
)
def test_image_is_deployed_alone_where_it_is_named(stage: Stage, words, titles, hubs) -> None:
    """To all hubs or to one; a single word that names an image and a hub is the hub."""
    config = "version: 1\nimages: [{name: registry.example.org/team/small}, {name: registry.example.org/team/large}]\n"
    use_config(stage, f"{config}hubs: [demo, large]\n")
    known = {"demo": HUB, "large": dataclasses.replace(HUB, name="large")}
    stage.services = dataclasses.replace(stage.services, policy=dataclasses.replace(stage.services.policy, hubs=known))
    images, hub = words
    trigger = dataclasses.replace(COMMENT, command=CommandName.DEPLOY, ref="v1", ref_kind=RefKind.TAG)
    prepared = prepare(stage, dataclasses.replace(trigger, images=images, hub=hub))

    assert (prepared.failure, prepared.titles, prepared.hubs) == (None, titles, hubs)
    assert tuple(image.title for image in prepared.images) == titles


@pytest.mark.parametrize(
    ("hub", "hubs", "reason"),
    [
        ("moon", "[demo]", "does not name the hub moon; it names demo"),
        ("demo", "[]", "does not name the hub demo; it names none"),
        ("", "[]", "names no hub; it names none"),
    ],
)
def test_release_is_deployed_to_no_hub_that_the_config_does_not_name(
    stage: Stage, hub: str, hubs: str, reason: str
) -> None:
    """A comment opens no way that the default branch does not."""
    use_config(stage, CONFIG.replace("[demo]", hubs))
    trigger = dataclasses.replace(COMMENT, command=CommandName.DEPLOY, ref="v1", ref_kind=RefKind.TAG, hub=hub)
    prepared = prepare(stage, trigger)

    assert prepared.state is RunState.FAILED
    assert prepared.failure == Failure(
        code="NotAllowed",
        message=f".hublish.yaml on the default branch {reason}",
        hint="add the hub to `hubs` there, or name one that stands there",
    )
