"""The service: GitHub App, workflows, pages, in one process."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from hublish.adapters.archive import DiskArchive
from hublish.adapters.github import (
    GitHubApp,
    GitHubChanges,
    GitHubConversation,
    GitHubDeliveries,
    GitHubHub,
    GitHubReader,
    GitHubSources,
    Patience,
)
from hublish.adapters.source_archive import ArchiveSourceFetcher, SourceLimits
from hublish.adapters.store import (
    BuildStore,
    CancelStore,
    DeliveryStore,
    ImageStore,
    QueueStore,
    ReplicaStore,
    RunStore,
    StepStore,
    ensure_schema,
    hold,
    open_database,
)
from hublish.bootstrap.caches import make_caches
from hublish.bootstrap.clients import make_bases, make_index, make_namespaces, make_network, make_registry
from hublish.bootstrap.engines import can_build_wheels, make_engine
from hublish.bootstrap.hubs import make_hub
from hublish.bootstrap.queue import make_queue_limits, make_replica_name, make_rooms
from hublish.bootstrap.servicelock import make_locker
from hublish.builders.planning.packagecheck import WheelSupply
from hublish.errors import SettingsInvalid
from hublish.settings import Settings
from hublish.telemetry import configure_logging
from hublish.web.app import make_app
from hublish.web.views import make_view_router
from hublish.web.webhooks import make_webhook_router
from hublish.workflows.answer import Answering
from hublish.workflows.build import BuildWorkflow, make_build_start
from hublish.workflows.deliver import DeliverWorkflow, find_workflow_state, make_start
from hublish.workflows.durable import (
    find_state,
    launch_workflows,
    prepare_workflows,
    recover_workflows,
    stop_workflows,
)
from hublish.workflows.inbox import Inbox
from hublish.workflows.missed import MissedDeliveries
from hublish.workflows.places import Places
from hublish.workflows.queue import FEED_SECONDS, Feeder
from hublish.workflows.replicas import WATCH_SECONDS, Watch
from hublish.workflows.rounds import Rounds
from hublish.workflows.services import Policy, Services
from hublish.workflows.sweep import Sweep
from hublish.workflows.waiting import Waiting

RUN_ID_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that is wired and not yet started: its ASGI application starts and stops everything else.

    `join` takes this process's place among the replicas, which the start does too; DatabaseFailed when it is taken.
    """

    app: FastAPI
    services: Services
    inbox: Inbox
    join: Callable[[], None]


def make_services(settings: Settings) -> Services:
    """Construct the ports of the service.

    Raises:
        SettingsInvalid: a file that the settings name is missing or unusable.
        DatabaseFailed: the database cannot be reached.
    """
    if settings.ca_file is not None:
        _load_file(settings.ca_file)  # every client would otherwise speak of broken connections
    data = settings.data
    # Sources of private repositories and bodies of webhooks lie here: nobody but the service's user may read them.
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = open_database(settings.database)
    ensure_schema(engine)
    github = GitHubApp(
        api_url=settings.github.api,
        app_id=settings.github.app_id,
        private_key_pem=_load_file(settings.github.private_key_file),
        patience=Patience(seconds_between_writes=settings.github.seconds_between_writes),
        network=make_network(settings),
    )
    doors = GitHubSources(github)
    sources = ArchiveSourceFetcher(
        fetch_tarball=doors.open_tarball,
        list_tree=doors.list_tree,
        cache=data / "sources",
        limits=SourceLimits(total_bytes=settings.limits.source_bytes, files=settings.limits.source_files),
    )
    replicas = ReplicaStore(engine, make_replica_name(settings))
    registry = make_registry(settings)
    key_file = settings.cache.signing_key_file or data / "cache-key.pem"
    index = make_index(settings, cache=data / "index")
    caches = make_caches(
        data / "layers",
        images=registry,
        key_file=key_file if settings.cache.registry else None,
        limit_bytes=settings.limits.cache_bytes,
    )
    return Services(
        reader=GitHubReader(github),
        changes=GitHubChanges(github),
        conversation=GitHubConversation(github),
        hub_repository=GitHubHub(github),
        sources=sources,
        images=registry,
        output=registry,
        engine=make_engine(
            settings,
            sources=sources,
            registry=registry,
            output=registry,
            index=index,
            caches=caches,
            mint_token=github.token_for_clone,
        ),
        archive=DiskArchive(settings.log_folder),
        deliveries=DeliveryStore(engine),
        delivery_log=GitHubDeliveries(github),
        runs=RunStore(engine),
        steps=StepStore(engine),
        builds=BuildStore(engine),
        image_records=ImageStore(engine),
        cancels=CancelStore(engine),
        queue=QueueStore(engine),
        replicas=replicas,
        replica=make_replica_name(settings),
        hold_duty=replicas.hold_duty,
        hold=partial(hold, engine),
        supply=WheelSupply(
            index=index, folder=data / "layers" / "wheels", can_build=lambda: can_build_wheels(settings.engines.use)
        ),
        locker=make_locker(settings, images=registry, index=index, caches=caches),
        caches=caches,
        policy=_make_policy(settings),
        now=lambda: datetime.now(UTC),
        make_run_id=lambda: secrets.token_hex(RUN_ID_BYTES),
    )


def make_service(settings: Settings, *, wrap: Callable[[Services], Services] = lambda services: services) -> Service:
    """Wire the whole service.

    Args:
        settings: the operator's.
        wrap: given the ports before anything uses them, for tests that watch or break them.
    """
    webhook_secrets = tuple(_load_file(path).strip() for path in settings.github.webhook_secret_files)
    prepare_workflows(database_url=settings.database, executor_id=make_replica_name(settings))
    services = wrap(make_services(settings))
    rooms = make_rooms(settings)
    places = Places(services.queue, services.replicas, limits=services.policy.queue, now=services.now)
    build = BuildWorkflow(services)
    feeder = Feeder(services, rooms=rooms, start_build=make_build_start(build), find_state=find_state)
    feeding = Rounds("feeder", feeder.look, seconds=FEED_SECONDS)
    watch = Watch(services, rooms=rooms, recover=recover_workflows)
    watching = Rounds("watch", watch.look, seconds=WATCH_SECONDS)
    waiting = Waiting(services, Answering(services), places)
    deliver = DeliverWorkflow(services, build, waiting, wake=feeding.wake)
    inbox = Inbox(
        services,
        start_run=make_start(deliver),
        sweep=Sweep(services, find_state=find_workflow_state).end_lost_runs,
    )
    missed = MissedDeliveries(services, limit_bytes=settings.limits.webhook_bytes, wake=inbox.wake)
    writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="deliveries")
    archive = services.archive

    def start() -> None:
        watch.join()
        launch_workflows()
        inbox.start()
        missed.start()
        feeding.start()
        watching.start()

    def stop() -> None:
        missed.stop()
        inbox.stop()
        feeding.stop()
        services.engine.close()
        services.locker.close()
        stop_workflows()
        # Only now: what another replica takes over must have stopped here.
        watching.stop()
        watch.leave()
        writer.shutdown()

    webhooks = make_webhook_router(
        secrets=webhook_secrets,
        limit_bytes=settings.limits.webhook_bytes,
        store=lambda guid, event, body: services.deliveries.insert_delivery(
            guid=guid, event=event, body=body, at=services.now()
        ),
        writer=writer,
        wake=inbox.wake,
    )
    views = make_view_router(
        runs=services.runs,
        steps=services.steps,
        builds=services.builds,
        archive=archive,
        now=services.now,
        find_places=places.read,
    )
    app = make_app((webhooks, views), start=start, stop=stop, health=lambda: _check_health(services))
    return Service(app=app, services=services, inbox=inbox, join=watch.join)


def run_service(settings: Settings, *, host: str, port: int) -> None:
    """Run the service until it is told to stop.

    Args:
        settings: the operator's.
        host: address to listen on.
        port: port to listen on.
    """
    configure_logging(json_lines=not sys.stderr.isatty())
    service = make_service(settings)
    service.join()  # before the server starts, so that a refusal is a sentence and no traceback
    config = uvicorn.Config(
        service.app, host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=5
    )
    uvicorn.Server(config).run()


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
        bots=frozenset(login.lower() for login in settings.github.bots),
    )


def _load_file(path: Path) -> bytes:
    try:
        body = path.read_bytes()
    except OSError as error:
        raise SettingsInvalid(
            f"the file {path} cannot be read: {error.strerror}", hint="check the path and its mode"
        ) from error
    if not body.strip():
        raise SettingsInvalid(f"the file {path} is empty", hint="write into it what the settings name it for")
    return body


def _check_health(services: Services) -> dict[str, str]:
    try:
        services.runs.list_runs(1)
    except Exception as error:  # noqa: BLE001  # whatever is wrong with the database is the answer
        return {"database": type(error).__name__}
    return {"database": "ok"}
