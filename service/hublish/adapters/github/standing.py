"""What a repository is to somebody who comes new: a fork, archived, and whether something was proposed to it before.

Source: GitHub REST API, "Get a repository", "List pull requests".
"""

from __future__ import annotations

from hublish.adapters.github.app import GitHubApp
from hublish.adapters.github.permissions import Scope
from hublish.adapters.github.repositoryreply import RepositoryReply
from hublish.adapters.github.session import Reply, Session, make_path
from hublish.core.onboarding.ports import Newcomer, Standing
from hublish.core.repository import Repository
from hublish.errors import SourceMissing, clip


class _StandingReply(RepositoryReply):
    fork: bool
    archived: bool = False
    disabled: bool = False


class _PullReply(Reply):
    number: int


class GitHubStanding:
    """Implements the port StandingReader."""

    def __init__(self, app: GitHubApp) -> None:
        self._app = app

    def fetch_standing(self, newcomer: Newcomer) -> Standing:
        """The repository as it is now, under its name of today. Raises SourceMissing when the App cannot see it."""
        owner, _, name = newcomer.full_name.partition("/")
        known = Repository(
            id=newcomer.repo_id,
            owner=owner,
            name=name,
            installation_id=newcomer.installation_id,
            default_branch="",  # not known yet, and not asked for
        )

        def read(session: Session) -> _StandingReply | None:
            return session.find(_StandingReply, make_path("repos", owner, name))

        # By a token for its number: its name may be another's by now.
        reply = self._app.run(known, Scope.METADATA, read)
        if reply is None or reply.id != newcomer.repo_id:
            raise SourceMissing(f"the repository {clip(newcomer.full_name)} cannot be seen at GitHub")
        repository = reply.make_repository(newcomer.installation_id)
        return Standing(repository=repository, fork=reply.fork, archived=reply.archived or reply.disabled)

    def has_proposal(self, repository: Repository, branch: str) -> bool:
        """Whether there is or ever was a pull request from this branch of the repository: open, merged or closed."""
        path = make_path("repos", repository.owner, repository.name, "pulls")
        query = {"state": "all", "head": f"{repository.owner}:{branch}"}

        def find(session: Session) -> bool:
            return next(session.pages(_PullReply, path, query=query), None) is not None

        return self._app.run(repository, Scope.PULL_REQUESTS_READ, find)
