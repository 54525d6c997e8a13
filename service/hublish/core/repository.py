"""Who a repository on GitHub is: the ids that survive a rename, and the names that people read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository the App is installed on.

    Attributes:
        id: GitHub's repository id; the identity, survives renames and transfers.
        owner: login of the user or organisation.
        name: repository name without owner.
        installation_id: the App's installation that gives access.
        default_branch: branch that publish settings count from.
        private: True hides the repository's name from public pages.
        owner_id: GitHub's id of the user or organisation, which a login that changes hands does not take along; None for a
            repository that was stored before ids were.
    """

    id: int
    owner: str
    name: str
    installation_id: int
    default_branch: str
    private: bool = False
    owner_id: int | None = None

    @property
    def full_name(self) -> str:
        """`owner/name` as GitHub writes it."""
        return f"{self.owner}/{self.name}"


class RefKind(Enum):
    """What a ref turned out to be; only a tag goes the whole way to a hub."""

    TAG = "tag"
    BRANCH = "branch"
    SHA = "sha"
    PULL_REQUEST = "pull-request"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedRef:
    """A ref resolved to one commit.

    Attributes:
        name: what was asked for, without `refs/...`: `v1.2`, `main`, a SHA, or `7` for a pull request.
        kind: tag, branch, sha or pull request.
        sha: 40 lower-case hex digits of the commit (an annotated tag is peeled).
        fork: True when the commit is the head of a pull request that comes from another repository.
        closed: True for a pull request that is closed or merged.
    """

    name: str
    kind: RefKind
    sha: str
    fork: bool = False
    closed: bool = False


class Permission(Enum):
    """What the collaborator-permission call says of a person, least first; write and higher may start builds."""

    NONE = "none"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def covers(self, needed: Permission) -> bool:
        """Tell whether it is `needed` or more (GitHub reports maintain as write and triage as read)."""
        ranks = tuple(Permission)
        return ranks.index(self) >= ranks.index(needed)
