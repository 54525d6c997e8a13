"""The service: GitHub App, workflows, pages, in one process."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import uvicorn
from fastapi import APIRouter, FastAPI

from hublish.bootstrap.ports import load_file, make_services
from hublish.bootstrap.queue import make_replica_name, make_rooms
from hublish.bootstrap.tokens import load_api_key
from hublish.settings import Settings
from hublish.telemetry import configure_logging
from hublish.web.api import PREFIX, make_api
from hublish.web.app import make_app
from hublish.web.auth import Doorkeeper
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
from hublish.workflows.onboarding import Onboarding
from hublish.workflows.orders import Orders
from hublish.workflows.places import Places
from hublish.workflows.queue import FEED_SECONDS, Feeder
from hublish.workflows.replicas import WATCH_SECONDS, Watch
from hublish.workflows.rounds import Rounds
from hublish.workflows.schedule import Schedule
from hublish.workflows.services import Services
from hublish.workflows.sweep import Sweep
from hublish.workflows.waiting import Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that is wired and not yet started: its ASGI application starts and stops everything else.

    `join` takes this process's place among the replicas, which the start does too; DatabaseFailed when it is taken.
    """

    app: FastAPI
    services: Services
    inbox: Inbox
    join: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Works:
    """Everything in the service that works by itself, in threads of its own."""

    services: Services
    inbox: Inbox
    orders: Orders
    missed: MissedDeliveries
    schedule: Schedule | None
    onboarding: Onboarding
    watch: Watch
    watching: Rounds
    feeding: Rounds
    writer: ThreadPoolExecutor

    def start(self) -> None:
        """Take this process's place and begin."""
        self.watch.join()
        launch_workflows()
        self.inbox.start()
        self.missed.start()
        if self.schedule is not None:
            self.schedule.start()
        self.onboarding.start()
        self.feeding.start()
        self.watching.start()

    def stop(self) -> None:
        """End, and give the place back."""
        if self.schedule is not None:
            self.schedule.stop()
        self.missed.stop()
        self.onboarding.stop()
        self.inbox.stop()
        self.feeding.stop()
        self.services.engine.close()
        self.services.locker.close()
        stop_workflows()
        # Only now: what another replica takes over must have stopped here.
        self.watching.stop()
        self.watch.leave()
        self.writer.shutdown()


def make_service(settings: Settings, *, wrap: Callable[[Services], Services] = lambda services: services) -> Service:
    """Wire the whole service.

    Args:
        settings: the operator's.
        wrap: given the ports before anything uses them, for tests that watch or break them.
    """
    webhook_secrets = tuple(load_file(path).strip() for path in settings.github.webhook_secret_files)
    prepare_workflows(database_url=settings.database, executor_id=make_replica_name(settings))
    services = wrap(make_services(settings))
    places = Places(services.queue, services.replicas, limits=services.policy.queue, now=services.now)
    works = _make_works(settings, services, places)
    views = make_view_router(
        runs=services.runs,
        steps=services.steps,
        builds=services.builds,
        archive=services.archive,
        now=services.now,
        find_places=places.read,
    )
    app = make_app(
        (_make_webhooks(settings, works, webhook_secrets), views),
        start=works.start,
        stop=works.stop,
        health=lambda: _check_health(services),
        mounts={PREFIX: _make_api(settings, works)},
    )
    return Service(app=app, services=services, inbox=works.inbox, join=works.watch.join)


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


def _make_works(settings: Settings, services: Services, places: Places) -> _Works:
    rooms = make_rooms(settings)
    build = BuildWorkflow(services)
    feeder = Feeder(services, rooms=rooms, start_build=make_build_start(build), find_state=find_state)
    feeding = Rounds("feeder", feeder.look, seconds=FEED_SECONDS)
    watch = Watch(services, rooms=rooms, recover=recover_workflows)
    waiting = Waiting(services, Answering(services), places)
    deliver = DeliverWorkflow(services, build, waiting, wake=feeding.wake)
    onboarding = Onboarding(services)
    start_run = make_start(deliver)
    inbox = Inbox(
        services,
        start_run=start_run,
        sweep=Sweep(services, find_state=find_workflow_state).end_lost_runs,
        wake_onboarding=onboarding.wake,
    )
    return _Works(
        services=services,
        inbox=inbox,
        orders=Orders(services, start_run=start_run),
        schedule=_make_schedule(settings, services, start_run=start_run),
        missed=MissedDeliveries(services, limit_bytes=settings.limits.webhook_bytes, wake=inbox.wake),
        onboarding=onboarding,
        watch=watch,
        watching=Rounds("watch", watch.look, seconds=WATCH_SECONDS),
        feeding=feeding,
        writer=ThreadPoolExecutor(max_workers=1, thread_name_prefix="deliveries"),
    )


def _make_schedule(settings: Settings, services: Services, *, start_run: Callable[[str], None]) -> Schedule | None:
    seconds = settings.schedule.bases_seconds
    if seconds is None:
        return None
    return Schedule(services, seconds=seconds, start_run=start_run, draw=random.SystemRandom().random)


def _make_webhooks(settings: Settings, works: _Works, secrets: tuple[bytes, ...]) -> APIRouter:
    services = works.services
    return make_webhook_router(
        secrets=secrets,
        limit_bytes=settings.limits.webhook_bytes,
        store=lambda guid, event, body: services.deliveries.insert_delivery(
            guid=guid, event=event, body=body, at=services.now()
        ),
        writer=works.writer,
        wake=works.inbox.wake,
    )


def _make_api(settings: Settings, works: _Works) -> FastAPI:
    doorkeeper = Doorkeeper(
        works.services.tokens,
        key=load_api_key(settings),
        requests_per_minute=settings.api.requests_per_minute,
        now=works.services.now,
        clock=time.monotonic,
    )
    return make_api(works.orders, doorkeeper)


def _check_health(services: Services) -> dict[str, str]:
    try:
        services.runs.list_runs(1)
    except Exception as error:  # noqa: BLE001  # whatever is wrong with the database is the answer
        return {"database": type(error).__name__}
    return {"database": "ok"}
