"""Which deliveries were missed, by GitHub's list and what is stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hublish.core.github.deliveries import ListedDelivery, find_missed, select_handled

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def make(number: int, guid: str, *, answered: bool = False, event: str = "release") -> ListedDelivery:
    """A delivery `number` minutes after noon."""
    return ListedDelivery(
        id=number,
        guid=guid,
        event=event,
        action="published",
        delivered_at=NOON + timedelta(minutes=number),
        answered=answered,
    )


def test_unknown_deliveries_are_missed_oldest_first() -> None:
    """What is stored is left out, answered or not."""
    listed = [make(4, "d"), make(3, "c", answered=True), make(2, "b"), make(1, "a")]

    missed = find_missed(listed, known=frozenset({"b"}), serving_since=NOON)

    assert [delivery.guid for delivery in missed] == ["a", "c", "d"]


def test_attempts_at_one_delivery_are_missed_once() -> None:
    """The newest attempt stands for all of its GUID."""
    listed = [make(3, "a"), make(2, "b"), make(1, "a")]

    missed = find_missed(listed, known=frozenset(), serving_since=None)

    assert [(delivery.guid, delivery.id) for delivery in missed] == [("b", 2), ("a", 3)]


@pytest.mark.parametrize("serving_since", [None, NOON + timedelta(minutes=5)])
def test_what_another_database_answered_is_not_done_again(serving_since: datetime | None) -> None:
    """A service that starts with an empty database repeats no release of the one before it."""
    listed = [make(3, "a"), make(2, "b", answered=True), make(1, "a", answered=True)]

    assert find_missed(listed, known=frozenset(), serving_since=serving_since) == ()


def test_only_what_is_handled_is_looked_at() -> None:
    """Events nobody reads cost no request, and names that no delivery has reach no database."""
    listed = [
        make(5, "a"),
        make(4, "b", event="star"),
        make(3, "c;drop"),
        make(2, "d", event="RELEASE"),
        make(1, "e" * 65),
    ]

    assert [delivery.guid for delivery in select_handled(listed)] == ["a"]
