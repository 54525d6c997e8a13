"""The bases of a service's builds: whose images they may be, and those that Debian packages were installed into.

A base with packages stands in the registry beside the images of its owner, as `hublish-base-<key>`: built once per base and
list, and pinned by its digest before anything is built on it. What stands there counts only by the digest that this
service's own database has for it: whoever else may push to the namespace can put nothing under another owner's images.
The repository belongs to the service, so that no image may be called so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from hublish.builders.containers.systembase import make_system_key
from hublish.builders.keys import make_key
from hublish.builders.planning.packagecheck import WheelSupply
from hublish.core.github.trigger import Trigger
from hublish.core.namespaces import check_base, check_namespace
from hublish.core.plan import Strategy, Trust
from hublish.core.ports import SystemBaseBuilder, SystemBases
from hublish.core.queue import BASE_PREFIX, Ticket
from hublish.core.reference import Reference
from hublish.core.repository import Repository
from hublish.errors import BaseAwaited, HublishError, NotAllowed, RunCancelled, clip
from hublish.workflows.baseslots import LONGEST_WAIT_SECONDS, hold_base, take_slot
from hublish.workflows.services import Policy, Services

PREFIX = "hublish-base-"
TAG = "base"
_NAME_DIGITS = 24
"""With the prefix, a number and a Step's name it stays far below the 63 characters of a label in a cluster."""
_OWN_REPOSITORY = 0
"""No repository on GitHub has this id: it stands for the service itself."""


def verify_base(policy: Policy, base: Reference, *, owner: str) -> None:
    """Refuse an image of another owner, which the service could read and would copy.

    Raises:
        NotAllowed: it lies in the namespace of another owner, and the operator does not list it.
    """
    refusal = check_base(policy.namespaces, owner=owner, reference=base)
    if refusal is not None and base.name not in {known.name for known in policy.bases.values()}:
        raise NotAllowed(refusal, hint="name another base, or ask the operator to list it under `bases`")


def is_system_base(image: Reference) -> bool:
    """Tell whether an image is a base with packages, by its name, which no other image may have."""
    return image.repository.rpartition("/")[2].startswith(PREFIX)


def find_systems(
    services: Services,
    trigger: Trigger,
    target: Reference,
    *,
    trust: Trust,
    run_id: str,
    may_wait: bool = True,
    missing: Callable[[tuple[str, ...]], None] | None = None,
) -> SystemBases | None:
    """Find what installs packages for a build; None where nothing may, as for a fork, of which nothing is pushed.

    A pull request leaves nothing either: it is built on bases that are there already.

    Args:
        services: the ports.
        trigger: names the owner.
        target: repository of the image.
        trust: whose code it is.
        run_id: the run that asks.
        may_wait: whether it may wait for a base that is missing; else it is told to do so elsewhere.
        missing: for a look, told what would be installed; None: it is installed.
    """
    builder = None if trust is Trust.FORK else services.find_system_builder(trigger.repository.owner, trust)
    if builder is None:
        return None
    if trust is Trust.PULL_REQUEST:
        missing = _refuse_missing
    if missing is not None:
        return KnownSystemBases(services=services, owner=trigger.repository.owner, target=target, missing=missing)
    return OwnerSystemBases(
        services=services,
        repository=trigger.repository,
        target=target,
        builder=builder,
        run_id=run_id,
        may_wait=may_wait,
    )


def _refuse_missing(packages: tuple[str, ...]) -> None:
    raise NotAllowed(
        f"no base with {clip(', '.join(packages))} is there yet, and a pull request leaves none behind",
        hint="Build the branch by `/build` and its name, or the default branch or a release with these packages, then `/retest`.",
    )


def open_supply(services: Services, owner: str, *, trust: Trust) -> WheelSupply | None:
    """Open where the wheels of a plan come from: they are built for those whom a container engine serves."""
    supply = services.supply
    if supply is None:
        return None
    can_build = supply.can_build
    return replace(supply, can_build=lambda: services.find_system_builder(owner, trust) is not None and can_build())


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSystemBases:
    """`hublish.core.ports.SystemBases` that builds, claims and records nothing, for a look or a pull request.

    Attributes:
        services: only read from.
        owner: of the repository that is looked at.
        target: repository of the image; the base stands beside it.
        missing: told the packages that would be installed first; may raise.
    """

    services: Services
    owner: str
    target: Reference
    missing: Callable[[tuple[str, ...]], None]

    def can_build(self) -> bool:
        """See SystemBases."""
        return True

    def ensure_base(self, base: Reference, packages: tuple[str, ...], *, platform: str, user: str) -> Reference:  # noqa: ARG002  # the port's
        """Find the base with packages; where there is none yet, `base` stands for it.

        Raises:
            NotAllowed: as when it is built.
        """
        pinned = replace(base, tag=None)
        verify_base(self.services.policy, pinned, owner=self.owner)
        place = _find_place(self.services, self.target, pinned, packages, platform=platform, owner=self.owner)
        _verify_claim(place, self.services.image_records.find_owner(place.name))
        known = _find_known(self.services, place)
        if known is None:
            self.missing(packages)
        return pinned if known is None else known


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerSystemBases:
    """`hublish.core.ports.SystemBases` for the images of one owner.

    Attributes:
        services: records, registry, queue, logs.
        repository: that is built.
        target: repository of the image; the base stands beside it.
        builder: installs packages.
        run_id: the run that wants the base; once it is cancelled, the build stops.
        may_wait: False where nothing may be waited for.
    """

    services: Services
    repository: Repository
    target: Reference
    builder: SystemBaseBuilder
    run_id: str
    may_wait: bool = True

    def can_build(self) -> bool:
        """See SystemBases."""
        return True

    def ensure_base(self, base: Reference, packages: tuple[str, ...], *, platform: str, user: str) -> Reference:
        """See SystemBases.

        Raises:
            NotAllowed: the base is another owner's, or the place for the result is not this one's.
            RunCancelled: somebody cancelled the run.
            BaseAwaited: there is none yet, and nothing may be waited for here; transient.
            QueueFull: too many builds wait.
            RegistryFailed: its repository is not there and cannot be made.
            DatabaseFailed: another run's build of it took longer than any may; transient.
        """
        services, records = self.services, self.services.image_records
        pinned = replace(base, tag=None)
        verify_base(services.policy, pinned, owner=self.repository.owner)
        place = _find_place(services, self.target, pinned, packages, platform=platform, owner=self.repository.owner)
        _verify_claim(place, records.claim_owner(place.name, _OWN_REPOSITORY, at=services.now()))
        known = _find_known(services, place)
        if known is not None:
            return known
        if not self.may_wait:
            self._verify_waiting()
            raise BaseAwaited(
                f"waits for the base with {clip(', '.join(packages))}", owner=self.repository.owner.lower()
            )
        name = _name_build(place)
        # One build of a key at a time; whoever wants the same waits for it and takes what it recorded.
        with hold_base(services, name, longest_wait_seconds=LONGEST_WAIT_SECONDS, verify_running=self._verify_waiting):
            known = _find_known(services, place)
            if known is not None:
                return known
            services.repository_maker.ensure_repository(place)
            log = services.archive.open_log(name)
            ticket = self._make_ticket(name)
            with take_slot(services, ticket, log=log.append, verify_running=self._verify_waiting):
                log.append(f"installing {', '.join(packages)} into {pinned}")
                digest = self.builder.build(
                    pinned,
                    packages,
                    platform=platform,
                    user=user,
                    target=place.with_tag(TAG),
                    name=name,
                    log=log.append,
                    verify_running=self._verify_wanted,
                )
            log.append(f"{place.with_digest(digest)}")
            records.record_release(place.name, TAG, digest, at=services.now())
        return place.with_digest(digest)

    def _make_ticket(self, name: str) -> Ticket:
        """It counts as a build of a Dockerfile, which it is to the engine, and needs a slot of this very process."""
        return Ticket(
            name=name,
            owner=self.repository.owner.lower(),
            repo_id=self.repository.id,
            strategy=Strategy.DOCKERFILE.value,
            turn=0,
            entered_at=self.services.now(),
            replica=self.services.replica,
        )

    def _verify_waiting(self) -> None:
        self.builder.verify_open()
        self._verify_wanted()

    def _verify_wanted(self) -> None:
        try:
            cancel = self.services.cancels.find_cancel(self.run_id)
        except HublishError as error:
            if error.transient:
                return  # A database that is away for a moment stops no build.
            raise
        if cancel is not None:
            raise RunCancelled(f"{cancel.actor} cancelled this.", hint="Comment `/retry` to take it up again.")


def _find_place(
    services: Services, target: Reference, base: Reference, packages: tuple[str, ...], *, platform: str, owner: str
) -> Reference:
    """Where a base with packages stands, beside the image that is built on it."""
    name = f"{PREFIX}{make_system_key(base, packages, platform=platform)}"
    folder = target.repository.rpartition("/")[0]
    place = Reference(registry=target.registry, repository=f"{folder}/{name}" if folder else name)
    refusal = check_namespace(services.policy.namespaces, owner=owner, reference=place)
    if refusal is not None:
        raise NotAllowed(
            f"a base with the packages of `system.apt` has no place: {refusal}",
            hint="ask the operator to allow the folder of the image, not the image alone, under `namespaces`",
        )
    return place


def _name_build(place: Reference) -> str:
    """The name of a base's build: two owners may want the same packages in the same base, each at a place of their own."""
    return f"{BASE_PREFIX}{make_key([place.name])[:_NAME_DIGITS]}"


def _verify_claim(place: Reference, owner_id: int | None) -> None:
    if owner_id not in (None, _OWN_REPOSITORY):
        raise NotAllowed(
            f"{place.name} belongs to a source repository, so that no base can stand there",
            hint="ask the operator to remove that image and its claim",
        )


def _find_known(services: Services, place: Reference) -> Reference | None:
    """What the service's own database has for a place, as long as the registry has it, too."""
    digest = services.image_records.find_release(place.name, TAG)
    if digest is None or services.images.fetch_manifest(place.with_digest(digest)) is None:
        return None
    return place.with_digest(digest)
