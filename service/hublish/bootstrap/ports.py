"""The ports of the service, constructed from its settings: clients, stores, engines, caches, and what the operator decided."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from hublish.adapters.archive import DiskArchive
from hublish.adapters.github import (
    GitHubApp,
    GitHubChanges,
    GitHubConversation,
    GitHubDeliveries,
    GitHubHub,
    GitHubReader,
    GitHubSources,
    GitHubStanding,
    Patience,
)
from hublish.adapters.registry import RegistryClient
from hublish.adapters.source_archive import ArchiveSourceFetcher, SourceLimits
from hublish.adapters.store import (
    BaseWatchStore,
    BuildStore,
    CancelStore,
    DeliveryStore,
    ImageStore,
    NewcomerStore,
    QueueStore,
    ReplicaStore,
    RunStore,
    StepStore,
    TokenStore,
    ensure_schema,
    hold,
    open_database,
)
from hublish.bootstrap.caches import make_caches
from hublish.bootstrap.clients import make_bases, make_index, make_namespaces, make_network, make_registry
from hublish.bootstrap.engines import can_build_wheels, load_secrets, make_backends, make_engine
from hublish.bootstrap.hubs import make_hub
from hublish.bootstrap.pods.engine import make_pod_system_builder, make_tekton
from hublish.bootstrap.queue import make_queue_limits, make_replica_name
from hublish.bootstrap.repositories import make_repository_makers
from hublish.bootstrap.servicelock import ServiceLocker, make_locker
from hublish.bootstrap.systembuilds import ServedBackend, SystemBuilders, make_system_builders
from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.builders.planning.packagecheck import WheelSupply
from hublish.core.ports import Engine, PackageIndex
from hublish.errors import SettingsInvalid
from hublish.settings import Settings
from hublish.workflows.services import Policy, Services

if TYPE_CHECKING:
    from hublish.engines.tekton import TektonEngine

RUN_ID_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clients:
    """What several ports stand on."""

    database: sa.Engine
    github: GitHubApp
    sources: ArchiveSourceFetcher
    registry: RegistryClient
    index: PackageIndex
    caches: OwnerCaches
    backends: Sequence[ServedBackend]
    pods: TektonEngine | None


def make_services(settings: Settings) -> Services:
    """Construct the ports of the service.

    Raises:
        SettingsInvalid: a file that the settings name is missing or unusable.
        DatabaseFailed: the database cannot be reached.
    """
    clients = _make_clients(settings)
    locker = _make_locker(settings, clients)
    replicas = ReplicaStore(clients.database, make_replica_name(settings))
    return Services(
        reader=GitHubReader(clients.github),
        changes=GitHubChanges(clients.github),
        conversation=GitHubConversation(clients.github),
        hub_repository=GitHubHub(clients.github),
        sources=clients.sources,
        images=clients.registry,
        output=clients.registry,
        engine=_make_engine(settings, clients),
        archive=DiskArchive(settings.log_folder),
        deliveries=DeliveryStore(clients.database),
        delivery_log=GitHubDeliveries(clients.github),
        runs=RunStore(clients.database),
        steps=StepStore(clients.database),
        builds=BuildStore(clients.database),
        image_records=ImageStore(clients.database),
        cancels=CancelStore(clients.database),
        tokens=TokenStore(clients.database),
        base_watches=BaseWatchStore(clients.database),
        fetch_digest=clients.registry.fetch_digest,
        list_tags=clients.registry.list_tags,
        queue=QueueStore(clients.database),
        newcomers=NewcomerStore(clients.database),
        standings=GitHubStanding(clients.github),
        push_probe=clients.registry,
        repository_maker=make_repository_makers(settings),
        replicas=replicas,
        replica=make_replica_name(settings),
        hold_duty=replicas.hold_duty,
        hold=partial(hold, clients.database),
        supply=_make_supply(settings, clients.index),
        locker=locker,
        find_system_builder=_make_system_builders(settings, clients, stopping=locker.stopping).find,
        caches=clients.caches,
        policy=_make_policy(settings),
        now=lambda: datetime.now(UTC),
        make_run_id=lambda: secrets.token_hex(RUN_ID_BYTES),
    )


def _make_clients(settings: Settings) -> _Clients:
    if settings.ca_file is not None:
        load_file(settings.ca_file)  # every client would otherwise speak of broken connections
    # Sources of private repositories and bodies of webhooks lie here: nobody but the service's user may read them.
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = open_database(settings.database)
    ensure_schema(database)
    github = GitHubApp(
        api_url=settings.github.api,
        app_id=settings.github.app_id,
        private_key_pem=load_file(settings.github.private_key_file),
        patience=Patience(seconds_between_writes=settings.github.seconds_between_writes),
        network=make_network(settings),
    )
    registry, sources = make_registry(settings), _make_sources(settings, github)
    index, caches = make_index(settings, cache=settings.data / "index"), _make_caches(settings, registry)
    return _Clients(
        database=database,
        github=github,
        sources=sources,
        registry=registry,
        index=index,
        caches=caches,
        backends=make_backends(settings),
        pods=make_tekton(
            settings,
            sources=sources,
            images=registry,
            output=registry,
            index=index,
            caches=caches,
            mint_token=github.token_for_clone,
            find_secrets=lambda request: load_secrets(settings, request),
        )
        if "tekton" in settings.engines.use
        else None,
    )


def _make_sources(settings: Settings, github: GitHubApp) -> ArchiveSourceFetcher:
    doors = GitHubSources(github)
    return ArchiveSourceFetcher(
        fetch_tarball=doors.open_tarball,
        list_tree=doors.list_tree,
        cache=settings.data / "sources",
        limits=SourceLimits(total_bytes=settings.limits.source_bytes, files=settings.limits.source_files),
    )


def _make_caches(settings: Settings, registry: RegistryClient) -> OwnerCaches:
    key_file = settings.cache.signing_key_file or settings.data / "cache-key.pem"
    return make_caches(
        settings.data / "layers",
        images=registry,
        key_file=key_file if settings.cache.registry else None,
        limit_bytes=settings.limits.cache_bytes,
    )


def _make_engine(settings: Settings, clients: _Clients) -> Engine:
    return make_engine(
        settings,
        sources=clients.sources,
        registry=clients.registry,
        output=clients.registry,
        index=clients.index,
        caches=clients.caches,
        mint_token=clients.github.token_for_clone,
        backends=clients.backends,
        pods=clients.pods,
    )


def _make_locker(settings: Settings, clients: _Clients) -> ServiceLocker:
    return make_locker(settings, clients.backends, images=clients.registry, index=clients.index, caches=clients.caches)


def _make_system_builders(settings: Settings, clients: _Clients, *, stopping: threading.Event) -> SystemBuilders:
    pods = None
    if clients.pods is not None and settings.engines.tekton.build_image is not None:
        pods = make_pod_system_builder(clients.pods, seconds=settings.limits.build_seconds, stopping=stopping)
    return make_system_builders(
        settings.engines.use,
        clients.backends,
        pods=pods,
        registry=clients.registry,
        folder=settings.data / "tasks",
        build_seconds=settings.limits.build_seconds,
        stopping=stopping,
    )


def _make_supply(settings: Settings, index: PackageIndex) -> WheelSupply:
    return WheelSupply(
        index=index,
        folder=settings.data / "layers" / "wheels",
        can_build=lambda: can_build_wheels(settings.engines),
        retries=True,
    )


def _make_policy(settings: Settings) -> Policy:
    return Policy(
        public_url=settings.public_url.rstrip("/"),
        web_url=settings.github.web.rstrip("/"),
        namespaces=make_namespaces(settings),
        bases=make_bases(settings.bases),
        hubs={name: make_hub(name, hub) for name, hub in settings.hubs.items()},
        build_seconds=settings.limits.build_seconds,
        image_bytes=settings.limits.image_bytes,
        default_index=(settings.default_index or "").rstrip("/"),
        queue=make_queue_limits(settings),
        tag_wait_seconds=settings.limits.tag_wait_seconds,
        bots=frozenset(login.lower() for login in settings.github.bots),
        pull_request_tags=settings.limits.pull_request_tags,
        proposals_per_hour=settings.github.onboarding_per_hour,
    )


def load_file(path: Path) -> bytes:
    """Load a file that the settings name; SettingsInvalid when it cannot be read or is empty."""
    try:
        body = path.read_bytes()
    except OSError as error:
        raise SettingsInvalid(
            f"the file {path} cannot be read: {error.strerror}", hint="check the path and its mode"
        ) from error
    if not body.strip():
        raise SettingsInvalid(f"the file {path} is empty", hint="write into it what the settings name it for")
    return body
