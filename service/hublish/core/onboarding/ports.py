"""What onboarding works with: who waits to be looked at, what a repository is, and whether a registry takes a push.

Decides nothing. A newcomer is a repository that an installation brought; each is looked at once for that installation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from hublish.core.reference import Reference
from hublish.core.repository import Repository


class NewcomerState(Enum):
    """Where a newcomer is: it waits, has a pull request, needs none, or could not be looked at."""

    DUE = "due"
    PROPOSED = "proposed"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """A repository that is to be looked at.

    Attributes:
        repo_id: GitHub's id.
        installation_id: the App's installation that brought it.
        full_name: `owner/name` when it came.
        tries: looks that ended in a failure which may pass.
    """

    repo_id: int
    installation_id: int
    full_name: str
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A repository as it is now: whether it is a fork, and whether it can no longer be written."""

    repository: Repository
    fork: bool
    archived: bool


class NewcomerRecords(Protocol):
    """Newcomers in the database."""

    def add_newcomers(self, newcomers: tuple[Newcomer, ...], *, at: datetime) -> int:
        """Let repositories wait; returns how many do so anew. One that this installation brought before stays as it is."""

    def find_due_newcomer(self, at: datetime) -> Newcomer | None:
        """The one that waits longest and may be looked at now."""

    def put_off_newcomer(self, repo_id: int, *, until: datetime) -> None:
        """Count a failed try, and let the repository wait until then."""

    def finish_newcomer(self, repo_id: int, state: NewcomerState, *, reason: str, at: datetime) -> None:
        """Say what became of a repository."""

    def count_proposals(self, since: datetime) -> int:
        """Pull requests that were opened since then."""


class StandingReader(Protocol):
    """Reads of a repository that only onboarding needs."""

    def fetch_standing(self, newcomer: Newcomer) -> Standing:
        """The repository as it is now, under its name of today. Raises SourceMissing when the App cannot see it."""

    def has_proposal(self, repository: Repository, branch: str) -> bool:
        """Whether there is or ever was a pull request from this branch of the repository: open, merged or closed."""


class RepositoryMaker(Protocol):
    """Makes repositories of images where a registry does not make them itself."""

    def ensure_repository(self, reference: Reference) -> bool:
        """Make the reference's repository, private where that can be said, unless it is there; True when it was made.

        A registry that makes repositories itself is not asked. Raises RegistryFailed, SettingsInvalid.
        """


class PushProbe(Protocol):
    """Asks a registry whether it takes a push."""

    def verify_push(self, reference: Reference) -> None:
        """Begin an upload into the reference's repository and cancel it. Raises RegistryFailed when it is refused."""
