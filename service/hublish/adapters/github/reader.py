"""Reads of a repository: what it is, what a ref means, one file, and who may do what.

A commit is built only when it belongs to the repository: GitHub serves commits of forks under the parent's name, so a
bare SHA is accepted only when it is on the default branch or the head of a branch here.

Source: GitHub REST API, "Repositories", "Git references", "Repository contents", "Collaborators".
"""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus

from pydantic import Field

from hublish.adapters.github.app import GitHubApp
from hublish.adapters.github.permissions import Scope
from hublish.adapters.github.repositoryreply import RepositoryReply
from hublish.adapters.github.session import Reply, Session, make_path, parse_reply
from hublish.core.gitref import is_full_sha, is_ref_name, is_sha_prefix
from hublish.core.repository import Permission, RefKind, Repository, ResolvedRef
from hublish.errors import GitHubFailed, SourceInvalid, SourceMissing, clip

FILE_LIMIT_BYTES = 1024 * 1024
_TAG_DEPTH = 5


class _InstallationReply(Reply):
    id: int


class _Target(Reply):
    sha: str
    type: str = "commit"


class _RefReply(Reply):
    object: _Target


class _CommitReply(Reply):
    sha: str


class _ComparisonReply(Reply):
    status: str


class _BranchReply(Reply):
    name: str
    commit: _CommitReply


class _HeadRepository(Reply):
    id: int


class _Head(Reply):
    sha: str
    repo: _HeadRepository | None


class _PullReply(Reply):
    state: str
    head: _Head
    base: _Head


class _FileReply(Reply):
    type: str
    size: int = 0
    encoding: str | None = None
    content: str | None = None


class _PermissionReply(Reply):
    permission: str = Field(max_length=64)


class _MembershipReply(Reply):
    state: str = Field(max_length=64)


class GitHubReader:
    """Implements the port RepositoryReader."""

    def __init__(self, app: GitHubApp) -> None:
        self._app = app

    def fetch_repository(self, installation_id: int, full_name: str) -> Repository:
        """The repository as it is now. Raises SourceMissing when the App cannot see it."""
        owner, name = _split(full_name)

        def read(session: Session) -> RepositoryReply | None:
            return session.find(RepositoryReply, make_path("repos", owner, name))

        reply = self._app.run_named(installation_id, name, Scope.METADATA, read)
        if reply is None:
            raise _make_missing(f"the repository {full_name}")
        return reply.make_repository(installation_id)

    def fetch_owner_id(self, repository: Repository) -> int:
        """GitHub's id of whoever owns the repository now; its old name leads to it after a transfer."""
        path = make_path(*_base(repository))
        reply = self._app.run(repository, Scope.CONTENTS_READ, lambda session: session.find(RepositoryReply, path))
        if reply is None:
            raise _make_missing(f"the repository {repository.full_name}")
        return reply.owner.id

    def find_installation(self, full_name: str) -> int | None:
        """The id of the App's installation that covers a repository; None when there is none."""
        path = make_path("repos", *_split(full_name), "installation")
        reply = self._app.run_as_app(lambda session: session.find(_InstallationReply, path))
        return None if reply is None else reply.id

    def resolve_ref(self, repository: Repository, ref: str, *, kind: str | None = None) -> ResolvedRef:
        """Resolve a tag, branch, SHA (>= 7 hex) or, with kind "pull-request", a number; see the port.

        Args:
            repository: where.
            ref: what was asked for, without `refs/...`.
            kind: a RefKind's value; None tries tag, branch and SHA in this order, as git does.

        Raises:
            SourceMissing: there is no such ref, or the commit is not the repository's own.
        """
        if kind == RefKind.PULL_REQUEST.value:
            return self._resolve_pull_request(repository, ref)
        if not is_ref_name(ref):
            raise SourceMissing(f'"{clip(ref, limit=100)}" cannot be the name of a tag, branch or commit.')
        finders = {RefKind.TAG: _find_tag, RefKind.BRANCH: _find_branch, RefKind.SHA: _find_commit}
        wanted = tuple(finders) if kind is None else (RefKind(kind),)

        def resolve(session: Session) -> ResolvedRef | None:
            for candidate in wanted:
                sha = finders[candidate](session, repository, ref)
                if sha is not None:
                    return ResolvedRef(name=ref, kind=candidate, sha=sha)
            return None

        resolved = self._app.run(repository, Scope.CONTENTS_READ, resolve)
        if resolved is None:
            names = " or ".join(candidate.value for candidate in wanted)
            raise _make_missing(f'a {names} "{clip(ref, limit=100)}" in {repository.full_name}')
        return resolved

    def _resolve_pull_request(self, repository: Repository, number: str) -> ResolvedRef:
        if not (number.isascii() and number.isdigit()):
            raise SourceMissing(f'Expected the number of a pull request, but got "{clip(number, limit=100)}".')
        path = make_path("repos", repository.owner, repository.name, "pulls", int(number))
        pull = self._app.run(repository, Scope.PULL_REQUESTS_READ, lambda session: session.find(_PullReply, path))
        if pull is None:
            raise _make_missing(f"pull request {number} in {repository.full_name}")
        # A deleted head repository was a fork: a branch of this repository would still be here.
        fork = pull.head.repo is None or pull.head.repo.id != repository.id
        sha, closed = _require_sha(pull.head.sha), pull.state != "open"
        return ResolvedRef(name=number, kind=RefKind.PULL_REQUEST, sha=sha, fork=fork, closed=closed)

    def fetch_file(self, repository: Repository, path: str, sha: str) -> bytes | None:
        """A file at a commit or branch, at most 1 MiB; None when it is not there or is no file."""

        def read(session: Session) -> object:
            try:
                return session.send(
                    "GET", make_path(*_base(repository), "contents", path, safe="/"), query={"ref": sha}
                )[1]
            except GitHubFailed as failed:
                if failed.status == HTTPStatus.NOT_FOUND:
                    return None
                raise

        return _read_content(self._app.run(repository, Scope.CONTENTS_READ, read), path)

    def fetch_permission(self, repository: Repository, login: str) -> Permission:
        """What `login` may do, by the collaborator-permission call; NONE for somebody GitHub does not know."""
        path = make_path(*_base(repository), "collaborators", login, "permission")
        reply = self._app.run(repository, Scope.METADATA, lambda session: session.find(_PermissionReply, path))
        known = {permission.value: permission for permission in Permission}
        # An unknown word must never open a door.
        return Permission.NONE if reply is None else known.get(reply.permission, Permission.NONE)

    def is_team_member(self, repository: Repository, team: str, login: str) -> bool:
        """Whether `login` is an active member of a team of the repository's organisation; see the port."""
        path = make_path("orgs", repository.owner, "teams", team, "memberships", login)
        reply = self._app.run(repository, Scope.MEMBERS_READ, lambda session: session.find(_MembershipReply, path))
        # Somebody who was invited and has not answered is "pending".
        return reply is not None and reply.state == "active"


def _base(repository: Repository) -> tuple[str, str, str]:
    return ("repos", repository.owner, repository.name)


def _split(full_name: str) -> tuple[str, str]:
    owner, slash, name = full_name.partition("/")
    if not (owner and slash and name) or "/" in name or {".", ".."} & {owner, name}:
        raise SourceMissing(f'Expected a repository as `owner/name`, but got "{clip(full_name, limit=100)}".')
    return owner, name


def _make_missing(what: str) -> SourceMissing:
    return SourceMissing(
        f"Expected {what}, but GitHub does not know it or the App may not see it.",
        hint="Check the name, and that the App is installed on the repository.",
    )


def _require_sha(text: str) -> str:
    if not is_full_sha(text):
        raise GitHubFailed(f'Expected a commit SHA of 40 hex digits from GitHub, but got "{clip(text, limit=60)}".')
    return text


def _find_tag(session: Session, repository: Repository, tag: str) -> str | None:
    reply = session.find(_RefReply, make_path(*_base(repository), "git", "ref", f"tags/{tag}", safe="/"))
    if reply is None:
        return None
    target = reply.object
    for _ in range(_TAG_DEPTH):
        if target.type != "tag":
            break
        # An annotated tag is an object of its own that points to the commit, perhaps through further tags.
        target = session.read(_RefReply, make_path(*_base(repository), "git", "tags", target.sha)).object
    if target.type != "commit":
        raise SourceMissing(f'The tag "{tag}" of {repository.full_name} points to no commit.')
    return _require_sha(target.sha)


def _find_branch(session: Session, repository: Repository, branch: str) -> str | None:
    reply = session.find(_RefReply, make_path(*_base(repository), "git", "ref", f"heads/{branch}", safe="/"))
    return None if reply is None else _require_sha(reply.object.sha)


def _find_commit(session: Session, repository: Repository, ref: str) -> str | None:
    if not is_sha_prefix(ref):
        return None
    try:
        commit = session.find(_CommitReply, make_path(*_base(repository), "commits", ref))
    except GitHubFailed as failed:
        # GitHub answers 422 for hex digits that fit no commit, or several.
        if failed.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            return None
        raise
    if commit is None:
        return None
    sha = _require_sha(commit.sha)
    if sha.startswith(ref.lower()) and _is_own_commit(session, repository, sha):
        return sha
    raise SourceMissing(
        f"The commit {sha} is neither on {repository.default_branch} nor the head of a branch of {repository.full_name}.",
        hint="Push it to a branch of the repository, or name a tag.",
    )


def _is_own_commit(session: Session, repository: Repository, sha: str) -> bool:
    span = f"{repository.default_branch}...{sha}"
    comparison = session.find(
        _ComparisonReply, make_path(*_base(repository), "compare", span, safe="/"), query={"per_page": "1"}
    )
    if comparison is not None and comparison.status in ("identical", "behind"):
        return True
    branches = session.pages(_BranchReply, make_path(*_base(repository), "branches"))
    return any(branch.commit.sha == sha for branch in branches)


def _read_content(value: object, path: str) -> bytes | None:
    # A folder is answered as a list; a submodule or a symlink that leads nowhere is no file either.
    if not isinstance(value, dict) or value.get("type") != "file":
        return None
    reply = parse_reply(_FileReply, value, call=f"GET {clip(path)}")
    if reply.size > FILE_LIMIT_BYTES or reply.encoding != "base64" or reply.content is None:
        raise SourceInvalid(f"{clip(path)} has {reply.size} bytes; at most {FILE_LIMIT_BYTES} are read.")
    try:
        return base64.b64decode(reply.content)
    except binascii.Error as exc:
        raise GitHubFailed(f"Expected {clip(path)} in base64 from GitHub, but it cannot be decoded.") from exc
