"""The hub's repository: one branch with one commit on top of the hub's own, and the pull request from it.

Everything goes through git data (blobs, tree, commit, ref), so that only the named files change and the default
branch is never written. The commit's author is left to GitHub, which then signs it for the App; the message carries
the sign-off of that author, as hubs with a DCO check require.

Source: GitHub REST API, "Git database", "Compare two commits", "Pull requests"; Developer Certificate of Origin 1.1.
"""

from __future__ import annotations

import base64
from http import HTTPStatus
from urllib.parse import urlsplit

from hublish.adapters.github.app import AppIdentity, GitHubApp
from hublish.adapters.github.permissions import Scope
from hublish.adapters.github.session import Reply, Session, make_path
from hublish.core.github.ports import BranchState, PullRequest
from hublish.core.repository import Repository
from hublish.errors import CatalogInvalid, GitHubFailed, PullRequestTaken, SourceMissing, clip

# GitHub commits for the App under this login when a change is made through its pages' machinery.
_GITHUB_COMMITTER = "web-flow"
_FILE_MODE = "100644"
_FILE_MODES = (_FILE_MODE, "100755")


class _Target(Reply):
    sha: str


class _RefReply(Reply):
    object: _Target


class _CommitReply(Reply):
    sha: str
    tree: _Target
    parents: tuple[_Target, ...]


class _User(Reply):
    login: str | None = None


class _ListedCommit(Reply):
    sha: str
    author: _User | None = None
    committer: _User | None = None


class _ComparisonReply(Reply):
    total_commits: int
    commits: tuple[_ListedCommit, ...]


class _TreeEntry(Reply):
    path: str
    mode: str
    type: str
    sha: str | None = None


class _TreeReply(Reply):
    sha: str
    tree: tuple[_TreeEntry, ...] = ()


class _UserReply(Reply):
    id: int


class _Head(Reply):
    sha: str


class _PullReply(Reply):
    number: int
    html_url: str
    state: str
    title: str
    body: str | None = None
    head: _Head


class GitHubHub:
    """Implements the port HubRepository."""

    def __init__(self, app: GitHubApp) -> None:
        self._app = app

    def fetch_head(self, repository: Repository, branch: str) -> str:
        """Commit SHA a branch is at. Raises SourceMissing."""
        sha = self._app.run(repository, Scope.CONTENTS_READ, lambda session: _find_branch(session, repository, branch))
        if sha is None:
            raise SourceMissing(f'{repository.full_name} has no branch "{clip(branch, limit=100)}".')
        return sha

    def list_folder(self, repository: Repository, path: str, sha: str) -> tuple[str, ...]:
        """File names in a folder at a commit, sorted; empty when there is no such folder."""

        def read(session: Session) -> tuple[str, ...]:
            root = _read_commit(session, repository, sha).tree.sha
            tree = _find_tree(session, repository, root=root, folder=path)
            return tuple(sorted(entry.path for entry in tree.tree if entry.mode in _FILE_MODES)) if tree else ()

        return self._app.run(repository, Scope.CONTENTS_READ, read)

    def fetch_branch(self, repository: Repository, branch: str, *, base: str) -> BranchState | None:
        """The branch against `base` (a branch name); None when there is no such branch."""
        bot_login = self._app.fetch_identity().bot_login

        def read(session: Session) -> BranchState | None:
            sha = _find_branch(session, repository, branch)
            if sha is None:
                return None
            path = make_path(*_base(repository), "compare", f"{base}...{sha}", safe="/")
            comparison = session.read(_ComparisonReply, path)
            # Our branch holds one commit: a list that GitHub cut short cannot be ours.
            complete = comparison.total_commits == len(comparison.commits)
            ours = complete and all(_is_ours(commit, bot_login) for commit in comparison.commits)
            return BranchState(sha=sha, ours=ours)

        return self._app.run(repository, Scope.CONTENTS_READ, read)

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
        """Make `branch` one commit on `base_sha` with `files` changed; see the port.

        Raises:
            PullRequestTaken: the branch is not at `expected_sha`, so somebody else moved it.
            CatalogInvalid: one of the files is a link or a submodule there.
        """
        identity = self._app.fetch_identity()

        def ensure(session: Session) -> str:
            tree = _make_tree(session, repository, base_sha=base_sha, files=files)
            current = _find_branch(session, repository, branch)
            if current is not None and _holds(session, repository, current, tree=tree, parent=base_sha):
                return current
            _require_place(branch, current=current, expected=expected_sha)
            signed = f"{message.rstrip()}\n\n{self._make_sign_off(session, identity)}\n"
            path = make_path(*_base(repository), "git", "commits")
            body = {"message": signed, "tree": tree, "parents": [base_sha]}
            commit = session.write(_CommitReply, "POST", path, body=body)
            # GitHub moves a ref without comparing; asking again right before keeps the gap as small as it can be.
            _require_place(branch, current=_find_branch(session, repository, branch), expected=expected_sha)
            _move_branch(session, repository, branch, sha=commit.sha, exists=expected_sha is not None)
            return commit.sha

        return self._app.run(repository, Scope.HUB_WRITE, ensure)

    def ensure_pull_request(
        self, repository: Repository, *, branch: str, base: str, title: str, body: str
    ) -> PullRequest:
        """Create or update the open pull request from `branch` into `base`."""
        listing = make_path(*_base(repository), "pulls")
        query = {"state": "open", "head": f"{repository.owner}:{branch}", "base": base}

        def ensure(session: Session) -> _PullReply:
            found = next(session.pages(_PullReply, listing, query=query), None)
            if found is None:
                return _open_pull_request(
                    session, listing, {"title": title, "body": body, "head": branch, "base": base}
                )
            if (found.title, found.body or "") == (title, body):
                return found
            path = make_path(*_base(repository), "pulls", found.number)
            return session.write(_PullReply, "PATCH", path, body={"title": title, "body": body})

        pull = self._app.run(repository, Scope.HUB_WRITE, ensure)
        return PullRequest(number=pull.number, url=pull.html_url, head_sha=pull.head.sha, open=pull.state == "open")

    def _make_sign_off(self, session: Session, identity: AppIdentity) -> str:
        user = session.find(_UserReply, make_path("users", identity.bot_login))
        mailbox = identity.bot_login if user is None else f"{user.id}+{identity.bot_login}"
        host = urlsplit(self._app.api_url).hostname or ""
        domain = "github.com" if host == "api.github.com" else host
        return f"Signed-off-by: {identity.bot_login} <{mailbox}@users.noreply.{domain}>"


def _base(repository: Repository) -> tuple[str, str, str]:
    return ("repos", repository.owner, repository.name)


def _find_branch(session: Session, repository: Repository, branch: str) -> str | None:
    reply = session.find(_RefReply, make_path(*_base(repository), "git", "ref", f"heads/{branch}", safe="/"))
    return None if reply is None else reply.object.sha


def _is_ours(commit: _ListedCommit, bot_login: str) -> bool:
    author = None if commit.author is None else commit.author.login
    committer = None if commit.committer is None else commit.committer.login
    return author == bot_login and committer in (bot_login, _GITHUB_COMMITTER)


def _read_commit(session: Session, repository: Repository, sha: str) -> _CommitReply:
    return session.read(_CommitReply, make_path(*_base(repository), "git", "commits", sha))


def _find_tree(session: Session, repository: Repository, *, root: str, folder: str) -> _TreeReply | None:
    """The tree of a folder below the tree `root`, found by walking down: a recursive listing may be cut short."""
    tree = session.read(_TreeReply, make_path(*_base(repository), "git", "trees", root))
    for part in (part for part in folder.split("/") if part):
        sha = next((entry.sha for entry in tree.tree if entry.path == part and entry.type == "tree"), None)
        if sha is None:
            return None
        tree = session.read(_TreeReply, make_path(*_base(repository), "git", "trees", sha))
    return tree


def _make_tree(session: Session, repository: Repository, *, base_sha: str, files: dict[str, bytes]) -> str:
    """Store blobs and a tree with `files` changed; git names both by content, so this can be repeated."""
    root = _read_commit(session, repository, base_sha).tree.sha
    parents = {path.rpartition("/")[0] for path in files}
    folders = {parent: _find_tree(session, repository, root=root, folder=parent) for parent in sorted(parents)}
    entries = []
    for path, content in sorted(files.items()):
        mode = _choose_mode(path, folders[path.rpartition("/")[0]])
        encoded = {"content": base64.b64encode(content).decode("ascii"), "encoding": "base64"}
        blob = session.write(_Target, "POST", make_path(*_base(repository), "git", "blobs"), body=encoded)
        entries.append({"path": path, "mode": mode, "type": "blob", "sha": blob.sha})
    body = {"base_tree": root, "tree": entries}
    return session.write(_Target, "POST", make_path(*_base(repository), "git", "trees"), body=body).sha


def _choose_mode(path: str, folder: _TreeReply | None) -> str:
    """The mode a file has now, so that an edit never changes it; an ordinary file's for a new one."""
    name = path.rpartition("/")[2]
    entry = next((entry for entry in folder.tree if entry.path == name), None) if folder is not None else None
    if entry is None:
        return _FILE_MODE
    if entry.mode not in _FILE_MODES:
        raise CatalogInvalid(f"{clip(path)} is a link or a folder in the hub's repository; only files are edited.")
    return entry.mode


def _holds(session: Session, repository: Repository, sha: str, *, tree: str, parent: str) -> bool:
    commit = _read_commit(session, repository, sha)
    return commit.tree.sha == tree and [held.sha for held in commit.parents] == [parent]


def _require_place(branch: str, *, current: str | None, expected: str | None) -> None:
    if current != expected:
        raise PullRequestTaken(
            f'Expected the branch "{branch}" at {expected or "no commit"}, but it is at {current or "no commit"}.',
            hint="Somebody else moved the branch. Merge or close its pull request and delete the branch, then try again.",
        )


def _move_branch(session: Session, repository: Repository, branch: str, *, sha: str, exists: bool) -> None:
    if exists:
        path = make_path(*_base(repository), "git", "refs", f"heads/{branch}", safe="/")
        session.send("PATCH", path, body={"sha": sha, "force": True})
        return
    try:
        body = {"ref": f"refs/heads/{branch}", "sha": sha}
        session.send("POST", make_path(*_base(repository), "git", "refs"), body=body)
    except GitHubFailed as failed:
        if failed.status == HTTPStatus.UNPROCESSABLE_ENTITY and _find_branch(session, repository, branch) is not None:
            # Somebody was faster; the next look decides whose branch it is.
            raise GitHubFailed(failed.message, status=422, transient=True) from failed
        raise


def _open_pull_request(session: Session, listing: str, wanted: dict[str, str]) -> _PullReply:
    try:
        return session.write(_PullReply, "POST", listing, body=wanted)
    except GitHubFailed as failed:
        if failed.status == HTTPStatus.UNPROCESSABLE_ENTITY and "already exists" in failed.message:
            # Another run opened it since the look-up; the next try finds and updates it.
            raise GitHubFailed(failed.message, status=failed.status, transient=True) from failed
        raise
