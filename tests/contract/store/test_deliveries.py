"""Webhooks in the database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from hublish.adapters.store import DeliveryStore
from hublish.core.records import Delivery, DeliveryRecords, DeliveryState

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
