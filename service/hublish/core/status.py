"""The states of a run and the moves between them: a table. An illegal move raises and changes nothing.

```
received -> planning -> building -> delivering -> delivered
                     -> answered
    any state but an ended one    -> failed | denied | skipped | cancelled
```
"""

from __future__ import annotations

from enum import Enum

from hublish.errors import TransitionInvalid


class RunState(Enum):
    """Where a run is on its way to its answer."""

    RECEIVED = "received"
    PLANNING = "planning"
    BUILDING = "building"
    DELIVERING = "delivering"
    DELIVERED = "delivered"
    FAILED = "failed"
    DENIED = "denied"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    ANSWERED = "answered"

    @property
    def ended(self) -> bool:
        """True when the run has come to its answer."""
        return self in ENDED

    @property
    def may_retry(self) -> bool:
        """True when a redelivery of the same trigger starts a new attempt."""
        return self is RunState.FAILED


_UNHAPPY = frozenset({RunState.FAILED, RunState.DENIED, RunState.SKIPPED, RunState.CANCELLED})
ENDED = _UNHAPPY | {RunState.DELIVERED, RunState.ANSWERED}

MOVES: dict[RunState, frozenset[RunState]] = {
    RunState.RECEIVED: frozenset({RunState.PLANNING}) | _UNHAPPY,
    RunState.PLANNING: frozenset({RunState.BUILDING, RunState.ANSWERED}) | _UNHAPPY,
    RunState.BUILDING: frozenset({RunState.DELIVERING}) | _UNHAPPY,
    RunState.DELIVERING: frozenset({RunState.DELIVERED}) | _UNHAPPY,
    **dict.fromkeys(ENDED, frozenset()),
}


def verify_move(old: RunState, new: RunState) -> None:
    """Allow a move of the table, and staying where one is (a step repeated after a crash).

    Raises:
        TransitionInvalid: the table has no such move.
    """
    if new is not old and new not in MOVES[old]:
        raise TransitionInvalid(f"a run that is {old.value} cannot become {new.value}")
