"""The hub's repository: one branch with one commit on top of the hub's own, and the pull request from it.

Everything goes through git data (blobs, tree, commit, ref), so that only the named files change and the default
branch is never written. The commit's author is left to GitHub, which then signs it for the App; the message carries
the sign-off of that author, as hubs with a DCO check require.

Source: GitHub REST API, "Git database", "Compare two commits", "Pull requests"; Developer Certificate of Origin 1.1.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

from hublish.adapters.github.app import AppIdentity, GitHubApp
from hublish.adapters.github.memory import Memory
from hublish.adapters.github.permissions import Scope
from hublish.adapters.github.session import Reply, Session, make_path
from hublish.adapters.github.trees import FILE_MODES, find_tree, make_tree
from hublish.core.github.ports import BranchState, PullRequest
from hublish.core.repository import Repository
from hublish.errors import GitHubFailed, PullRequestTaken, SourceMissing, clip

# GitHub commits for the App under this login when a change is made through its pages' machinery.
_GITHUB_COMMITTER = "web-flow"


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


class _Committed(Reply):
    tree: _Target


class _BranchCommit(Reply):
    sha: str
    commit: _Committed


class _BranchReply(Reply):
    name: str
    commit: _BranchCommit


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
        # Commit to tree, by repository; both are names of their content.
        self._roots: Memory[tuple[int, str], str] = Memory()
        # Branches that this process made just now: nothing is open from them yet.
        self._fresh: Memory[tuple[int, str], bool] = Memory()
        self._sign_off: str | None = None

    def fetch_head(self, repository: Repository, branch: str) -> str:
        """Commit SHA a branch is at. Raises SourceMissing."""
        path = make_path(*_base(repository), "branches", branch)
        found = self._app.run(repository, Scope.CONTENTS_READ, lambda session: session.find(_BranchReply, path))
        # GitHub leads from the old name of a renamed branch to the new one.
        if found is None or found.name != branch:
            raise SourceMissing(f'{repository.full_name} has no branch "{clip(branch, limit=100)}".')
        self._roots.keep((repository.id, found.commit.sha), found.commit.commit.tree.sha)
        return found.commit.sha

    def list_folder(self, repository: Repository, path: str, sha: str) -> tuple[str, ...]:
        """File names in a folder at a commit, sorted; empty when there is no such folder."""

        def read(session: Session) -> tuple[str, ...]:
            root = _read_commit(session, repository, sha).tree.sha
            tree = find_tree(session, repository, root=root, folder=path)
            return tuple(sorted(entry.path for entry in tree.tree if entry.mode in FILE_MODES)) if tree else ()

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
            root = self._find_root(session, repository, base_sha)
            tree = make_tree(session, repository, base_sha=base_sha, root=root, files=files)
            if expected_sha is not None:
                current = _find_branch(session, repository, branch)
                if current is not None and _holds(session, repository, current, tree=tree, parent=base_sha):
                    return current
                _require_place(branch, current=current, expected=expected_sha)
            signed = f"{message.rstrip()}\n\n{self._make_sign_off(session, identity)}\n"
            path = make_path(*_base(repository), "git", "commits")
            body = {"message": signed, "tree": tree, "parents": [base_sha]}
            made = session.write(_CommitReply, "POST", path, body=body).sha
            if expected_sha is None:
                return self._create_branch(session, repository, branch, made=made, tree=tree, parent=base_sha)
            # GitHub moves a ref without comparing; asking again right before keeps the gap as small as it can be.
            _require_place(branch, current=_find_branch(session, repository, branch), expected=expected_sha)
            path = make_path(*_base(repository), "git", "refs", f"heads/{branch}", safe="/")
            session.send("PATCH", path, body={"sha": made, "force": True})
            return made

        return self._app.run(repository, Scope.HUB_WRITE, ensure)

    def find_pull_request(self, repository: Repository, *, branch: str, base: str) -> PullRequest | None:
        """The open pull request from `branch` into `base`; None when there is none."""
        found = self._app.run(
            repository, Scope.HUB_WRITE, lambda session: _find_open(session, repository, branch=branch, base=base)
        )
        return None if found is None else _make_pull_request(found)

    def ensure_pull_request(
        self, repository: Repository, *, branch: str, base: str, title: str, body: str
    ) -> PullRequest:
        """Create or update the open pull request from `branch` into `base`."""
        listing = make_path(*_base(repository), "pulls")

        def ensure(session: Session) -> _PullReply:
            fresh = self._fresh.take((repository.id, branch))
            found = None if fresh else _find_open(session, repository, branch=branch, base=base)
            if found is None:
                return _open_pull_request(
                    session, listing, {"title": title, "body": body, "head": branch, "base": base}
                )
            if (found.title, found.body or "") == (title, body):
                return found
            path = make_path(*_base(repository), "pulls", found.number)
            return session.write(_PullReply, "PATCH", path, body={"title": title, "body": body})

        return _make_pull_request(self._app.run(repository, Scope.HUB_WRITE, ensure))

    def _create_branch(
        self, session: Session, repository: Repository, branch: str, *, made: str, tree: str, parent: str
    ) -> str:
        """Create the branch at a commit; GitHub refuses when there is one, which may be what an earlier try left."""
        body = {"ref": f"refs/heads/{branch}", "sha": made}
        try:
            session.send("POST", make_path(*_base(repository), "git", "refs"), body=body)
        except GitHubFailed as failed:
            if failed.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                raise
            current = _find_branch(session, repository, branch)
            if current is None:
                raise
            if _holds(session, repository, current, tree=tree, parent=parent):
                return current
            _require_place(branch, current=current, expected=None)
        self._fresh.keep((repository.id, branch), True)  # noqa: FBT003  # a value, no switch
        return made

    def _find_root(self, session: Session, repository: Repository, sha: str) -> str:
        root = self._roots.take((repository.id, sha)) or _read_commit(session, repository, sha).tree.sha
        self._roots.keep((repository.id, sha), root)
        return root

    def _make_sign_off(self, session: Session, identity: AppIdentity) -> str:
        if self._sign_off is None:
            user = session.find(_UserReply, make_path("users", identity.bot_login))
            mailbox = identity.bot_login if user is None else f"{user.id}+{identity.bot_login}"
            host = urlsplit(self._app.api_url).hostname or ""
            domain = "github.com" if host == "api.github.com" else host
            self._sign_off = f"Signed-off-by: {identity.bot_login} <{mailbox}@users.noreply.{domain}>"
        return self._sign_off


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


def _holds(session: Session, repository: Repository, sha: str, *, tree: str, parent: str) -> bool:
    commit = _read_commit(session, repository, sha)
    return commit.tree.sha == tree and [held.sha for held in commit.parents] == [parent]


def _require_place(branch: str, *, current: str | None, expected: str | None) -> None:
    if current != expected:
        raise PullRequestTaken(
            f'Expected the branch "{branch}" at {expected or "no commit"}, but it is at {current or "no commit"}.',
            hint="Somebody else moved the branch. Merge or close its pull request and delete the branch, then try again.",
        )


def _find_open(session: Session, repository: Repository, *, branch: str, base: str) -> _PullReply | None:
    query = {"state": "open", "head": f"{repository.owner}:{branch}", "base": base}
    return next(session.pages(_PullReply, make_path(*_base(repository), "pulls"), query=query), None)


def _make_pull_request(pull: _PullReply) -> PullRequest:
    is_open = pull.state == "open"
    return PullRequest(
        number=pull.number, url=pull.html_url, head_sha=pull.head.sha, open=is_open, body=pull.body or ""
    )


def _open_pull_request(session: Session, listing: str, wanted: dict[str, str]) -> _PullReply:
    try:
        return session.write(_PullReply, "POST", listing, body=wanted)
    except GitHubFailed as failed:
        if failed.status == HTTPStatus.UNPROCESSABLE_ENTITY and "already exists" in failed.message:
            # Another run opened it since the look-up; the next try finds and updates it.
            raise GitHubFailed(failed.message, status=failed.status, transient=True) from failed
        raise
