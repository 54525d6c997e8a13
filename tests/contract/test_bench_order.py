"""How `make bench-engines` judges the order in which builds got their slots."""

from __future__ import annotations

import pytest
from bench.engines.order import Start, find_disorder, find_most_held_up


def make_starts(*words: str) -> list[Start]:
    """ "a0" is a build of owner a that entered at second 0; they start one second after the other, from second 10 on."""
    return [
        Start(name=word, owner=word[0], turn=0, entered_at=f"{int(word[1:]):02}", started_at=f"{10 + number:02}")
        for number, word in enumerate(words)
    ]


@pytest.mark.parametrize(
    ("starts", "expected"),
    [
        (("a0", "a1", "b2", "a3", "b4"), []),
        (("a1", "b2", "a0"), ["a0"]),
        (("a1", "b9", "a0", "b8", "a2"), ["a0", "b8"]),
    ],
)
def test_builds_that_overtake_their_owners_older_ones_are_found(starts, expected) -> None:
    """Owners may pass each other, builds of one owner may not."""

    assert find_disorder(make_starts(*starts)) == expected


@pytest.mark.parametrize(
    ("starts", "expected"),
    [
        (("a0", "a1", "b2", "a3", "b4", "a5"), 2),
        (("b0", "a1", "b2", "a3"), 1),
        (("a0", "a1", "a2", "b13"), 0),
        (("a0", "a1", "a2", "b11", "a3", "a4", "b5"), 2),
    ],
)
def test_starts_of_others_in_a_row_are_counted(starts, expected) -> None:
    """Those before a build that was waiting already, since its owner's last one; what started before it came is no matter."""

    assert find_most_held_up(make_starts(*starts)) == expected
