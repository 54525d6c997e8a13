"""The trigger: what somebody asked for, or which commits they brought, as a value. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hublish.core.github.commands import CommandName
from hublish.core.github.ports import Thread
from hublish.core.repository import RefKind, Repository

BUILDS = frozenset(
    {CommandName.BUILD, CommandName.RETRY, CommandName.RETEST, CommandName.DEPLOY, CommandName.OK_TO_BUILD}
)


class TriggerKind(Enum):
    """What started a run."""

    RELEASE = "release"
    PUSH = "push"
    TAG = "tag"
    ISSUE = "issue"
    LABEL = "label"
    PROJECT = "project"
    COMMENT = "comment"
    PULL_REQUEST = "pull-request"
    CHECK = "check"
    API = "api"
    SCHEDULE = "schedule"

    @property
    def proves_permission(self) -> bool:
        """True where nobody has to be asked: GitHub, the operator by a token of the API, or the config gave the permission.

        A pull request's head lies on a branch of the repository, or it is a fork's, which waits for a person's word.
        """
        return self in (
            TriggerKind.RELEASE,
            TriggerKind.PUSH,
            TriggerKind.TAG,
            TriggerKind.API,
            TriggerKind.SCHEDULE,
            TriggerKind.PULL_REQUEST,
        )

    @property
    def talks(self) -> bool:
        """True for what is answered by comments, a tag and a release on their commit; the others have their check run."""
        silent = (TriggerKind.PUSH, TriggerKind.PULL_REQUEST, TriggerKind.CHECK, TriggerKind.API, TriggerKind.SCHEDULE)
        return self not in silent


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What a project issue says.

    Attributes:
        repository: `owner/name` it is about, in lower case; "" where it names none that is understood.
        name: of the project, foreign text; "" where none is given.
        people: True when it asks for access for people.
    """

    repository: str
    name: str
    people: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """Somebody asked for a build or for something about builds, or brought commits.

    Attributes:
        kind: what they did.
        repository: where.
        actor: login of the person or bot that did it.
        actor_is_bot: True for GitHub Apps; they may publish releases and push, and comment where the operator lists them.
        semantic_key: equal for two deliveries that mean the same request.
        ref: what to build, as `resolve_ref` takes it (a pull request's number with `ref_kind` PULL_REQUEST); None when
            `problem` is set. A command that builds nothing may name what it is about.
        ref_kind: what `ref` must turn out to be; None when a tag, branch or SHA is right.
        prerelease: True for a release marked so.
        thread: where reactions go; comments on a release or a tag go to its commit, and a push or a tag gets no reaction.
        pull_request_number: the pull request a comment was made on, or that brought commits or was closed; None elsewhere.
        url: page of the release, issue or comment, for links in answers; "" for a push.
        problem: why the request cannot be understood, in one sentence; told to people who may build.
        hint: what to write instead; "" without a problem.
        sha: the commit, where the event itself names it; a tag must still point at it. None where `ref` has to be resolved.
        base: commit or branch that `sha` is compared with to see what changed; None where nothing is compared, or
            everything is new.
        command: what is wanted of the bot; None for a word it does not know, which is a problem, and for a press that is
            about the check of the config alone.
        images: titles of the images that are wanted; empty for all.
        force: True to build anew what was built before.
        hub: the one hub of the config that is meant; "" for all.
        target: id of the run that is meant, where something of its check run was pressed; None elsewhere.
        label: name of the label that an issue got; "" elsewhere.
        project: what a project issue says; None elsewhere.
        notes: sentences for the answer on what was not read of the request; foreign text.
        approved_sha: the commit that somebody lets be built although it may be a fork's, in lower case; perhaps only the
            beginning of its SHA, which approves nothing; "" for none.
        addressed: False for a command without the bot's name before it, which may be meant for another bot.
    """

    kind: TriggerKind
    repository: Repository
    actor: str
    actor_is_bot: bool
    semantic_key: str
    ref: str | None
    ref_kind: RefKind | None
    thread: Thread
    url: str
    prerelease: bool = False
    pull_request_number: int | None = None
    problem: str | None = None
    hint: str = ""
    sha: str | None = None
    base: str | None = None
    command: CommandName | None = CommandName.BUILD
    images: tuple[str, ...] = ()
    force: bool = False
    hub: str = ""
    target: str | None = None
    label: str = ""
    project: Project | None = None
    notes: tuple[str, ...] = ()
    approved_sha: str = ""
    addressed: bool = True

    @property
    def checked_sha(self) -> str | None:
        """The commit whose config and lock are checked: one that was brought, or whose checks are run again; else None."""
        if self.kind in (TriggerKind.PUSH, TriggerKind.PULL_REQUEST):
            return self.sha if self.builds else None
        return self.thread.sha if self.kind is TriggerKind.CHECK and self.target is None else None

    @property
    def only_checks(self) -> bool:
        """True when nobody wants a build, whoever asks: nothing but the config and the lock is looked at."""
        return self.kind is TriggerKind.CHECK and self.command is None

    @property
    def builds(self) -> bool:
        """True when an image is wanted, or may be by what the config says of pushes and pull requests."""
        return self.command in BUILDS
