"""The build of a base waits for a slot as any build does, holds nobody up for ever, and leaves none behind."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hublish.core.queue import QueueLimits, Room, Ticket
from hublish.errors import QueueFull, RunCancelled
from hublish.workflows.baseslots import LONGEST_WAIT_SECONDS, hold_base, take_slot
from hublish.workflows.queue import Feeder
from hublish.workflows.services import Services
from tests.unit.workflows.baseparts import FedQueue
from tests.unit.workflows.parts import AT, REPLICA, Stage

NAME = f"base-{'0' * 24}"
TICKET = Ticket(name=NAME, owner="octo", repo_id=7, strategy="dockerfile", turn=0, entered_at=AT, replica=REPLICA)
OTHER = dataclasses.replace(TICKET, name=f"base-{'1' * 24}")
ROOM = Room(replica=REPLICA, strategies=("dockerfile",), slots=None)


def make_services(stage: Stage, *, limits: QueueLimits) -> Services:
    """Services whose queue has these limits."""
    return dataclasses.replace(stage.services, policy=dataclasses.replace(stage.services.policy, queue=limits))


def make_feeder(services: Services, started: list[str]) -> Feeder:
    return Feeder(services, rooms=(ROOM,), start_build=started.append, find_state=lambda _: None)


@contextmanager
def feed(feeder: Feeder) -> Iterator[None]:
    """Let a feeder look again and again during the block, as the service does."""
    ends = threading.Event()

    def look() -> None:
        while not ends.wait(0.01):
            feeder.look()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


def list_names(services: Services) -> list[tuple[str, bool]]:
    """Each ticket's name, and whether it has a slot."""
    return [(ticket.name, ticket.started_at is not None) for ticket in services.queue.list_tickets()]


def test_slot_is_had_for_the_build_and_given_back(stage: Stage) -> None:
    """It waits until it is its turn, says so, and starts no workflow."""
    feeds = iter([False, False, True])
    queue = FedQueue(stage.queue, feeds=lambda: next(feeds, True))
    services = dataclasses.replace(stage.services, queue=queue)
    log: list[str] = []
    with take_slot(services, TICKET, log=log.append, verify_running=lambda: None):
        during = list_names(services)

    assert during == [(NAME, True)]
    assert list_names(services) == []
    assert log == ["waits for a slot"]


@pytest.mark.parametrize(
    "limits",
    [QueueLimits(builds=1), QueueLimits(per_owner=1), QueueLimits(per_repo=1)],
    ids=["builds", "per_owner", "per_repo"],
)
def test_limit_of_one_holds_for_bases_and_holds_none_up_for_ever(stage: Stage, limits: QueueLimits) -> None:
    """Three bases are built one after the other, each by the run that wants it; the feeder starts nothing for them."""
    services = make_services(stage, limits=limits)
    started: list[str] = []
    at_work: list[str] = []
    most: list[int] = []
    lock = threading.Lock()

    def build(number: int) -> None:
        ticket = dataclasses.replace(TICKET, name=f"base-{number:024}")
        with (
            hold_base(services, ticket.name, longest_wait_seconds=LONGEST_WAIT_SECONDS),
            take_slot(services, ticket, log=lambda _: None, verify_running=lambda: None),
        ):
            with lock:
                at_work.append(ticket.name)
                most.append(len(at_work))
            with lock:
                at_work.remove(ticket.name)

    threads = [threading.Thread(target=build, args=(number,)) for number in range(3)]
    with feed(make_feeder(services, started)):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=240)

    assert most == [1, 1, 1]
    assert started == []
    assert list_names(services) == []


def test_base_and_images_share_the_slots_in_their_order(stage: Stage) -> None:
    """One slot: the base waits for the build that has it, and the build that came after waits for the base."""
    services = make_services(stage, limits=QueueLimits(builds=1))
    started: list[str] = []
    builds = [stage.builds.claim_build(key, at=AT).name for key in ("a", "b")]
    image = dataclasses.replace(TICKET, name=builds[0], strategy="layered", replica="")
    stage.queue.enter(image, limits=QueueLimits())
    rooms = (dataclasses.replace(ROOM, strategies=("layered", "dockerfile")),)
    feeder = Feeder(services, rooms=rooms, start_build=started.append, find_state=lambda _: None)
    feeder.feed()
    seen: list[list[tuple[str, bool]]] = []

    def look() -> None:
        """What the feeder does while the base waits; the build ends once it was seen beside the base."""
        feeder.feed()
        seen.append(list_names(services))
        if (NAME, False) in seen[-1]:
            stage.queue.enter(dataclasses.replace(image, name=builds[1]), limits=QueueLimits())
            stage.queue.leave(builds[0], time=None)

    with take_slot(services, TICKET, log=lambda _: None, verify_running=look):
        feeder.feed()
        during = list_names(services)
    feeder.feed()

    assert seen[0] == [(builds[0], True), (NAME, False)]
    assert during == [(NAME, True), (builds[1], False)]
    assert list_names(services) == [(builds[1], True)]
    assert started == builds


def test_other_replica_gives_it_no_slot(stage: Stage) -> None:
    """The run that waits is here, so that the slot must be one of here."""
    stage.queue.enter(TICKET, limits=QueueLimits())
    elsewhere = dataclasses.replace(ROOM, replica="elsewhere")
    admitted = [stage.queue.admit(limits=QueueLimits(), rooms=(room,), at=AT) for room in (elsewhere, ROOM)]

    assert [[ticket.name for ticket in tickets] for tickets in admitted] == [[], [NAME]]


def test_full_queue_takes_no_base(stage: Stage) -> None:
    """The run is told as for any build."""
    services = make_services(stage, limits=QueueLimits(waiting=1))
    stage.queue.enter(OTHER, limits=QueueLimits())

    with (
        pytest.raises(QueueFull, match="1 builds wait already") as refusal,
        take_slot(services, TICKET, log=lambda _: None, verify_running=lambda: None),
    ):
        pytest.fail("it got a slot")
    assert refusal.value.hint == "Wait until one of them has started."


def test_run_that_is_cancelled_leaves_the_queue(stage: Stage) -> None:
    """While it waits; its place is another's."""

    def refuse() -> None:
        raise RunCancelled("octocat cancelled this.")

    with (
        pytest.raises(RunCancelled),
        take_slot(stage.services, TICKET, log=lambda _: None, verify_running=refuse),
    ):
        pytest.fail("it got a slot")
    assert list_names(stage.services) == []


def test_slot_of_a_process_that_died_is_taken_anew(stage: Stage) -> None:
    """Whoever builds the base next gets a slot of its own, by the queue's rules."""
    dead = dataclasses.replace(TICKET, replica="dead")
    stage.queue.enter(dead, limits=QueueLimits())
    services = dataclasses.replace(stage.services, queue=FedQueue(stage.queue))
    with take_slot(services, TICKET, log=lambda _: None, verify_running=lambda: None):
        (ticket,) = services.queue.list_tickets()

    assert (ticket.replica, ticket.started_at) == (REPLICA, AT)


def test_slot_that_nobody_holds_is_found_free(stage: Stage) -> None:
    """And one that somebody builds in is left alone, wherever its process is."""
    for ticket in (TICKET, dataclasses.replace(OTHER, replica="elsewhere")):
        stage.queue.enter(ticket, limits=QueueLimits())
    stage.queue.admit(limits=QueueLimits(), rooms=(ROOM,), at=AT)
    feeder = make_feeder(stage.services, [])
    with hold_base(stage.services, NAME, longest_wait_seconds=1):
        freed = [feeder.check()]
        held = list_names(stage.services)
    freed.append(feeder.check())

    assert (freed, held) == ([1, 1], [(NAME, True)])
    assert list_names(stage.services) == []
