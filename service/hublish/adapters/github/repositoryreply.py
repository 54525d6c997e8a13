"""A repository as GitHub describes it.

Source: GitHub REST API, "Get a repository".
"""

from __future__ import annotations

from hublish.adapters.github.session import Reply
from hublish.core.repository import Repository


class _Owner(Reply):
    id: int
    login: str


class RepositoryReply(Reply):
    """What counts of the answer."""

    id: int
    name: str
    owner: _Owner
    default_branch: str
    private: bool

    def make_repository(self, installation_id: int) -> Repository:
        """The repository, as an installation of the App sees it."""
        return Repository(
            id=self.id,
            owner=self.owner.login,
            name=self.name,
            installation_id=installation_id,
            default_branch=self.default_branch,
            private=self.private,
            owner_id=self.owner.id,
        )
