"""Bases of a service's builds: with packages on top they are made once, are the service's own, and nobody else's way in."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hublish.adapters.store.schema import build_requests, image_owners
from hublish.builders.planning.packagecheck import WheelSupply
from hublish.core.building import BuildRequest
from hublish.core.cancels import Cancel
from hublish.core.codec import parse_value
from hublish.core.github.commands import CommandName
from hublish.core.plan import Trust
from hublish.core.ports import SystemBaseBuilder
from hublish.core.reference import Reference, parse_reference
from hublish.core.repository import ResolvedRef
from hublish.core.status import RunState
from hublish.errors import BaseAwaited, BuildFailed, DatabaseFailed, NotAllowed, RegistryFailed
from hublish.workflows.bases import find_systems, open_supply
from hublish.workflows.prepare import Preparation
from hublish.workflows.prepared import Prepared
from tests.fakes import TINY_BASE, FakeImages, FakeIndex, make_tar
from tests.unit.builders.samples import BASE
from tests.unit.workflows.baseparts import FedQueue
from tests.unit.workflows.parts import AT, COMMENT, CONFIG, NAME, RELEASE, RUN_ID, Stage, make_source
from tests.unit.workflows.test_pull_requests import OPENED

APT = CONFIG + "system: {apt: [tree, curl]}\n"
TARGET = parse_reference(NAME)


@dataclass
class Builder:
    """A SystemBaseBuilder that adds one file."""

    images: FakeImages
    asked: list[tuple[Reference, tuple[str, ...], Reference]] = field(default_factory=list)
    error: BuildFailed | None = None
    names: list[str] = field(default_factory=list)
    act: Callable[[], None] = lambda: None

    def verify_open(self) -> None:
        """It never stops."""

    def build(
        self,
        base: Reference,
        packages: tuple[str, ...],
        *,
        platform: str,
        user: str,
        target: Reference,
        name: str,
        log: Callable[[str], None],
        verify_running: Callable[[], None],
    ) -> str:
        self.names.append(name)
        self.act()
        verify_running()
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

    stage.services = dataclasses.replace(stage.services, find_system_builder=find, queue=FedQueue(stage.queue))
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
    systems = find_systems(stage.services, RELEASE, TARGET, trust=Trust.OWNER, run_id=RUN_ID, missing=places.append)
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
    systems = find_systems(fresh, RELEASE, TARGET, trust=Trust.OWNER, run_id=RUN_ID)
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
    systems = find_systems(services, RELEASE, top, trust=Trust.OWNER, run_id=RUN_ID)
    assert systems is not None
    made = systems.ensure_base(
        BASE.with_digest(stage.images.fetch_manifest(BASE).digest), ("tree",), platform="linux/amd64", user=""
    )

    assert systems.can_build()
    assert made.repository.startswith("hublish-base-")


def test_same_packages_at_two_places_are_two_builds(stage: Stage, builder: Builder) -> None:
    """Owners with the same base and list share no ticket, lock, log or pod: each pushes to a place of its own."""
    policy = dataclasses.replace(stage.services.policy, namespaces={"registry.example.org": {"octo": ("",)}})
    services = dataclasses.replace(stage.services, policy=policy)
    base = BASE.with_digest(stage.images.fetch_manifest(BASE).digest)
    made = []
    for folder in ("team", "rival"):
        image = Reference(registry="registry.example.org", repository=f"{folder}/ts")
        systems = find_systems(services, RELEASE, image, trust=Trust.OWNER, run_id=RUN_ID)
        assert systems is not None
        made.append(systems.ensure_base(base, ("tree",), platform="linux/amd64", user="").repository)

    assert [name.rpartition("/")[0] for name in made] == ["team", "rival"]
    assert len({name.rpartition("/")[2] for name in made}) == 1
    assert len(set(builder.names)) == 2
    assert all(re.fullmatch(r"base-[0-9a-f]{24}", name) for name in builder.names)


def test_repository_of_the_base_is_made_before_its_build(stage: Stage, builder: Builder) -> None:
    """Where the registry makes none itself, the push would fail; without it nothing is installed."""
    stage.repository_maker.error = RegistryFailed("creation of the repository: 403", status=403)
    failure = prepare(stage).failure
    stage.repository_maker.error, refused = None, len(builder.asked)
    base = read_base(stage, prepare(stage))
    read_base(stage, prepare(stage))

    assert failure is not None
    assert (failure.message, refused) == ("creation of the repository: 403", 0)
    assert [str(place) for place in stage.repository_maker.asked] == [base.name] * 2


def test_pull_request_takes_a_base_and_leaves_none(stage: Stage, builder: Builder) -> None:
    """Nothing of it is installed, pushed, claimed or recorded; what a release had made is taken."""
    config = APT + "triggers: {pull_request: true}\n"
    stage.reader.files["octo/ts", ".hublish.yaml"] = config.encode()
    stage.checkouts.sources["octo/ts"] = make_source(config)
    stage.receive(OPENED)
    failure = Preparation(stage.services).run(RUN_ID, decided=ignore).failure
    with stage.database.connect() as connection:
        claims = connection.execute(sa.select(sa.func.count()).select_from(image_owners)).scalar()
    left = (claims, list(builder.asked), list(stage.repository_maker.asked))
    pinned = BASE.with_digest(stage.images.fetch_manifest(BASE).digest)
    owners = find_systems(stage.services, RELEASE, TARGET, trust=Trust.OWNER, run_id=RUN_ID)
    assert owners is not None
    base = owners.ensure_base(pinned, ("tree", "curl"), platform="linux/amd64", user="")
    planned = Preparation(stage.services).run(RUN_ID, decided=ignore)

    assert failure is not None
    assert failure.message == "no base with tree, curl is there yet, and a pull request leaves none behind"
    assert failure.hint.startswith("Build the branch by `/build` and its name, or the default branch or a release")
    assert left == (0, [], [])
    assert read_base(stage, planned) == base


def test_run_that_may_not_wait_is_told_so_until_the_base_is_there(stage: Stage, builder: Builder) -> None:
    """It builds nothing where others are planned; whose run it is says where it waits."""
    stage.receive()
    with pytest.raises(BaseAwaited) as awaited:
        Preparation(stage.services, may_wait=False).run(RUN_ID, decided=ignore)
    builds = len(builder.asked)
    base = read_base(stage, prepare(stage))
    again = Preparation(stage.services, may_wait=False).run(RUN_ID, decided=ignore)

    assert (awaited.value.message, awaited.value.owner) == ("waits for the base with tree, curl", "octo")
    assert (awaited.value.transient, builds) == (True, 0)
    assert read_base(stage, again) == base


def test_cancelled_run_waits_for_no_base(stage: Stage, builder: Builder) -> None:
    """It is over before it is told to wait."""
    stage.receive()
    stage.services.cancels.request_cancel(Cancel(run_id=RUN_ID, by="other", actor="octocat"), at=AT)

    assert Preparation(stage.services, may_wait=False).run(RUN_ID, decided=ignore).state is RunState.CANCELLED


def test_failure_of_apt_is_the_answer(stage: Stage, builder: Builder) -> None:
    """In its words; nothing is remembered."""
    builder.error = BuildFailed("system.apt: nothing cannot be installed: Unable to locate package nothing")
    prepared = prepare(stage)

    assert prepared.failure is not None
    assert prepared.failure.message == builder.error.message
    assert prepared.images == ()


def test_cancelled_run_stops_what_it_installs(stage: Stage, builder: Builder) -> None:
    """The answer says who stopped it; nothing is recorded, and the next run installs by the same name."""
    cancel = Cancel(run_id=RUN_ID, by="other", actor="octocat")
    builder.act = lambda: stage.services.cancels.request_cancel(cancel, at=AT)
    prepared = prepare(stage)
    (name,) = builder.names

    assert (prepared.state, builder.asked) == (RunState.CANCELLED, [])
    assert prepared.failure is not None
    assert (prepared.failure.code, prepared.failure.message) == ("RunCancelled", "octocat cancelled this.")
    assert re.fullmatch(r"base-[0-9a-f]{24}", name)


def test_database_that_is_away_stops_no_installation(stage: Stage, builder: Builder) -> None:
    """What it would say of a cancel is asked again a second later."""
    stage.services = dataclasses.replace(stage.services, cancels=_Away())

    assert prepare(stage).state is RunState.BUILDING
    assert len(builder.asked) == 1


class _Away:
    """CancelRecords of a database that does not answer."""

    def find_cancel(self, run_id: str) -> Cancel | None:
        raise DatabaseFailed("away", transient=True)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


def test_run_that_waited_takes_what_was_built_meanwhile(stage: Stage, builder: Builder, tmp_path: Path) -> None:
    """One build of a key, by whatever run; the tags of its repository are free while it goes on."""
    held: list[str] = []

    @contextmanager
    def hold(
        name: str, /, *, longest_wait_seconds: float = 0, verify_running: Callable[[], None] = lambda: None
    ) -> Iterator[None]:
        verify_running()
        held.append(f"{name}, {longest_wait_seconds:.0f}")
        if len(held) == 1:
            read_base(stage, prepare(stage))
        yield

    stage.services = dataclasses.replace(stage.services, hold=hold)
    prepared = prepare(stage)

    assert prepared.state is RunState.BUILDING
    assert held == [f"the build of {builder.names[0]}, 88200"] * 2
    assert len(builder.asked) == 1


@pytest.mark.parametrize("fork", [True, False])
def test_nobody_whom_no_engine_serves_gets_packages(stage: Stage, builder: Builder, fork: bool) -> None:
    """Of a fork nothing is pushed; another owner is told what an operator can do."""
    trigger = dataclasses.replace(RELEASE, repository=dataclasses.replace(RELEASE.repository, owner="stranger"))
    trust = Trust.FORK if fork else Trust.OWNER

    assert find_systems(stage.services, RELEASE if fork else trigger, TARGET, trust=trust, run_id=RUN_ID) is None


def test_service_without_an_engine_says_what_can_be_switched_on(stage: Stage, builder: Builder) -> None:
    """A finding on the config's key."""
    stage.services = dataclasses.replace(stage.services, find_system_builder=lambda _owner, _trust: None)
    prepared = prepare(stage)
    (finding,) = (found for found in prepared.findings if found.code == "SystemPackagesUnavailable")

    assert prepared.state is RunState.FAILED
    assert "in a service `docker`, `tekton` with a `build_image`, or `buildah` with this owner" in finding.hint


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
