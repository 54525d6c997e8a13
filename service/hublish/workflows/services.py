"""What workflows work with: the ports, the operator's policy, a clock. Made by bootstrap, given to every workflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.builders.planning.packagecheck import WheelSupply
from hublish.core.access.tokens import TokenRecords
from hublish.core.basewatch import BaseWatchRecords
from hublish.core.cancels import CancelRecords
from hublish.core.github.consent import HubRule
from hublish.core.github.deliveries import DeliveryLog
from hublish.core.github.ports import ChangeReader, Conversation, HubRepository, RepositoryReader
from hublish.core.imagerecords import ImageRecords
from hublish.core.locks.locker import Locker
from hublish.core.logs import Archive
from hublish.core.namespaces import Namespaces
from hublish.core.onboarding.ports import NewcomerRecords, PushProbe, RepositoryMaker, StandingReader
from hublish.core.plan import Trust
from hublish.core.ports import Engine, ImageReader, ImageWriter, SourceFetcher, SystemBaseBuilder
from hublish.core.queue import QueueLimits
from hublish.core.queue_records import QueueRecords, ReplicaRecords
from hublish.core.records import BuildRecords, DeliveryRecords, RunRecords, StepRecords
from hublish.core.reference import Reference

HoldDuty = Callable[[str], AbstractContextManager[bool]]
"""Name of a duty -> a block that is given True when no other replica does the same just now."""


FindSystemBuilder = Callable[[str, Trust], SystemBaseBuilder | None]
"""Owner of a repository and whose code is built -> what may install packages for them; None where nothing may."""


FetchDigest = Callable[[Reference], str | None]
"""What a tag leads to now, asked for without the manifest; None where there is no such tag."""


ListTags = Callable[[Reference], tuple[str, ...]]
"""The tags of a repository of images."""


class Hold(Protocol):
    """Name -> a block that nobody else who shares the database is in; DatabaseFailed, transient, after the longest wait."""

    def __call__(
        self, name: str, /, *, longest_wait_seconds: float = ..., verify_running: Callable[[], None] = ...
    ) -> AbstractContextManager[None]:
        """Hold a name; `verify_running` is asked while it waits, and raises when it is to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """One hub of the operator's settings.

    Attributes:
        name: as configs name it.
        repo: `owner/name` of the repository with the image list.
        branch: branch that pull requests go to.
        folder: folder of the list in it.
        jupyterhub: major version of the hub, or None when it is not compared.
        pin: "digest" or "tag".
        accept: the operator's own consent rules.
    """

    name: str
    repo: str
    branch: str
    folder: str
    jupyterhub: int | None
    pin: str
    accept: tuple[HubRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the operator allows and how the service calls itself.

    Attributes:
        public_url: root of links to this service, without a slash at the end.
        web_url: root of links to GitHub's pages.
        namespaces: who may push where.
        bases: Python version to default base image.
        hubs: by name.
        build_seconds: ceiling over a config's time limit.
        image_bytes: ceiling over a config's size limit.
        default_index: simple API for locks that name no index; "" for none.
        queue: how many builds run and wait.
        pull_request_tags: configs may have what a pull request builds pushed as `pr-<number>`.
        proposals_per_hour: onboarding pull requests in an hour; 0: none at all, and nobody is looked at.
        tag_wait_seconds: how long a pushed tag waits for a release of its name.
        bots: logins of bots whose comments and issues count like those of a person with write permission; lower-case.
    """

    public_url: str
    web_url: str
    namespaces: Namespaces
    bases: Mapping[str, Reference]
    hubs: Mapping[str, Hub]
    build_seconds: int
    image_bytes: int
    default_index: str = ""
    queue: QueueLimits = field(default_factory=QueueLimits)
    tag_wait_seconds: float = 60.0
    bots: frozenset[str] = frozenset()
    pull_request_tags: bool = False
    proposals_per_hour: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The ports a workflow works with; `replica` is the name of this process among those that share the database."""

    reader: RepositoryReader
    changes: ChangeReader
    conversation: Conversation
    hub_repository: HubRepository
    sources: SourceFetcher
    images: ImageReader
    output: ImageWriter
    engine: Engine
    archive: Archive
    deliveries: DeliveryRecords
    delivery_log: DeliveryLog
    runs: RunRecords
    steps: StepRecords
    builds: BuildRecords
    image_records: ImageRecords
    cancels: CancelRecords
    tokens: TokenRecords
    base_watches: BaseWatchRecords
    queue: QueueRecords
    newcomers: NewcomerRecords
    standings: StandingReader
    push_probe: PushProbe
    repository_maker: RepositoryMaker
    replicas: ReplicaRecords
    replica: str
    hold_duty: HoldDuty
    hold: Hold
    caches: OwnerCaches
    supply: WheelSupply | None = None
    locker: Locker
    fetch_digest: FetchDigest = lambda _reference: None
    list_tags: ListTags = lambda _reference: ()
    find_system_builder: FindSystemBuilder = lambda _owner, _trust: None
    policy: Policy
    now: Callable[[], datetime]
    make_run_id: Callable[[], str]
