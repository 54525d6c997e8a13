"""The queue in the database: slots are rows, taken by one decider at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from hublish.adapters.store import BuildStore, QueueStore, open_database
from hublish.adapters.store.queue import TIMES_KEPT, build_needs
from hublish.core.building import BuildStopped, Step
from hublish.core.needs import Need
from hublish.core.queue import BuildTime, QueueLimits, Room, Ticket
from hublish.core.queue_records import QueueRecords

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
LATER = AT + timedelta(minutes=5)
ROOM = Room(replica="a", strategies=("layered",), slots=1)
STOPPED = BuildStopped(code="WheelMissing", message="six", hint="", step=Step.PACKAGES)
FREE = QueueLimits()


@pytest.fixture
def builds(engine: sa.Engine) -> BuildStore:
    return BuildStore(engine)


@pytest.fixture
def queue(engine: sa.Engine) -> QueueRecords:
    return QueueStore(engine)


def make_ticket(builds: BuildStore, key: str, *, owner: str = "octo") -> Ticket:
    name = builds.claim_build(key, at=AT).name
    return Ticket(
        name=name, owner=owner, repo_id=3_000_000_000, strategy="layered", fork=key == "b", turn=0, entered_at=AT
    )


def enter(queue: QueueRecords, builds: BuildStore, key: str, *, owner: str = "octo") -> Ticket:
    ticket = make_ticket(builds, key, owner=owner)
    assert queue.enter(ticket, limits=FREE) is None
    return ticket


def admit(queue: QueueRecords, *rooms: Room, limits: QueueLimits = FREE) -> list[tuple[str, str]]:
    starts = queue.admit(limits=limits, rooms=rooms or (ROOM,), at=LATER)
    return [(ticket.name, ticket.replica) for ticket in starts]


def test_waiting_builds_get_the_free_slots_in_turn(queue: QueueRecords, builds: BuildStore) -> None:
    """A slot is taken until the build leaves; the build's time begins with its slot."""
    first, second = (enter(queue, builds, key) for key in ("a", "b"))
    third = enter(queue, builds, "c", owner="bell")
    starts = [admit(queue), admit(queue)]
    build = builds.read_build(first.name)
    queue.leave(first.name, time=None)
    starts.append(admit(queue))

    assert starts == [[(first.name, "a")], [], [(third.name, "a")]]
    assert build is not None
    assert build.started_at == LATER
    assert queue.list_tickets() == (
        replace(third, turn=0, started_at=LATER, replica="a"),
        replace(second, turn=1),
    )


def test_needs_of_a_build_go_and_come_with_its_ticket(
    queue: QueueRecords, builds: BuildStore, engine: sa.Engine
) -> None:
    """An engine that lacks them gives no slot; nothing of them is left once the build leaves."""
    ticket = replace(make_ticket(builds, "a"), needs=(Need.BUILDKIT, Need.WHEELS))
    assert queue.enter(ticket, limits=FREE) is None
    lacking = replace(ROOM, lacks=(Need.WHEELS,))

    assert queue.list_tickets() == (ticket,)
    assert [admit(queue, lacking), admit(queue)] == [[], [(ticket.name, "a")]]
    queue.leave(ticket.name, time=None)
    with engine.connect() as connection:
        assert connection.execute(sa.select(build_needs)).all() == []


def test_round_that_was_served_is_remembered(queue: QueueRecords, builds: BuildStore) -> None:
    """An owner who comes later joins the round at hand, also when nothing of it runs any more."""
    tickets = [enter(queue, builds, key) for key in ("a", "b", "c", "d")]
    for ticket in tickets[:3]:
        admit(queue)
        queue.leave(ticket.name, time=None)
    enter(queue, builds, "e", owner="bell")

    assert [(ticket.owner, ticket.turn) for ticket in queue.list_tickets()] == [("bell", 2), ("octo", 3)]


def test_build_enters_once_and_only_while_it_is_open(queue: QueueRecords, builds: BuildStore) -> None:
    """Joining costs no slot; a repeated step and a build that ended in between change nothing."""
    ticket = enter(queue, builds, "a")
    ended = make_ticket(builds, "b")
    builds.finish_build(ended.name, STOPPED, at=AT)
    refusals = [queue.enter(item, limits=QueueLimits(waiting_per_owner=1)) for item in (ticket, ended)]

    assert refusals == [None, None]
    assert queue.list_tickets() == (ticket,)


def test_full_queue_refuses(queue: QueueRecords, builds: BuildStore) -> None:
    """With the reason, and without a trace."""
    enter(queue, builds, "a")
    refusal = queue.enter(make_ticket(builds, "b"), limits=QueueLimits(waiting_per_owner=1))

    assert refusal == "1 builds of octo wait already, and this service lets no more of one owner wait"
    assert len(queue.list_tickets()) == 1


def test_deciders_at_once_give_each_slot_once(engine: sa.Engine, builds: BuildStore) -> None:
    """Replicas that decide at the same moment never exceed a limit that counts for all of them."""
    entrance = QueueStore(engine)
    for number in range(12):
        enter(entrance, builds, f"k{number}", owner=f"o{number}")
    url = engine.url.render_as_string(hide_password=False)
    others = [] if engine.dialect.name == "sqlite" else [open_database(url) for _ in range(3)]
    stores = [entrance, *(QueueStore(other) for other in others)]
    room = Room(replica="a", strategies=("layered",), slots=None)

    def decide(number: int) -> int:
        store = stores[number % len(stores)]
        return len(store.admit(limits=QueueLimits(builds=5), rooms=(room,), at=LATER))

    with ThreadPoolExecutor(4) as pool:
        given = sum(pool.map(decide, range(12)))
    for other in others:
        other.dispose()

    assert given == 5
    assert sum(ticket.started_at is not None for ticket in entrance.list_tickets()) == 5


def test_running_build_moves_to_another_replica(queue: QueueRecords, builds: BuildStore) -> None:
    """One that waits belongs to nobody."""
    running, waiting = (enter(queue, builds, key) for key in ("a", "b"))
    admit(queue)
    queue.move_tickets((running.name, waiting.name), target="b")

    assert [(ticket.name, ticket.replica) for ticket in queue.list_tickets()] == [
        (running.name, "b"),
        (waiting.name, ""),
    ]


def test_base_waits_without_a_record_of_its_own_for_one_replica(queue: QueueRecords) -> None:
    """Nobody claimed a build of that name, and only the replica that it names gives it a slot."""
    ticket = Ticket(name="base-1", owner="octo", repo_id=7, strategy="layered", turn=0, entered_at=AT, replica="a")
    refusals = [queue.enter(ticket, limits=QueueLimits()) for _ in range(2)]
    rooms = [Room(replica=replica, strategies=("layered",), slots=None) for replica in ("b", "a")]
    admitted = [queue.admit(limits=QueueLimits(), rooms=(room,), at=LATER) for room in rooms]

    assert refusals == [None, None]
    assert [[item.name for item in items] for items in admitted] == [[], ["base-1"]]


def test_last_durations_of_a_repository_are_kept(queue: QueueRecords) -> None:
    """Older ones of the same repository and strategy go; leaving twice counts once."""
    for number in range(TIMES_KEPT + 5):
        for _ in range(2):
            queue.leave(f"build-{number}", time=BuildTime(repo_id=7, strategy="layered", seconds=number))
    other = BuildTime(repo_id=8, strategy="layered", seconds=1)
    queue.leave("build-x", time=other)

    assert queue.list_times() == (
        other,
        *(BuildTime(repo_id=7, strategy="layered", seconds=n) for n in reversed(range(5, TIMES_KEPT + 5))),
    )
