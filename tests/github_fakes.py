"""GitHub's ports in memory: what a repository holds, what the bot said, what it proposed to a hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from hublish.core.github.deliveries import ListedDelivery
from hublish.core.github.ports import BranchState, CheckRun, Comment, PullRequest, Thread
from hublish.core.onboarding.ports import Newcomer, Standing
from hublish.core.reference import Reference
from hublish.core.repository import Permission, Repository, ResolvedRef
from hublish.errors import HublishError, PullRequestTaken, SourceMissing
from tests.fakes import FakeSource


@dataclass
class FakeReader:
    """A RepositoryReader over tables; `errors` makes the method of that name fail."""

    refs: dict[str, ResolvedRef] = field(default_factory=dict)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    permissions: dict[str, Permission] = field(default_factory=dict)
    teams: dict[str, frozenset[str]] = field(default_factory=dict)
    repositories: dict[str, Repository] = field(default_factory=dict)
    errors: dict[str, HublishError] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def fetch_repository(self, installation_id: int, full_name: str) -> Repository:
        self._call("fetch_repository")
        return self.repositories[full_name]

    def resolve_ref(self, repository: Repository, ref: str, *, kind: str | None = None) -> ResolvedRef:
        self._call("resolve_ref")
        if ref not in self.refs or kind not in (None, self.refs[ref].kind.value):
            raise SourceMissing(f"there is no {kind or 'ref'} {ref} in {repository.full_name}")
        return self.refs[ref]

    def fetch_file(self, repository: Repository, path: str, sha: str) -> bytes | None:
        """A file by `(owner/name, path)`; every commit holds the same."""
        self._call("fetch_file")
        return self.files.get((repository.full_name, path))

    def fetch_permission(self, repository: Repository, login: str) -> Permission:
        self._call("fetch_permission")
        return self.permissions.get(login, Permission.NONE)

    def is_team_member(self, repository: Repository, team: str, login: str) -> bool:
        """By `owner/team`."""
        self._call("is_team_member")
        return login in self.teams.get(f"{repository.owner}/{team}", frozenset())

    def fetch_owner_id(self, repository: Repository) -> int:
        self._call("fetch_owner_id")
        return self.repositories[repository.full_name].owner_id or 0

    def find_installation(self, full_name: str) -> int | None:
        self._call("find_installation")
        return self.repositories[full_name].installation_id if full_name in self.repositories else None

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.errors:
            raise self.errors[name]


@dataclass
class FakeChanges:
    """A ChangeReader: every commit holds the files of a FakeReader, and changed `changed`."""

    reader: FakeReader
    changed: frozenset[str] | None = frozenset()
    listed: bool = True

    def list_changes(self, repository: Repository, *, base: str, sha: str) -> frozenset[str] | None:
        return self.changed

    def list_files(self, repository: Repository, sha: str) -> frozenset[str] | None:
        names = {path for name, path in self.reader.files if name == repository.full_name}
        return frozenset(names) if self.listed else None


@dataclass
class FakeConversation:
    """A Conversation that keeps what stands: comments by thread and marker, check runs by their id, reactions once."""

    reactions: list[tuple[Thread, str]] = field(default_factory=list)
    comments: dict[tuple[Thread, str], str] = field(default_factory=dict)
    checks: dict[str, CheckRun] = field(default_factory=dict)
    closed: list[int] = field(default_factory=list)

    def ensure_reaction(self, repository: Repository, thread: Thread, content: str) -> None:
        if (thread, content) not in self.reactions:
            self.reactions.append((thread, content))

    def ensure_comment(self, repository: Repository, thread: Thread, *, marker: str, body: str) -> Comment:
        assert marker in body
        self.comments[thread, marker] = body
        return Comment(id=len(self.comments), url="https://github.com/c", body=body)

    def delete_comment(self, repository: Repository, thread: Thread, *, marker: str) -> None:
        self.comments.pop((thread, marker), None)

    def ensure_check_run(self, repository: Repository, check: CheckRun) -> int:
        self.checks[check.external_id] = check
        return len(self.checks)

    def close_issue(self, repository: Repository, number: int) -> None:
        self.closed.append(number)

    def fetch_name(self) -> str:
        return "hublish"


@dataclass
class FakeDeliveryLog:
    """A DeliveryLog over a list (the newest first) and payloads by id; `error` is raised, then cleared."""

    listed: list[ListedDelivery] = field(default_factory=list)
    payloads: dict[int, bytes] = field(default_factory=dict)
    since: list[datetime] = field(default_factory=list)
    fetched: list[int] = field(default_factory=list)
    error: HublishError | None = None

    def list_deliveries(self, *, since: datetime) -> Iterator[ListedDelivery]:
        self.since.append(since)
        yield from (delivery for delivery in self.listed if delivery.delivered_at >= since)

    def fetch_payload(self, delivery_id: int) -> bytes | None:
        self.fetched.append(delivery_id)
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return self.payloads.get(delivery_id)


@dataclass
class FakeHubRepository:
    """A HubRepository with one branch of ours: what it holds, whose it is, and the pull request from it."""

    head: str = "e" * 40
    state: BranchState | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    message: str = ""
    pull_request: tuple[str, str, str, str] | None = None
    before_commit: Callable[[], None] = lambda: None

    def fetch_head(self, repository: Repository, branch: str) -> str:
        return self.head

    def list_folder(self, repository: Repository, path: str, sha: str) -> tuple[str, ...]:
        return ()

    def fetch_branch(self, repository: Repository, branch: str, *, base: str) -> BranchState | None:
        return self.state

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
        self.before_commit()
        if expected_sha != (None if self.state is None else self.state.sha):
            raise PullRequestTaken(f"{branch} moved")
        self.files, self.message = files, message
        self.state = BranchState(sha="f" * 40, ours=True)
        return self.state.sha

    def find_pull_request(self, repository: Repository, *, branch: str, base: str) -> PullRequest | None:
        if self.pull_request is None or self.pull_request[:2] != (branch, base):
            return None
        return self._make(self.pull_request[3])

    def ensure_pull_request(
        self, repository: Repository, *, branch: str, base: str, title: str, body: str
    ) -> PullRequest:
        self.pull_request = (branch, base, title, body)
        return self._make(body)

    def _make(self, body: str) -> PullRequest:
        url = "https://github.com/org/apps/pull/3"
        return PullRequest(number=3, url=url, head_sha="f" * 40, open=True, body=body)


@dataclass
class FakeDigests:
    """Where tags are now, by `registry/repository:tag`; `error` is raised instead."""

    digests: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    error: HublishError | None = None
    tags: tuple[str, ...] = ()

    def list_tags(self, reference: Reference) -> tuple[str, ...]:
        self.asked.append(f"tags of {reference.name}")
        return self.tags

    def get_digest(self, reference: Reference) -> str | None:
        self.asked.append(str(reference))
        if self.error is not None:
            raise self.error
        return self.digests.get(str(reference))


@dataclass
class FakeCheckouts:
    """A SourceFetcher: trees by `owner/name`."""

    sources: dict[str, FakeSource] = field(default_factory=dict)

    def fetch_source(self, repository: Repository, ref: ResolvedRef) -> FakeSource:
        return self.sources[repository.full_name]


@dataclass
class FakeStandings:
    """A StandingReader over the repositories of a FakeReader; `errors` are raised first, one a call."""

    reader: FakeReader
    forks: set[str] = field(default_factory=set)
    archived: set[str] = field(default_factory=set)
    proposed: set[str] = field(default_factory=set)
    errors: list[Exception] = field(default_factory=list)

    def fetch_standing(self, newcomer: Newcomer) -> Standing:
        if self.errors:
            raise self.errors.pop(0)
        name = newcomer.full_name
        return Standing(
            repository=self.reader.repositories[name], fork=name in self.forks, archived=name in self.archived
        )

    def has_proposal(self, repository: Repository, branch: str) -> bool:
        return repository.full_name in self.proposed


@dataclass
class FakePushProbe:
    """A PushProbe that notes what it was asked; `refusals` by name of the image repository."""

    refusals: dict[str, HublishError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def verify_push(self, reference: Reference) -> None:
        self.asked.append(reference.name)
        if reference.name in self.refusals:
            raise self.refusals[reference.name]


@dataclass
class FakeRepositoryMaker:
    """A RepositoryMaker that notes what it was asked for; `error` is raised."""

    asked: list[str] = field(default_factory=list)
    error: HublishError | None = None

    def ensure_repository(self, reference: Reference) -> bool:
        self.asked.append(reference.name)
        if self.error is not None:
            raise self.error
        return True
