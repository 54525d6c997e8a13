"""What the bot says on GitHub: reactions, comments found again by their marker, issues closed.

A comment is ours only when it bears the marker and was written by our App; a marker in somebody else's comment is
text. Every method looks up first, so that a repeated call changes nothing.

Source: GitHub REST API, "Issue comments", "Commit comments", "Reactions", "Issues".
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from hublish.adapters.github.app import AppIdentity, GitHubApp
from hublish.adapters.github.checks import CheckReply, ensure_check_run
from hublish.adapters.github.memory import Memory
from hublish.adapters.github.permissions import Scope
from hublish.adapters.github.session import Reply, Session, make_path
from hublish.adapters.github.transfers import run_wherever
from hublish.core.github.ports import CheckRun, Comment, Thread
from hublish.core.repository import Repository
from hublish.errors import GitHubFailed, SourceMissing

# GitHub has no thumbs-down and no "confused" for releases; the answer itself says what went wrong there.
_RELEASE_REACTIONS = frozenset({"+1", "laugh", "heart", "hooray", "rocket", "eyes"})


class _User(Reply):
    login: str


class _ViaApp(Reply):
    id: int


class _CommentReply(Reply):
    id: int
    html_url: str
    body: str | None = None
    user: _User | None = None
    performed_via_github_app: _ViaApp | None = None


class _IssueReply(Reply):
    state: str


@dataclass(frozen=True, slots=True)
class _Kept:
    """A comment of ours and the body it was given."""

    reply: _CommentReply
    body: str


class GitHubConversation:
    """Implements the port Conversation."""

    def __init__(self, app: GitHubApp) -> None:
        self._app = app
        # By the thread's address and marker, and by commit and external id: what this process wrote last.
        self._comments: Memory[tuple[str, str], _Kept] = Memory()
        self._checks: Memory[tuple[int, str, str], CheckReply] = Memory()

    def ensure_reaction(self, repository: Repository, thread: Thread, content: str) -> None:
        """Add a reaction once; GitHub itself keeps one per person and content.

        A release takes no "confused" and a commit no reaction at all: there the call does nothing.
        """
        base = ("repos", repository.owner, repository.name)
        if thread.comment_id is not None:
            kind = "comments" if thread.kind == "commit" else "issues/comments"
            path, scope = make_path(*base, *kind.split("/"), thread.comment_id, "reactions"), _comment_scope(thread)
        elif thread.kind == "issue":
            path, scope = make_path(*base, "issues", thread.number, "reactions"), Scope.ISSUES_WRITE
        elif thread.kind == "release" and content in _RELEASE_REACTIONS:
            path, scope = make_path(*base, "releases", thread.number, "reactions"), Scope.COMMIT_COMMENTS_WRITE
        else:
            return
        run_wherever(
            self._app, repository, scope, lambda session: session.send("POST", path, body={"content": content})
        )

    def ensure_comment(self, repository: Repository, thread: Thread, *, marker: str, body: str) -> Comment:
        """Create the comment with `marker` in it, or edit ours to `body`; `body` holds the marker already."""
        paths = _CommentPaths(repository, thread)
        identity = self._app.fetch_identity()

        key = (paths.listing, marker)

        def ensure(session: Session) -> _CommentReply:
            known = self._comments.take(key)
            if known is not None and known.body == body:
                return known.reply
            edited = None if known is None else _edit(session, paths.one(known.reply.id), body)
            return edited or _ensure_comment(session, paths, marker=marker, body=body, identity=identity)

        comment = run_wherever(self._app, repository, _comment_scope(thread), ensure)
        self._comments.keep(key, _Kept(comment, body))
        return Comment(id=comment.id, url=comment.html_url, body=comment.body or "")

    def delete_comment(self, repository: Repository, thread: Thread, *, marker: str) -> None:
        """Delete our comment with this marker, if there is one."""
        paths = _CommentPaths(repository, thread)
        identity = self._app.fetch_identity()

        def delete(session: Session) -> None:
            known = self._comments.take((paths.listing, marker))
            if known is not None:
                _delete(session, paths.one(known.reply.id))
                return
            for comment in _find_ours(session, paths, marker=marker, identity=identity):
                _delete(session, paths.one(comment.id))

        run_wherever(self._app, repository, _comment_scope(thread), delete)

    def ensure_check_run(self, repository: Repository, check: CheckRun) -> int:
        """Create or update the check run with `external_id` on the commit; returns GitHub's id."""
        app_id = self._app.fetch_identity().app_id
        key = (repository.id, check.sha, check.external_id)

        def ensure(session: Session) -> CheckReply:
            return ensure_check_run(session, repository, check, app_id=app_id, known=self._checks.take(key))

        held = run_wherever(self._app, repository, Scope.CHECKS_WRITE, ensure)
        self._checks.keep(key, held)
        return held.id

    def close_issue(self, repository: Repository, number: int) -> None:
        """Close an issue as completed; no effect on a closed one."""
        path = make_path("repos", repository.owner, repository.name, "issues", number)

        def close(session: Session) -> None:
            if session.read(_IssueReply, path).state != "closed":
                session.write(_IssueReply, "PATCH", path, body={"state": "closed", "state_reason": "completed"})

        run_wherever(self._app, repository, Scope.ISSUES_WRITE, close)

    def fetch_name(self) -> str:
        """The name that people mention the bot by, without `@`: the App's slug, asked once."""
        return self._app.fetch_identity().slug


class _CommentPaths:
    """Where the comments of a thread are listed and changed."""

    def __init__(self, repository: Repository, thread: Thread) -> None:
        self._base = ("repos", repository.owner, repository.name)
        if thread.kind == "issue":
            self.listing = make_path(*self._base, "issues", thread.number, "comments")
            self._kind: tuple[str, ...] = ("issues", "comments")
        elif thread.sha:
            self.listing = make_path(*self._base, "commits", thread.sha, "comments")
            self._kind = ("comments",)
        else:
            raise SourceMissing("A comment on a release goes to its commit, but the thread names none.")

    def one(self, comment_id: int) -> str:
        """The path of one comment."""
        return make_path(*self._base, *self._kind, comment_id)


def _comment_scope(thread: Thread) -> Scope:
    return Scope.ISSUES_WRITE if thread.kind == "issue" else Scope.COMMIT_COMMENTS_WRITE


def _find_ours(
    session: Session, paths: _CommentPaths, *, marker: str, identity: AppIdentity
) -> tuple[_CommentReply, ...]:
    """Our comments with the marker, oldest first."""
    found = [
        comment
        for comment in session.pages(_CommentReply, paths.listing)
        if marker in (comment.body or "") and _is_ours(comment, identity)
    ]
    return tuple(sorted(found, key=lambda comment: comment.id))


def _ensure_comment(
    session: Session, paths: _CommentPaths, *, marker: str, body: str, identity: AppIdentity
) -> _CommentReply:
    ours = _find_ours(session, paths, marker=marker, identity=identity)
    if not ours:
        return session.write(_CommentReply, "POST", paths.listing, body={"body": body})
    # A crash between two tries may have left a second one; the first is kept.
    for extra in ours[1:]:
        _delete(session, paths.one(extra.id))
    if ours[0].body == body:
        return ours[0]
    return session.write(_CommentReply, "PATCH", paths.one(ours[0].id), body={"body": body})


def _edit(session: Session, path: str, body: str) -> _CommentReply | None:
    """Edit a comment; None when somebody deleted it."""
    try:
        return session.write(_CommentReply, "PATCH", path, body={"body": body})
    except GitHubFailed as failed:
        if failed.status != HTTPStatus.NOT_FOUND:
            raise
        return None


def _is_ours(comment: _CommentReply, identity: AppIdentity) -> bool:
    # People cannot take a login with brackets. The App's id alone is not proof: a person's comment made through the
    # App's user token bears it too, so the login counts, and the id must not contradict it.
    if comment.user is None or comment.user.login != identity.bot_login:
        return False
    via = comment.performed_via_github_app
    return via is None or via.id == identity.app_id


def _delete(session: Session, path: str) -> None:
    try:
        session.send("DELETE", path)
    except GitHubFailed as failed:
        if failed.status != HTTPStatus.NOT_FOUND:
            raise
