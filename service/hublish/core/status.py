"""The states of a run and the moves between them: a table. An illegal move raises and changes nothing.

```
received -> planning -> building -> delivering -> delivered
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

    @property
    def ended(self) -> bool:
        """True when the run has come to its answer."""
        return self in ENDED

    @property
    def may_retry(self) -> bool:
        """True when a redelivery of the same trigger starts a new attempt."""
        return self is RunState.FAILED


ENDED = frozenset({RunState.DELIVERED, RunState.FAILED, RunState.DENIED, RunState.SKIPPED, RunState.CANCELLED})

_UNHAPPY = frozenset({RunState.FAILED, RunState.DENIED, RunState.SKIPPED, RunState.CANCELLED})

MOVES: dict[RunState, frozenset[RunState]] = {
    RunState.RECEIVED: frozenset({RunState.PLANNING}) | _UNHAPPY,
    RunState.PLANNING: frozenset({RunState.BUILDING}) | _UNHAPPY,
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
