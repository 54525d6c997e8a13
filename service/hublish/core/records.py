"""What hublish remembers: deliveries, runs, builds; and the narrow ports through which it does.

The database holds facts about the domain only. The state of a workflow belongs to the workflow engine, logs belong to
the archive, and neither is ever asked for the other's part.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from hublish.core.building import BuildOutcome, Progress
from hublish.core.reference import Reference
from hublish.core.status import RunState


class DeliveryState(Enum):
    """What became of a stored webhook."""

    RECEIVED = "received"
    IGNORED = "ignored"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A webhook as it came.

    Attributes:
        id: our row number, in order of arrival.
        guid: X-GitHub-Delivery.
        event: X-GitHub-Event.
        body: the raw, verified body.
        times: how often this very delivery came (redeliveries count).
        received_at: when it first came, aware UTC.
    """

    id: int
    guid: str
    event: str
    body: bytes
    times: int
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryEntry:
    """What became of a delivery; `id`, `guid`, `event` and `times` as in Delivery.

    Attributes:
        state: what was decided.
        reason: why it was ignored, or "".
        run_id: the run it started or joined, or None.
        received_at: when it first came, aware UTC.
    """

    id: int
    guid: str
    event: str
    times: int
    state: DeliveryState
    reason: str
    run_id: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One trigger on its way to an answer.

    Attributes:
        id: unguessable; part of the public page's address.
        key: semantic key of the trigger.
        attempt: 1-based; a redelivery after a failure is the next one.
        state: see `hublish.core.status`.
        repository: `owner/name` as it was when the run began.
        ref: what was asked for: a tag, branch or SHA; "" when the default branch is meant.
        actor: login of whoever caused it.
        sha: resolved commit, or None before that.
        trigger: the trigger as versioned JSON.
        message: one sentence on how it ended, or ""; safe to show.
        created_at: aware UTC.
        ended_at: aware UTC, or None.
    """

    id: str
    key: str
    attempt: int
    state: RunState
    repository: str
    ref: str
    actor: str
    sha: str | None
    trigger: str
    message: str
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStep:
    """One line of a run's history, for its page.

    Attributes:
        name: e.g. "plan", "build ts", "push v1.2".
        state: "running", "done", "failed" or "skipped".
        detail: one line, safe to show.
        started_at: aware UTC.
        ended_at: aware UTC, or None while running.
    """

    name: str
    state: str
    detail: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build, shared by all runs that want it.

    Attributes:
        name: `build-<key>-<attempt>`; the engine's run and the log bear it.
        key: build key of the plan.
        attempt: 1-based.
        progress: last one noted, or None.
        outcome: None while it runs.
        started_at: aware UTC.
        ended_at: aware UTC, or None.
    """

    name: str
    key: str
    attempt: int
    progress: Progress | None
    outcome: BuildOutcome | None
    started_at: datetime
    ended_at: datetime | None


class DeliveryRecords(Protocol):
    """Webhooks, stored before they are answered."""

    def insert_delivery(self, *, guid: str, event: str, body: bytes, at: datetime) -> bool:
        """Store a webhook; False when this guid and body came before (it is then due again)."""

    def insert_missed_delivery(self, *, guid: str, event: str, body: bytes, at: datetime) -> bool:
        """Store what GitHub kept of a webhook that never came; False when this guid is stored already."""

    def list_known_guids(self, guids: Sequence[str]) -> frozenset[str]:
        """Those of `guids` that are stored."""

    def find_first_arrival(self) -> datetime | None:
        """When the first delivery of all was stored, aware UTC."""

    def list_due_deliveries(self, limit: int) -> tuple[Delivery, ...]:
        """Deliveries nobody has looked at since they (last) came, oldest first."""

    def finish_delivery(
        self, delivery_id: int, *, times: int, state: DeliveryState, reason: str, run_id: str | None
    ) -> None:
        """Record what became of a delivery, unless it came again since (`times` moved on)."""

    def count_deliveries(self) -> dict[str, int]:
        """Number of deliveries by state."""


class RunRecords(Protocol):
    """Runs and their history."""

    def ensure_run(self, run: Run) -> Run:
        """Store a run unless one with its key and attempt exists; returns the stored one."""

    def find_latest_run(self, key: str) -> Run | None:
        """The last attempt for a semantic key."""

    def read_run(self, run_id: str) -> Run | None:
        """A run by its id."""

    def move_run(
        self, run_id: str, state: RunState, *, at: datetime, sha: str | None = None, message: str | None = None
    ) -> None:
        """Move a run on; `TransitionInvalid` when the table of states has no such move."""

    def list_runs(self, limit: int) -> tuple[Run, ...]:
        """The newest runs first."""

    def list_repository_runs(
        self, repo_id: int, *, limit: int, states: Collection[RunState] | None = None
    ) -> tuple[Run, ...]:
        """The newest runs of a source repository first, under whatever name it had; `states` None means all of them."""

    def list_named_runs(self, full_name: str, *, limit: int) -> tuple[Run, ...]:
        """The newest runs first of the repository that had this name when they began; GitHub's names have no case."""

    def list_last_deliveries(self) -> tuple[Run, ...]:
        """The newest delivered run under each name that a repository had, sorted by that name."""

    def list_open_runs(self) -> tuple[Run, ...]:
        """Runs that have not ended, oldest first: after a crash their workflow may have to be started."""


class StepRecords(Protocol):
    """The history of runs."""

    def ensure_step(self, run_id: str, name: str, *, state: str, detail: str, at: datetime) -> None:
        """Create or update a step of a run by its name; the first call sets its start, an ended state its end."""

    def list_steps(self, run_id: str) -> tuple[RunStep, ...]:
        """A run's steps in the order they began."""

    def ensure_titles(self, run_id: str, titles: Sequence[str]) -> None:
        """Record images that a run was decided to build; those that are known stay."""

    def list_titles(self, run_id: str) -> tuple[str, ...]:
        """Images that a run was decided to build, by name; empty when nothing was decided."""

    def ensure_link(self, run_id: str, build_name: str, image: str) -> None:
        """Record that a run waits for a build; a later build of the same image takes the earlier one's place."""

    def list_links(self, run_id: str) -> tuple[tuple[str, str], ...]:
        """`(build name, image)` of a run, in order."""


class BuildRecords(Protocol):
    """Builds, and the requests they were started with."""

    def ensure_request(self, key: str, request: str) -> None:
        """Store the request of a build key as versioned JSON; the newest one counts, as a repository may have moved."""

    def read_request(self, key: str) -> str | None:
        """The request of a build key."""

    def claim_build(self, key: str, *, at: datetime, instead_of: str | None = None) -> Build:
        """The build to join for a key: the running or succeeded one, else (or where that is `instead_of`) a new one."""

    def find_latest_build(self, key: str) -> Build | None:
        """The last attempt for a build key; None when it was never built."""

    def read_build(self, name: str) -> Build | None:
        """A build by its name."""

    def finish_build(self, name: str, outcome: BuildOutcome, *, at: datetime) -> None:
        """Record how a build ended; the first outcome stays."""

    def stop_build(self, name: str, outcome: BuildOutcome, *, at: datetime) -> bool:
        """Record how a build is stopped, unless it ended or a run waits for it that nobody cancelled; False then."""

    def note_progress(self, name: str, progress: Progress) -> None:
        """Remember how far a build is, for its page."""

    def list_targets(self, owner: str, *, owner_id: int | None, limit: int) -> tuple[Reference, ...]:
        """Repositories of images that builds of an owner's repositories were last pushed to, the newest first.

        Those of somebody who had the owner's login before are left out, as far as ids tell.
        """
