"""The decision on a run: who, which commit, which config, what exactly."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import cast

import pytest

from hublish.builders.sourcefiles import read_source_file
from hublish.core.answers.report import Failure
from hublish.core.building import BuildRequest
from hublish.core.codec import parse_value
from hublish.core.github.commands import CommandName
from hublish.core.github.trigger import Trigger
from hublish.core.plan import Strategy, Trust
from hublish.core.ports import Engine
from hublish.core.reference import parse_reference
from hublish.core.repository import Permission, RefKind, ResolvedRef
from hublish.core.status import RunState
from hublish.errors import GitHubFailed, NotAllowed
from hublish.workflows.prepare import Preparation
from hublish.workflows.prepared import Prepared, PreparedImage
from tests.fakes import TINY_BASE, FakeSource, make_tar
from tests.unit.builders.samples import BASE
from tests.unit.workflows.parts import (
    AT,
    COMMENT,
    CONFIG,
    HUB,
    ISSUE,
    NAME,
    RELEASE,
    RUN_ID,
    SHA,
    TAG,
    Stage,
    make_source,
)

FORBIDDEN = CONFIG.replace("/team/", "/other/")


def ignore(_ref: ResolvedRef, _titles: tuple[str, ...]) -> None:
    """What is told before planning does not matter here."""


def prepare(stage: Stage, trigger: Trigger = RELEASE) -> Prepared:
    stage.receive(trigger)
    return Preparation(stage.services).run(RUN_ID, decided=ignore)


def use_config(stage: Stage, default: str | None, at_commit: str | None = None, **options: object) -> None:
    """Put a config on the default branch, and the same or another one at the commit."""
    key = ("octo/ts", ".hublish.yaml")
    stage.reader.files.pop(key, None)
    if default is not None:
        stage.reader.files[key] = default.encode()
    stage.checkouts.sources["octo/ts"] = make_source(default if at_commit is None else at_commit, **options)


def read_request(stage: Stage, prepared: Prepared, index: int = 0) -> BuildRequest:
    text = stage.builds.read_request(prepared.images[index].build_key)
    assert text is not None
    return parse_value(BuildRequest, text)


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


def test_release_that_is_switched_off_is_skipped(stage: Stage) -> None:
    """Silently, with the reason in the records."""
    use_config(stage, CONFIG + "triggers: {release: false}\n")
    expected = Failure(code="Skipped", message="`triggers.release` is off in .hublish.yaml", hint="")

    assert prepare(stage) == Prepared(state=RunState.SKIPPED, failure=expected, ref=TAG)


def test_default_branch_without_a_config_is_told_what_to_add(stage: Stage) -> None:
    """One at the commit does not count: names come from the default branch."""
    use_config(stage, None, CONFIG)
    prepared = prepare(stage)

    assert prepared.state is RunState.DENIED
    assert prepared.failure is not None
    assert prepared.failure.code == "ConfigMissing"


def test_faults_of_the_default_branchs_config_are_all_told(stage: Stage) -> None:
    """With their places."""
    use_config(stage, CONFIG + "strategi: layered\nlimits: {time: 5}\n")
    prepared = prepare(stage)

    assert prepared.state is RunState.DENIED
    assert (prepared.findings[0].code, prepared.findings[0].line) == ("UnknownKey", 4)
    assert len(prepared.findings) == 2


def test_faulty_config_at_the_commit_ends_the_run(stage: Stage) -> None:
    """Although the default branch's is good."""
    use_config(stage, CONFIG, CONFIG + "strategi: layered\n")
    prepared = prepare(stage)
    expected = Failure(
        code="ConfigInvalid",
        message="The config file at 0123456 has faults.",
        hint="Correct the places below and publish a new release.",
    )

    assert (prepared.state, prepared.failure, prepared.ref) == (RunState.FAILED, expected, TAG)
    assert [finding.code for finding in prepared.findings] == ["UnknownKey"]


def test_names_hubs_and_triggers_come_from_the_default_branch(stage: Stage) -> None:
    """A branch cannot push to another image or another hub; how the image is made is its own."""
    at_commit = CONFIG.replace("/team/ts", "/other/evil").replace("[demo]", "[evil]").replace("latest", "edge")
    use_config(stage, CONFIG, at_commit + "resources: {gpu: 1}\n")
    prepared = prepare(stage)
    (image,) = prepared.images

    assert (image.name, image.title, prepared.hubs) == (NAME, "ts", ("demo",))
    assert (image.floating_tags, image.resources) == (("edge",), "1 GPU")
    assert str(read_request(stage, prepared).target).startswith(f"{NAME}:build-")


def test_image_of_the_commit_is_told_by_its_title(stage: Stage) -> None:
    """The commit may make more images than the default branch names; those are not pushed."""
    two = f"version: 1\nimages: [{{name: {NAME}, tags: [a]}}, {{name: {NAME}-b, tags: [b]}}]\n"
    use_config(stage, CONFIG, two)
    prepared = prepare(stage)

    assert [(image.name, image.floating_tags) for image in prepared.images] == [(NAME, ("a",))]


def test_each_image_is_planned_from_its_own_lock(stage: Stage) -> None:
    """One run, a build for each image, with the packages of the lock that it names."""
    one, two = (f"{{name: registry.example.org/team/{name}, python: {{lock: {name}/Pipfile.lock}}}}" for name in "ab")
    files = {}
    for name, packages in (("a", {"jupyterhub": "5.0"}), ("b", {"jupyterhub": "5.0", "jupyterlab": "4.0"})):
        source = make_source(None, packages=packages)
        files |= {f"{name}/{path}": read_source_file(source, path) for path in ("Pipfile", "Pipfile.lock")}
    use_config(stage, f"version: 1\nimages: [{one}, {two}]\n", files=files)
    prepared = prepare(stage)
    packages = [len(read_request(stage, prepared, index).plan.packages) for index in (0, 1)]

    assert [image.title for image in prepared.images] == ["a", "b"]
    assert packages[1] == packages[0] + 1


def test_deploy_block_of_the_old_config_is_a_pull_request_to_its_hub(stage: Stage) -> None:
    """The hub whose list is in the repository that the block names, as it stands on the default branch."""
    old = (
        b"build: {registry: registry.example.org, registry-org: team}\ndeploy: {project-org: org, project-name: apps}\n"
    )
    stage.reader.files.clear()
    stage.reader.files["octo/ts", ".aicoe-ci.yaml"] = old
    stage.checkouts.sources["octo/ts"] = make_source(f"version: 1\nimage: {{name: {NAME}}}\n")
    prepared = prepare(stage)

    assert (prepared.state, prepared.hubs) == (RunState.BUILDING, ("demo",))


def test_image_that_cannot_be_planned_is_named_among_several(stage: Stage) -> None:
    """All of them wait for it: the verdict is joint."""
    one, two = "{name: registry.example.org/team/a}", "{name: registry.example.org/team/b, python: {lock: b.txt}}"
    use_config(stage, f"version: 1\nimages: [{one}, {two}]\n")
    prepared = prepare(stage)

    assert prepared.failure is not None
    assert (prepared.state, prepared.images) == (RunState.FAILED, ())
    assert prepared.failure.message == "The image b cannot be built as the repository stands, so none is."


def test_commit_without_a_config_is_built_as_the_default_branch_says(stage: Stage) -> None:
    """An old tag may be older than the config."""
    stage.checkouts.sources["octo/ts"] = make_source(None)

    assert prepare(stage).state is RunState.BUILDING


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
    """The answer says which."""
    del stage.reader.refs["v1"]
    prepared = prepare(stage)
    expected = Failure(code="SourceMissing", message="there is no tag v1 in octo/ts", hint="")

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
