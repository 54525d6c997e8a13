"""An App that was removed and installed again: its new installation goes on with what the old one was asked.

Only for the same owner, by id. Nothing is read or published of a repository that somebody else owns by now.

Source: GitHub REST API, "Get a repository installation for the authenticated app".
"""

from __future__ import annotations

from http import HTTPStatus

from hublish.adapters.github.session import Reply, Session, make_path
from hublish.core.repository import Repository
from hublish.errors import GitHubFailed, NotAllowed


class _Account(Reply):
    id: int


class _InstallationReply(Reply):
    id: int
    account: _Account | None = None


def is_removed(refused: NotAllowed) -> bool:
    """Tell whether a token was refused because there is no such installation any more."""
    cause = refused.__cause__
    return isinstance(cause, GitHubFailed) and cause.status == HTTPStatus.NOT_FOUND


def find_reinstalled(session: Session, repository: Repository) -> int | None:
    """The installation that covers a repository now; None without one, or where another owner made it.

    Args:
        session: the App's own.
        repository: as it was when something was asked; an unknown owner is nobody's.
    """
    path = make_path("repos", repository.owner, repository.name, "installation")
    reply = session.find(_InstallationReply, path)
    if reply is None or reply.account is None or reply.account.id != repository.owner_id:
        return None
    return reply.id
