"""Repositories that changed hands: what the bot says reaches them under their new owner's installation.

Only what is said goes there. Nothing is read for a build, and nothing published, of a repository that somebody else owns by
now: the registry's places were the earlier owner's.

Source: GitHub, "Transferring a repository": the old name leads to the new one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import TypeVar

from hublish.adapters.github.app import GitHubApp
from hublish.adapters.github.permissions import Scope
from hublish.adapters.github.session import Reply, Session, make_path
from hublish.core.repository import Repository
from hublish.errors import GitHubFailed, NotAllowed, SourceMissing

ResultT = TypeVar("ResultT")

_REFUSALS = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})


class _InstallationReply(Reply):
    id: int


def run_wherever(
    app: GitHubApp, repository: Repository, scope: Scope, operation: Callable[[Session], ResultT]
) -> ResultT:
    """Run an operation as `GitHubApp.run` does, also where the repository was transferred to another installation.

    Raises:
        HublishError: as there; the first refusal where no other installation covers the repository.
    """
    try:
        return app.run(repository, scope, operation)
    except (GitHubFailed, NotAllowed, SourceMissing) as refused:
        # A token from before the transfer is refused by the call, a new one cannot be minted.
        if isinstance(refused, GitHubFailed) and (refused.transient or refused.status not in _REFUSALS):
            raise
        moved = _find_installation(app, repository)
        if moved is None or moved == repository.installation_id:
            raise
        return app.run(replace(repository, installation_id=moved), scope, operation)


def _find_installation(app: GitHubApp, repository: Repository) -> int | None:
    """The installation that covers a repository now, by its old name."""
    path = make_path("repos", repository.owner, repository.name, "installation")
    reply = app.run_as_app(lambda session: session.find(_InstallationReply, path))
    return None if reply is None else reply.id
