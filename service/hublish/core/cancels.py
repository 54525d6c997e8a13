"""Cancelled runs: who stopped what, and the port through which it is remembered. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hublish.core.status import RunState

STOPPABLE = frozenset({RunState.RECEIVED, RunState.PLANNING, RunState.BUILDING})
"""States in which a run can still be stopped: once tags are being set, stopping would leave half of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """A run that is to stop.

    Attributes:
        run_id: the run.
        by: the run of the command that stops it.
        actor: login of the person.
    """

    run_id: str
    by: str
    actor: str


class CancelRecords(Protocol):
    """Which runs are to stop. The first word counts."""

    def request_cancel(self, cancel: Cancel, *, at: datetime) -> bool:
        """Say that a run is to stop, unless it was said before; False when it is too late for that."""

    def find_cancel(self, run_id: str) -> Cancel | None:
        """Who stops a run; None when nobody does."""

    def list_cancels(self, by: str) -> tuple[Cancel, ...]:
        """The runs that the command of a run stops, in the order it was said."""
