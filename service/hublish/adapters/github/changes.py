"""What a commit changed and what it holds, by two calls that download no content.

A pull request's head can be read under the name of the repository it wants to change, so that nothing of a fork is
asked for and no token of a fork is needed.

Source: GitHub REST API, "Compare two commits", "Get a tree".
"""

from __future__ import annotations

from hublish.adapters.github.app import GitHubApp
from hublish.adapters.github.permissions import Scope
from hublish.adapters.github.session import Reply, Session, make_path
from hublish.core.repository import Repository

COMPARED_FILES = 300
"""GitHub lists no more of a comparison."""
_FILE_MODES = frozenset({"100644", "100755"})


class _File(Reply):
    filename: str
    previous_filename: str | None = None


class _ComparisonReply(Reply):
    files: tuple[_File, ...] = ()


class _TreeEntry(Reply):
    path: str
    mode: str


class _TreeReply(Reply):
    tree: tuple[_TreeEntry, ...]
    truncated: bool = False


class GitHubChanges:
    """Implements the port ChangeReader."""

    def __init__(self, app: GitHubApp) -> None:
        self._app = app

    def list_changes(self, repository: Repository, *, base: str, sha: str) -> frozenset[str] | None:
        """Paths that `sha` changed since it left `base`; None when that cannot be told. See the port."""
        path = make_path("repos", repository.owner, repository.name, "compare", f"{base}...{sha}", safe="/")

        def read(session: Session) -> _ComparisonReply | None:
            # The files stand on the first page, however few commits are asked for.
            return session.find(_ComparisonReply, path, query={"per_page": "1"})

        reply = self._app.run(repository, Scope.CONTENTS_READ, read)
        if reply is None or len(reply.files) >= COMPARED_FILES:
            return None
        names = (name for file in reply.files for name in (file.filename, file.previous_filename))
        return frozenset(name for name in names if name is not None)

    def list_files(self, repository: Repository, sha: str) -> frozenset[str] | None:
        """Paths of the regular files of a commit; None when there are too many for GitHub to list."""
        path = make_path("repos", repository.owner, repository.name, "git", "trees", sha)
        reply = self._app.run(
            repository, Scope.CONTENTS_READ, lambda session: session.read(_TreeReply, path, query={"recursive": "1"})
        )
        return None if reply.truncated else frozenset(entry.path for entry in reply.tree if entry.mode in _FILE_MODES)
