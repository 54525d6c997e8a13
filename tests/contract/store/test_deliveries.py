"""Webhooks in the database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from hublish.adapters.store import DeliveryStore
from hublish.core.records import Delivery, DeliveryEntry, DeliveryRecords, DeliveryState

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
BODY = b'{"action": "published"}\x00\xff'


@pytest.fixture
def store(engine: sa.Engine) -> DeliveryRecords:
    return DeliveryStore(engine)


def insert(store: DeliveryRecords, guid: str, body: bytes = BODY) -> bool:
    return store.insert_delivery(guid=guid, event="release", body=body, at=AT)


def finish(store: DeliveryRecords, delivery: Delivery, state: DeliveryState = DeliveryState.ACCEPTED) -> None:
    store.finish_delivery(delivery.id, times=delivery.times, state=state, reason="why", run_id="r1")


def test_deliveries_are_due_in_the_order_they_came(store: DeliveryRecords) -> None:
    """Every byte of a body comes back; at most as many as asked for."""
    fresh = [insert(store, guid) for guid in ("b", "a", "c")]

    assert fresh == [True, True, True]
    assert [(item.guid, item.event, item.body, item.times) for item in store.list_due_deliveries(2)] == [
        ("b", "release", BODY, 1),
        ("a", "release", BODY, 1),
    ]


def test_delivery_that_came_before_is_due_again(store: DeliveryRecords) -> None:
    """A redelivery is the same row, counted, and looked at once more."""
    insert(store, "a")
    (first,) = store.list_due_deliveries(10)
    finish(store, first)
    again = insert(store, "a")
    (second,) = store.list_due_deliveries(10)

    assert again is False
    assert (second.id, second.times) == (first.id, 2)


def test_same_guid_with_another_body_is_another_delivery(store: DeliveryRecords) -> None:
    """The GUID is outside GitHub's signature, so it alone joins nothing."""
    insert(store, "a")

    assert insert(store, "a", body=b"{}") is True
    assert len(store.list_due_deliveries(10)) == 2


def test_finished_delivery_is_no_longer_due(store: DeliveryRecords) -> None:
    """Each state is counted."""
    for guid in ("a", "b", "c"):
        insert(store, guid)
    first, second, third = store.list_due_deliveries(10)
    finish(store, first)
    finish(store, second, DeliveryState.IGNORED)

    assert store.list_due_deliveries(10) == (third,)
    assert store.count_deliveries() == {"accepted": 1, "ignored": 1, "received": 1}


def test_delivery_that_came_again_meanwhile_stays_due(store: DeliveryRecords) -> None:
    """What was decided about its first arrival does not answer its second."""
    insert(store, "a")
    (first,) = store.list_due_deliveries(10)
    insert(store, "a")
    finish(store, first)

    assert [item.times for item in store.list_due_deliveries(10)] == [2]


def test_duplicates_at_once_are_one_row(store: DeliveryRecords) -> None:
    """Of twenty arrivals in several threads one is fresh and all are counted."""
    with ThreadPoolExecutor(4) as pool:
        fresh = list(pool.map(lambda _: insert(store, "a"), range(20)))
    (delivery,) = store.list_due_deliveries(10)

    assert sum(fresh) == 1
    assert delivery.times == 20


def miss(store: DeliveryRecords, guid: str) -> bool:
    return store.insert_missed_delivery(guid=guid, event="push", body=b"{}", at=AT)


def test_missed_delivery_is_stored_once_by_its_guid(store: DeliveryRecords) -> None:
    """Whatever the bytes are: GitHub's API does not give those that were signed."""
    insert(store, "came")
    fresh = [miss(store, guid) for guid in ("came", "missed", "missed")]

    assert fresh == [False, True, False]
    assert [(item.guid, item.event, item.times) for item in store.list_due_deliveries(10)] == [
        ("came", "release", 1),
        ("missed", "push", 1),
    ]


def test_webhook_takes_the_place_of_what_was_fetched(store: DeliveryRecords) -> None:
    """One row, with the signed bytes and due again; from then on it is like any other."""
    miss(store, "a")
    (fetched,) = store.list_due_deliveries(10)
    finish(store, fetched)
    fresh = [insert(store, "a"), insert(store, "a"), insert(store, "a", body=b"other")]

    assert fresh == [False, False, True]
    assert [(item.guid, item.event, item.body, item.times) for item in store.list_due_deliveries(10)] == [
        ("a", "release", BODY, 3),
        ("a", "release", b"other", 1),
    ]


def test_guid_stored_twice_by_two_replicas_is_no_fault(store: DeliveryRecords, engine: sa.Engine) -> None:
    """A sweep and a webhook that did not see each other leave two rows; a redelivery counts for the signed one."""
    miss(store, "a")
    with engine.begin() as connection:
        connection.execute(sa.text("update deliveries set guid = 'b'"))
    insert(store, "a")
    with engine.begin() as connection:
        connection.execute(sa.text("update deliveries set guid = 'a'"))

    assert insert(store, "a") is False
    assert [item.times for item in store.list_due_deliveries(10)] == [1, 2]


def test_known_guids_and_the_first_arrival_are_found(store: DeliveryRecords) -> None:
    """However many are asked about."""
    assert (store.find_first_arrival(), store.list_known_guids(("a",))) == (None, frozenset())
    insert(store, "a")
    miss(store, "b")

    assert store.find_first_arrival() == AT
    assert store.list_known_guids((*(f"x{number}" for number in range(1100)), "a", "b")) == {"a", "b"}


def test_entries_say_what_became_of_deliveries(engine: sa.Engine) -> None:
    """Newest first, without the bodies; found by number or GUID, of which the newest row counts."""
    store = DeliveryStore(engine)
    for guid, body in (("a", BODY), ("77", b"{}"), ("a", b"{}")):
        insert(store, guid, body=body)
    first, second, third = store.list_due_deliveries(10)
    finish(store, first)
    entry = DeliveryEntry(
        id=first.id,
        guid="a",
        event="release",
        times=1,
        state=DeliveryState.ACCEPTED,
        reason="why",
        run_id="r1",
        received_at=AT,
    )

    assert [row.id for row in store.list_entries(2)] == [third.id, second.id]
    assert store.find_entry(str(first.id)) == entry
    assert [row.id for name in ("a", "77") if (row := store.find_entry(name))] == [third.id, second.id]
    assert [store.find_entry(name) for name in ("none", "9" * 40, "²")] == [None, None, None]
    assert (store.read_body(first.id), store.read_body(999)) == (BODY, b"")


def test_repeated_delivery_is_due_as_if_it_had_come_again(engine: sa.Engine) -> None:
    """Counted, so that a run of it that failed is tried again."""
    store = DeliveryStore(engine)
    insert(store, "a")
    (delivery,) = store.list_due_deliveries(10)
    finish(store, delivery)
    store.repeat_delivery(delivery.id)

    assert [item.times for item in store.list_due_deliveries(10)] == [2]
