"""The queue's decisions: limits kept, owners served in turn, no slot left empty."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hublish.core.needs import Need
from hublish.core.queue import (
    PLACES_LIMIT,
    BuildTime,
    Pace,
    Place,
    QueueLimits,
    Room,
    Ticket,
    choose_starts,
    find_places,
    find_refusal,
    make_turn,
    render_place,
)

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ROOM = Room(replica="a", strategies=("layered",), slots=1)
FREE = QueueLimits()


def make_ticket(name: str, *, owner: str = "octo", repo_id: int = 7, turn: int = 0, second: int = 0) -> Ticket:
    return Ticket(
        name=name,
        owner=owner,
        repo_id=repo_id,
        strategy="layered",
        turn=turn,
        entered_at=AT + timedelta(seconds=second),
    )


def make_running(name: str, *, replica: str = "a", **values: object) -> Ticket:
    return replace(make_ticket(name), started_at=AT, replica=replica, **values)


def enter(tickets: list[Ticket], name: str, owner: str, *, served: int = 0, second: int = 0) -> None:
    turn = make_turn(owner, tickets, served=served)
    tickets.append(make_ticket(name, owner=owner, repo_id=len(owner), turn=turn, second=second))


def play(tickets: list[Ticket], *, limits: QueueLimits = FREE, rooms: tuple[Room, ...] = (ROOM,)) -> list[str]:
    """The order in which all of them start when each one ends before the next decision."""
    order: list[str] = []
    waiting = list(tickets)
    while waiting:
        starts = choose_starts(waiting, (), limits=limits, rooms=rooms)
        order += [ticket.name for ticket in starts]
        waiting = [ticket for ticket in waiting if ticket.name not in order]
    return order


def test_owners_take_turns_and_each_ones_oldest_goes_first() -> None:
    """Three builds of one owner and one of another: the other one's is second, not last."""
    tickets: list[Ticket] = []
    for second, (name, owner) in enumerate((("a1", "acme"), ("a2", "acme"), ("a3", "acme"), ("b1", "bell"))):
        enter(tickets, name, owner, second=second)

    assert play(tickets) == ["a1", "b1", "a2", "a3"]


def test_build_takes_a_slot_of_the_engine_that_will_take_it() -> None:
    """One that the first engine refuses uses the second's, so that others get the first's; one that none takes has none."""
    docker = Room(replica="a", strategies=("layered",), slots=1, lacks=(Need.BUILDKIT,))
    pods = Room(replica="a", strategies=("layered",), slots=1, wheel_owners=())
    waiting = [
        replace(make_ticket("w1"), needs=(Need.BUILDKIT,)),
        make_ticket("w2", second=1),
        replace(make_ticket("w3", second=2), needs=(Need.BUILDKIT, Need.WHEELS)),
    ]
    starts = choose_starts(waiting, (), limits=FREE, rooms=(docker, pods))

    assert [ticket.name for ticket in starts] == ["w1", "w2"]


@pytest.mark.parametrize(
    ("values", "takes"),
    [
        ({}, True),
        ({"strategy": "source"}, False),
        ({"owner": "bell"}, True),
        ({"needs": (Need.WHEELS,)}, True),
        ({"needs": (Need.WHEELS,), "owner": "bell"}, False),
        ({"needs": (Need.TRIED_WHEELS,), "owner": "bell"}, False),
        ({"needs": (Need.TRIED_WHEELS,), "fork": True}, False),
        ({"needs": (Need.BUILDKIT,)}, False),
    ],
)
def test_room_takes_what_its_engine_executes(values: dict[str, object], takes: bool) -> None:
    """Wheels only for those whom it builds them for, and never a fork's."""
    room = replace(ROOM, lacks=(Need.BUILDKIT,), wheel_owners=("octo",))

    assert room.takes(replace(make_ticket("a"), **values)) is takes


def test_newcomer_joins_the_round_that_is_served() -> None:
    """Who had nothing so far neither waits behind a hundred nor is paid for the past."""
    tickets: list[Ticket] = []
    for second in range(6):
        enter(tickets, f"a{second}", "acme", second=second)
    waiting = [ticket for ticket in tickets if ticket.turn > 2]
    enter(waiting, "b1", "bell", served=2, second=9)
    enter(waiting, "b2", "bell", served=2, second=9)

    assert play(waiting) == ["b1", "a3", "b2", "a4", "a5"]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (QueueLimits(), ("w1", "w2", "w3")),
        (QueueLimits(builds=2), ("w1",)),
        (QueueLimits(per_owner=1), ("w2",)),
        (QueueLimits(per_repo=1), ("w1", "w2")),
        (QueueLimits(builds=1), ()),
    ],
)
def test_each_limit_holds_and_passes_over_only_whom_it_meets(limits: QueueLimits, expected: tuple[str, ...]) -> None:
    """Whoever may not start leaves the slot to the next one."""
    running = make_running("r", owner="acme", repo_id=1)
    waiting = [
        make_ticket("w1", owner="acme", repo_id=2, turn=1),
        make_ticket("w2", owner="bell", repo_id=3, turn=2),
        make_ticket("w3", owner="acme", repo_id=1, turn=3),
    ]
    rooms = (Room(replica="a", strategies=("layered",), slots=None),)

    starts = choose_starts(waiting, [running], limits=limits, rooms=rooms)

    assert tuple(ticket.name for ticket in starts) == expected


def test_slots_of_each_engine_are_kept() -> None:
    """A replica's engines have rooms of their own; what runs elsewhere does not fill them."""
    rooms = (
        Room(replica="a", strategies=("layered",), slots=1),
        Room(replica="a", strategies=("dockerfile", "source"), slots=1),
        Room(replica="b", strategies=("layered",), slots=2),
    )
    running = [make_running("r1"), make_running("r2", replica="c"), make_running("r3", replica="b")]
    names = (("l1", "layered"), ("l2", "layered"), ("d1", "dockerfile"), ("s1", "source"), ("x1", "other"))
    waiting = [replace(make_ticket(name, second=n), strategy=kind) for n, (name, kind) in enumerate(names)]

    starts = choose_starts(waiting, running, limits=FREE, rooms=rooms)

    assert [(ticket.name, ticket.replica) for ticket in starts] == [("l1", "b"), ("d1", "a")]


def test_first_room_that_takes_a_build_is_where_it_counts() -> None:
    """As the engines are asked in order: one that serves listed owners and no fork, then one for everybody else."""
    rooms = (
        Room(replica="a", strategies=("layered",), slots=1, owners=("acme",)),
        Room(replica="a", strategies=("layered",), slots=2),
    )
    running = [make_running("r", owner="acme")]
    listed, fork = make_ticket("w1", owner="acme"), replace(make_ticket("w2", owner="acme"), fork=True)
    others = [make_ticket("w3", owner="bell"), make_ticket("w4", owner="crow")]

    starts = choose_starts([listed, fork, *others], running, limits=FREE, rooms=rooms)

    assert [ticket.name for ticket in starts] == ["w2", "w3"]


def test_full_queue_says_whose_limit_is_reached() -> None:
    """Running builds do not count; the owner's own limit is named before the service's."""
    tickets = [make_ticket("a1"), make_ticket("a2"), make_ticket("b1", owner="bell"), make_running("a3")]
    limits = QueueLimits(waiting=4, waiting_per_owner=2)

    assert find_refusal("octo", tickets, limits) == (
        "2 builds of octo wait already, and this service lets no more of one owner wait"
    )
    assert find_refusal("bell", tickets, limits) is None
    assert find_refusal("bell", tickets, replace(limits, waiting=3)) == (
        "3 builds wait already, and this service lets no more wait"
    )


def test_places_follow_the_medians_of_recent_builds() -> None:
    """What runs ends after the rest of its median; a repository never built counts as all of its strategy do."""
    times = (*(BuildTime(repo_id=7, strategy="layered", seconds=s) for s in (10, 60, 20)),)
    running = replace(make_running("r"), started_at=AT - timedelta(seconds=5))
    tickets = [running, make_ticket("w1", turn=1), make_ticket("w2", owner="bell", repo_id=8, turn=2)]

    places = find_places(tickets, limits=FREE, rooms=(ROOM,), pace=Pace(times), now=AT)

    assert places == {
        "w1": Place(position=1, waiting=2, wait_seconds=15),
        "w2": Place(position=2, waiting=2, wait_seconds=35),
    }


def test_build_that_takes_longer_than_usual_is_expected_to_end_now() -> None:
    """Never a time that is over."""
    pace = Pace([BuildTime(repo_id=7, strategy="layered", seconds=10)])
    running = replace(make_running("r"), started_at=AT - timedelta(seconds=50))

    places = find_places([running, make_ticket("w")], limits=FREE, rooms=(ROOM,), pace=pace, now=AT)

    assert places == {"w": Place(position=1, waiting=1, wait_seconds=0)}


def test_order_is_foreseen_without_durations() -> None:
    """Before anything was built there is a position and no time; the next one could start at once."""
    tickets = [make_ticket("w1"), make_ticket("w2", turn=1)]

    places = find_places(tickets, limits=FREE, rooms=(ROOM,), pace=Pace(()), now=AT)

    assert places == {
        "w1": Place(position=1, waiting=2, wait_seconds=0),
        "w2": Place(position=2, waiting=2, wait_seconds=None),
    }


def test_build_without_a_room_has_no_place() -> None:
    """As long as no engine takes it."""
    assert find_places([make_ticket("w")], limits=FREE, rooms=(), pace=Pace(()), now=AT) == {}


def test_places_far_back_are_not_counted() -> None:
    """A thousand tickets cost as much as two hundred."""
    tickets = [make_ticket(f"w{n:03d}", turn=n) for n in range(PLACES_LIMIT + 5)]

    places = find_places(tickets, limits=FREE, rooms=(ROOM,), pace=Pace(()), now=AT)

    assert len(places) == PLACES_LIMIT
    assert places["w000"].waiting == PLACES_LIMIT + 5


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "waits for a slot, position 3 of 12"),
        (0, "waits for a slot, position 3 of 12, expected to start in about 1.0 s"),
        (240.2, "waits for a slot, position 3 of 12, expected to start in about 4 min 1 s"),
    ],
)
def test_place_is_one_sentence(seconds: float | None, expected: str) -> None:
    """With the time when there is one."""
    assert render_place(Place(position=3, waiting=12, wait_seconds=seconds)) == expected


def test_build_that_names_its_replica_waits_for_a_slot_there() -> None:
    """Another replica's empty slot is no help to it, and it holds up nobody else's build."""
    bound = replace(make_ticket("base-1"), replica="b")
    free = make_ticket("free", second=1)
    rooms = (ROOM, replace(ROOM, replica="b", slots=0))
    starts = choose_starts((bound, free), (), limits=FREE, rooms=rooms)
    later = choose_starts((bound,), (), limits=FREE, rooms=(ROOM, replace(ROOM, replica="b")))

    assert (bound.is_base, free.is_base) == (True, False)
    assert [(ticket.name, ticket.replica) for ticket in starts] == [("free", "a")]
    assert [(ticket.name, ticket.replica) for ticket in later] == [("base-1", "b")]
