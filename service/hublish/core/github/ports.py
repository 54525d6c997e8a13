"""The ports towards GitHub: what the inside reads of a repository, says in its threads, and proposes to a hub.

As in `hublish.core.ports`: each is narrow enough to fake in a test, all calls block, and they raise
`hublish.errors.HublishError` only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hublish.core.repository import Permission, Repository, ResolvedRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment of ours found by its marker: GitHub's id, URL for people, body."""

    id: int
    url: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """Where an answer is said.

    Attributes:
        kind: "issue" (issues and pull requests), "commit", or "release" (reactions only; comments go to its commit).
        number: issue or pull request number, or release id; 0 for a commit.
        sha: commit for kind "commit"; "" otherwise.
        comment_id: the comment that asked, whose reaction is meant; None for the thread itself.
    """

    kind: str
    number: int
    sha: str = ""
    comment_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A remark beside a line of a file.

    Attributes:
        path: the file in the commit.
        line: 1-based.
        level: "failure", "warning" or "notice".
        message: plain text, which GitHub shows as it is.
        column: 1-based; None when the whole line is meant.
        title: one or a few words; "" for none.
    """

    path: str
    line: int
    level: str
    message: str
    column: int | None = None
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun:
    """A check run as it should be on GitHub.

    Attributes:
        name: e.g. "hublish / ts".
        external_id: ours; a check run with this id on the commit is updated, never made twice.
        sha: the commit.
        status: "queued", "in_progress" or "completed".
        conclusion: "success", "failure", "neutral", "cancelled", "skipped", "action_required"; None unless completed.
        title: one line.
        summary: Markdown, at most 65,535 characters.
        text: more of it, below the annotations; likewise, "" for none.
        details_url: the live page.
        actions: buttons as `(label, description, identifier)`, at most 3.
        annotations: remarks beside lines of the commit's files.
    """

    name: str
    external_id: str
    sha: str
    status: str
    conclusion: str | None
    title: str
    summary: str
    details_url: str
    text: str = ""
    annotations: tuple[Annotation, ...] = ()
    actions: tuple[tuple[str, str, str], ...] = ()


class RepositoryReader(Protocol):
    """Reads of a repository."""

    def fetch_repository(self, installation_id: int, full_name: str) -> Repository:
        """The repository as it is now. Raises SourceMissing when the App cannot see it."""

    def resolve_ref(self, repository: Repository, ref: str, *, kind: str | None = None) -> ResolvedRef:
        """Resolve a tag, branch, SHA (>= 7 hex) or, with kind "pull-request", a number. Raises SourceMissing."""

    def fetch_file(self, repository: Repository, path: str, sha: str) -> bytes | None:
        """A file at a commit or branch, at most 1 MiB; None when it is not there."""

    def fetch_permission(self, repository: Repository, login: str) -> Permission:
        """What `login` may do, by the collaborator-permission call."""

    def is_team_member(self, repository: Repository, team: str, login: str) -> bool:
        """Whether `login` is an active member of a team (slug) of the repository's organisation.

        Raises NotAllowed when the App may not ask; a team that does not exist has no members.
        """

    def fetch_owner_id(self, repository: Repository) -> int:
        """GitHub's id of whoever owns the repository now. Raises SourceMissing when the App cannot see it."""

    def find_installation(self, full_name: str) -> int | None:
        """The id of the App's installation that covers a repository; None when there is none."""


class ChangeReader(Protocol):
    """Reads what a commit changed, and what it holds; of a pull request's head too, wherever that comes from."""

    def list_changes(self, repository: Repository, *, base: str, sha: str) -> frozenset[str] | None:
        """Paths that `sha` changed since it left `base` (a commit or branch), removed and renamed ones under both names.

        None when that cannot be told: GitHub lists at most 300 files, and a base may be gone.
        """

    def list_files(self, repository: Repository, sha: str) -> frozenset[str] | None:
        """Paths of the regular files of a commit; None when there are too many for GitHub to list."""


class Conversation(Protocol):
    """What the bot says. Every method is idempotent by marker or id and touches only what our App wrote."""

    def ensure_reaction(self, repository: Repository, thread: Thread, content: str) -> None:
        """Add a reaction ("eyes", "rocket", "confused") once."""

    def ensure_comment(self, repository: Repository, thread: Thread, *, marker: str, body: str) -> Comment:
        """Create the comment with `marker` in it, or edit ours to `body`; `body` holds the marker already."""

    def delete_comment(self, repository: Repository, thread: Thread, *, marker: str) -> None:
        """Delete our comment with this marker, if there is one."""

    def ensure_check_run(self, repository: Repository, check: CheckRun) -> int:
        """Create or update the check run with `external_id` on the commit; returns GitHub's id."""

    def close_issue(self, repository: Repository, number: int) -> None:
        """Close an issue as completed; no effect on a closed one."""

    def fetch_name(self) -> str:
        """The name that people mention the bot by, without `@`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request of ours.

    Attributes:
        number: GitHub's number.
        url: page for people.
        head_sha: commit its branch is at.
        open: False when merged or closed.
        body: what it says; foreign text, as people may edit it.
    """

    number: int
    url: str
    head_sha: str
    open: bool
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchState:
    """The branch of a pull request: its commit, and whether every commit since `base` is our App's."""

    sha: str
    ours: bool


class HubRepository(Protocol):
    """The hub's repository, changed through git data only; never the default branch."""

    def fetch_head(self, repository: Repository, branch: str) -> str:
        """Commit SHA a branch is at. Raises SourceMissing."""

    def list_folder(self, repository: Repository, path: str, sha: str) -> tuple[str, ...]:
        """File names in a folder at a commit, sorted; empty when there is no such folder."""

    def fetch_branch(self, repository: Repository, branch: str, *, base: str) -> BranchState | None:
        """The branch against `base` (a branch name); None when there is no such branch."""

    def ensure_commit(
        self,
        repository: Repository,
        *,
        branch: str,
        base_sha: str,
        files: dict[str, bytes],
        message: str,
        expected_sha: str | None,
    ) -> str:
        """Make `branch` one commit on `base_sha` with `files` changed; returns its SHA.

        A branch that already holds exactly that tree on that parent is left alone. `expected_sha` is where the branch
        must be now (None: it must not exist); otherwise PullRequestTaken is raised and nothing is changed.
        """

    def find_pull_request(self, repository: Repository, *, branch: str, base: str) -> PullRequest | None:
        """The open pull request from `branch` into `base`; None when there is none."""

    def ensure_pull_request(
        self, repository: Repository, *, branch: str, base: str, title: str, body: str
    ) -> PullRequest:
        """Create or update the open pull request from `branch` into `base`."""
