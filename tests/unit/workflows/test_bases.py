"""Bases of a service's builds: with packages on top they are made once, are the service's own, and nobody else's way in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from hublish.adapters.store.schema import build_requests, image_owners
from hublish.builders.planning.packagecheck import WheelSupply
from hublish.core.building import BuildRequest
from hublish.core.codec import parse_value
from hublish.core.github.commands import CommandName
from hublish.core.plan import Trust
from hublish.core.ports import SystemBaseBuilder
from hublish.core.reference import Reference, parse_reference
from hublish.core.repository import ResolvedRef
from hublish.core.status import RunState
from hublish.errors import BuildFailed, NotAllowed
from hublish.workflows.bases import find_systems, open_supply
from hublish.workflows.prepare import Preparation
from hublish.workflows.prepared import Prepared
from tests.fakes import TINY_BASE, FakeImages, FakeIndex, make_tar
from tests.unit.builders.samples import BASE
from tests.unit.workflows.parts import COMMENT, CONFIG, NAME, RELEASE, RUN_ID, Stage, make_source

APT = CONFIG + "system: {apt: [tree, curl]}\n"
TARGET = parse_reference(NAME)


@dataclass
class Builder:
    """A SystemBaseBuilder that adds one file."""

    images: FakeImages
    asked: list[tuple[Reference, tuple[str, ...], Reference]] = field(default_factory=list)
    error: BuildFailed | None = None

    def build(
        self,
        base: Reference,
        packages: tuple[str, ...],
        *,
        platform: str,
        user: str,
        target: Reference,
        log: Callable[[str], None],
    ) -> str:
        self.asked.append((base, packages, target))
        log("installed: tree 2.1")
        if self.error is not None:
            raise self.error
        added = make_tar({"/usr/bin/tree": f"{len(self.asked)}".encode()})
        return self.images.add_image(target, [make_tar(TINY_BASE), added])


@pytest.fixture
def builder(stage: Stage) -> Builder:
    """A builder that the operator gave to one owner."""
    builder = Builder(stage.images)

    def find(owner: str, trust: Trust) -> SystemBaseBuilder | None:
        return builder if owner == "octo" and trust is not Trust.FORK else None

    stage.services = dataclasses.replace(stage.services, find_system_builder=find)
    stage.reader.files["octo/ts", ".hublish.yaml"] = APT.encode()
    stage.checkouts.sources["octo/ts"] = make_source(APT)
    return builder


def ignore(_ref: ResolvedRef, _titles: tuple[str, ...]) -> None:
    """What is told before planning does not matter here."""


def prepare(stage: Stage) -> Prepared:
    stage.receive()
    return Preparation(stage.services).run(RUN_ID, decided=ignore)


def read_base(stage: Stage, prepared: Prepared) -> Reference:
    text = stage.builds.read_request(prepared.images[0].build_key)
    assert text is not None
    base = parse_value(BuildRequest, text).plan.base
    assert base is not None
    return base


def test_packages_are_installed_once_beside_the_image(stage: Stage, builder: Builder, tmp_path: Path) -> None:
    """The plan is pinned to the base with packages; a second one takes it from the service's database."""
    first, second = prepare(stage), prepare(stage)
    base = read_base(stage, first)
    ((asked, packages, target),) = builder.asked
    logs = "".join(path.read_text() for path in (tmp_path / "logs").rglob("*.chunk"))

    assert read_base(stage, second) == base
    assert (base.registry, base.repository.rpartition("-")[0]) == ("registry.example.org", "team/hublish-base")
    assert base.digest == stage.images.fetch_manifest(target).digest
    assert asked == dataclasses.replace(BASE, tag=None, digest=stage.images.fetch_manifest(BASE).digest)
    assert (packages, target) == (("tree", "curl"), dataclasses.replace(base, digest=None, tag="base"))
    assert "installed: tree 2.1" in logs


def test_base_that_the_registry_lost_is_made_anew(stage: Stage, builder: Builder) -> None:
    """A clean-up costs one more build."""
    base = read_base(stage, prepare(stage))
    del stage.images.manifests[base.name, base.digest]
    again = read_base(stage, prepare(stage))

    assert len(builder.asked) == 2
    assert again.name == base.name
    assert again.digest != base.digest


def test_plan_says_what_would_be_installed_and_touches_nothing(stage: Stage, builder: Builder) -> None:
    """`/plan` neither builds nor claims nor records; a base that is known is used."""
    asking = dataclasses.replace(COMMENT, command=CommandName.PLAN, ref="v1", ref_kind=None)
    stage.receive(asking)
    reply = "\n".join(Preparation(stage.services).run(RUN_ID, decided=ignore).reply)
    with stage.database.connect() as connection:
        claims = connection.execute(sa.select(sa.func.count()).select_from(image_owners)).scalar()
        planned = connection.execute(sa.select(sa.func.count()).select_from(build_requests)).scalar()

    assert "nothing was built" in reply
    assert "; `tree`, `curl` would be installed into the base first\n" in reply
    assert (builder.asked, claims, planned) == ([], 0, 0)


def test_plan_after_a_build_finds_its_base(stage: Stage, builder: Builder) -> None:
    """It names the key that the build has, and installs nothing again."""
    base = read_base(stage, prepare(stage))
    places: list[tuple[str, ...]] = []
    systems = find_systems(stage.services, RELEASE, TARGET, trust=Trust.OWNER, missing=places.append)
    assert systems is not None
    pinned = BASE.with_digest(stage.images.fetch_manifest(BASE).digest)
    found = systems.ensure_base(pinned, ("tree", "curl"), platform="linux/amd64", user="")

    assert systems.can_build()
    assert (found, places, len(builder.asked)) == (base, [], 1)


def test_what_somebody_pushed_there_does_not_count(stage: Stage, builder: Builder) -> None:
    """Only the digest of the service's own database does."""
    base = read_base(stage, prepare(stage))
    stage.images.add_image(dataclasses.replace(base, digest=None, tag="base"), [make_tar({"/evil": b"1"})])

    assert read_base(stage, prepare(stage)) == base


def test_place_of_the_base_belongs_to_the_service(stage: Stage, builder: Builder) -> None:
    """No image may be called so: what is pushed there would be built on by others."""
    base = read_base(stage, prepare(stage))
    config = CONFIG.replace(NAME, base.name)
    stage.reader.files["octo/ts", ".hublish.yaml"] = config.encode()
    stage.checkouts.sources["octo/ts"] = make_source(config)
    prepared = prepare(stage)

    assert stage.image_records.find_owner(base.name) == 0
    assert prepared.failure is not None
    assert prepared.failure.message.startswith(f"{base.name} belongs to ")


def test_image_of_that_name_keeps_the_base_away(stage: Stage, builder: Builder) -> None:
    """Whoever took the name first has it."""
    name = read_base(stage, prepare(stage)).name
    fresh = dataclasses.replace(stage.services, image_records=_Taken(stage, name))
    systems = find_systems(fresh, RELEASE, TARGET, trust=Trust.OWNER)
    assert systems is not None
    base = BASE.with_digest(stage.images.fetch_manifest(BASE).digest)

    with pytest.raises(NotAllowed, match=f"{name} belongs to a source repository"):
        systems.ensure_base(base, ("tree", "curl"), platform="linux/amd64", user="")


class _Taken:
    """ImageRecords of a database in which a repository owns that name."""

    def __init__(self, stage: Stage, name: str) -> None:
        self._records = stage.image_records
        self._name = name

    def claim_owner(self, name: str, repo_id: int, *, at: object) -> int:
        return 7 if name == self._name else repo_id

    def __getattr__(self, name: str) -> object:
        return getattr(self._records, name)


def test_base_of_another_owner_is_not_copied(stage: Stage, builder: Builder) -> None:
    """Packages on top of it would be a way around the namespaces."""
    foreign = Reference(registry="registry.example.org", repository="secret/base", tag="1")
    digest = stage.images.add_image(foreign, [make_tar(TINY_BASE)])
    policy = stage.services.policy
    namespaces = {"registry.example.org": {"octo": ("team",), "else": ("secret",)}}
    stage.services = dataclasses.replace(stage.services, policy=dataclasses.replace(policy, namespaces=namespaces))
    config = APT + f"base: {foreign}\n"
    stage.reader.files["octo/ts", ".hublish.yaml"] = config.encode()
    stage.checkouts.sources["octo/ts"] = make_source(config)
    prepared = prepare(stage)

    assert digest == stage.images.fetch_manifest(foreign).digest
    assert prepared.state is RunState.FAILED
    assert prepared.failure is not None
    assert "is in the namespace of another owner" in prepared.failure.message
    assert builder.asked == []


def test_image_without_a_folder_of_its_own_has_no_place_for_a_base(stage: Stage, builder: Builder) -> None:
    """The operator allowed that image and nothing beside it."""
    policy = stage.services.policy
    namespaces = {"registry.example.org": {"octo": ("team/ts",)}}
    stage.services = dataclasses.replace(stage.services, policy=dataclasses.replace(policy, namespaces=namespaces))
    prepared = prepare(stage)

    assert prepared.failure is not None
    assert prepared.failure.message.startswith(
        "a base with the packages of `system.apt` has no place: octo may not push"
    )
    assert builder.asked == []


def test_image_at_the_top_of_a_registry_has_its_base_there(stage: Stage, builder: Builder) -> None:
    """Where all of it is the owner's."""
    policy = dataclasses.replace(stage.services.policy, namespaces={"registry.example.org": {"octo": ("",)}})
    services = dataclasses.replace(stage.services, policy=policy)
    top = Reference(registry="registry.example.org", repository="ts")
    systems = find_systems(services, RELEASE, top, trust=Trust.OWNER)
    assert systems is not None
    made = systems.ensure_base(
        BASE.with_digest(stage.images.fetch_manifest(BASE).digest), ("tree",), platform="linux/amd64", user=""
    )

    assert systems.can_build()
    assert made.repository.startswith("hublish-base-")


def test_failure_of_apt_is_the_answer(stage: Stage, builder: Builder) -> None:
    """In its words; nothing is remembered."""
    builder.error = BuildFailed("system.apt: nothing cannot be installed: Unable to locate package nothing")
    prepared = prepare(stage)

    assert prepared.failure is not None
    assert prepared.failure.message == builder.error.message
    assert prepared.images == ()


@pytest.mark.parametrize("fork", [True, False])
def test_nobody_whom_no_engine_serves_gets_packages(stage: Stage, builder: Builder, fork: bool) -> None:
    """Of a fork nothing is pushed; another owner is told what an operator can do."""
    trigger = dataclasses.replace(RELEASE, repository=dataclasses.replace(RELEASE.repository, owner="stranger"))
    trust = Trust.FORK if fork else Trust.OWNER

    assert find_systems(stage.services, RELEASE if fork else trigger, TARGET, trust=trust) is None


def test_service_without_an_engine_says_what_can_be_switched_on(stage: Stage, builder: Builder) -> None:
    """A finding on the config's key."""
    stage.services = dataclasses.replace(stage.services, find_system_builder=lambda _owner, _trust: None)
    prepared = prepare(stage)
    (finding,) = (found for found in prepared.findings if found.code == "SystemPackagesUnavailable")

    assert prepared.state is RunState.FAILED
    assert "in a service `docker`, or `buildah` with this owner, in `engines.use`" in finding.hint


@pytest.mark.parametrize(
    ("owner", "can_build", "expected"), [("octo", True, True), ("octo", False, False), ("stranger", True, False)]
)
def test_wheels_are_built_for_those_whom_an_engine_serves(
    stage: Stage, builder: Builder, owner: str, can_build: bool, expected: bool
) -> None:
    """So that a plan never promises what the build refuses."""
    supply = WheelSupply(index=FakeIndex(Path("index")), folder=Path("wheels"), can_build=lambda: can_build)
    services = dataclasses.replace(stage.services, supply=supply)
    opened = open_supply(services, owner, trust=Trust.OWNER)

    assert opened is not None
    assert opened.can_build() is expected
    assert open_supply(stage.services, owner, trust=Trust.OWNER) is None
