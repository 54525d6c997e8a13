"""Builds that are ordered by the HTTP API: the run that every other trigger gets, too, and what is read of it.

An order is found again by its token and its idempotency key, so that a repeated request is the same run. Whether the token
may is decided here, on the repository as GitHub names it now; who holds the token is verified before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from hublish.core.access.tokens import Action, Token
from hublish.core.building import BuildRequest, BuildSucceeded
from hublish.core.codec import parse_value
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.records import Run
from hublish.core.repository import Repository
from hublish.core.status import RunState
from hublish.errors import ApiRefused, SourceMissing, clip
from hublish.workflows.inbox import make_run, make_run_key
from hublish.workflows.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is wanted: `owner/name`, a tag, branch or SHA, titles of images (none for all), and whether to build anew."""

    repo: str
    ref: str
    images: tuple[str, ...]
    force: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageState:
    """An image of a build: its title, where it goes, and its digest once it is built."""

    title: str
    name: str | None
    digest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildState:
    """A run as the API shows it.

    Attributes:
        id: the run's.
        status: where it is on its way.
        repo: `owner/name` as it was when the run began.
        ref: what was asked for.
        commit: 40 hex digits, or None before that is known.
        actor: who asked.
        images: empty until it is known what is built.
        answer: how it ended, in one sentence; None until then.
        url: its page.
        created_at: aware UTC.
        ended_at: aware UTC, or None.
    """

    id: str
    status: RunState
    repo: str
    ref: str
    commit: str | None
    actor: str
    images: tuple[ImageState, ...]
    answer: str | None
    url: str
    created_at: datetime
    ended_at: datetime | None


class Orders:
    """The desk of one service."""

    def __init__(self, services: Services, *, start_run: Callable[[str], None]) -> None:
        """Nothing is read here.

        Args:
            services: the ports.
            start_run: starts the workflow of a run id, or does nothing when it has started.
        """
        self._services = services
        self._start_run = start_run

    def place(self, order: Order, *, token: Token, idempotency_key: str) -> tuple[BuildState, bool]:
        """Order a build; returns it, and whether it is new.

        Raises:
            ApiRefused: the token may not (403), the App cannot see the repository (404), or the key stands for another
                order (422).
            HublishError: GitHub or the database failed.
        """
        verify_scope(token, Action.BUILD, order.repo)
        repository = self._find_repository(order.repo)
        # A name that was given up leads to the repository's new one, which may be an owner's whom the token does not name.
        verify_scope(token, Action.BUILD, repository.full_name)
        trigger = _make_trigger(order, repository, token=token, idempotency_key=idempotency_key)
        made = make_run(self._services, trigger, None)
        run = self._services.runs.find_latest_run(make_run_key(trigger)) or self._services.runs.ensure_run(made)
        _verify_same(parse_value(Trigger, run.trigger), trigger)
        if not run.state.ended:
            # Also where the run is known: whoever stored it may have died before it was started.
            self._start_run(run.id)
        return self._describe(run), run.id == made.id

    def read(self, build_id: str, *, token: Token) -> BuildState:
        """Read a build.

        Raises:
            ApiRefused: 404; there is none, or the token may not read it, which is not told apart.
        """
        run = self._services.runs.read_run(build_id)
        if run is None or not token.allows(Action.READ, run.repository):
            raise ApiRefused(
                f"There is no build {clip(build_id, limit=40)} that this token may read.",
                status=404,
                reason="BuildMissing",
            )
        return self._describe(run)

    def list_builds(self, repo: str, *, token: Token, limit: int) -> tuple[BuildState, ...]:
        """List the newest builds of a repository first, whatever asked for them. Raises ApiRefused: 403."""
        verify_scope(token, Action.READ, repo)
        return tuple(self._describe(run) for run in self._services.runs.list_named_runs(repo, limit=limit))

    def _find_repository(self, full_name: str) -> Repository:
        reader = self._services.reader
        missing = ApiRefused(
            f"hublish cannot see {clip(full_name)} on GitHub.",
            status=404,
            reason="RepositoryMissing",
            hint="install the App on the repository, or correct the name",
        )
        installation_id = reader.find_installation(full_name)
        if installation_id is None:
            raise missing
        try:
            return reader.fetch_repository(installation_id, full_name)
        except SourceMissing as error:
            raise missing from error

    def _describe(self, run: Run) -> BuildState:
        return BuildState(
            id=run.id,
            status=run.state,
            repo=run.repository,
            ref=run.ref,
            commit=run.sha,
            actor=run.actor,
            images=tuple(self._describe_image(*link) for link in self._services.steps.list_links(run.id)),
            answer=run.message if run.state.ended else None,
            url=f"{self._services.policy.public_url}/runs/{run.id}",
            created_at=run.created_at,
            ended_at=run.ended_at,
        )

    def _describe_image(self, build_name: str, title: str) -> ImageState:
        build = self._services.builds.read_build(build_name)
        request = None if build is None else self._services.builds.read_request(build.key)
        target = None if request is None else parse_value(BuildRequest, request).target
        built = None if build is None or not isinstance(build.outcome, BuildSucceeded) else build.outcome.digest
        return ImageState(title=title, name=None if target is None else target.name, digest=built)


def verify_scope(token: Token, action: Action, full_name: str) -> None:
    """Make sure that a token covers an action.

    Raises:
        ApiRefused: 403.
    """
    if not token.allows(action, full_name):
        raise ApiRefused(
            f"The token has no scope {action.value}:{clip(full_name)}.",
            status=403,
            reason="ScopeMissing",
            hint="ask the operator of this service for a token with that scope",
        )


def _make_trigger(order: Order, repository: Repository, *, token: Token, idempotency_key: str) -> Trigger:
    return Trigger(
        kind=TriggerKind.API,
        repository=repository,
        actor=token.name,
        actor_is_bot=False,
        semantic_key=f"api:{token.id}:{idempotency_key}",
        ref=order.ref,
        ref_kind=None,
        thread=Thread(kind="commit", number=0),
        url="",
        images=order.images,
        force=order.force,
    )


def _verify_same(stored: Trigger, asked: Trigger) -> None:
    # The repository may have another name or branch meanwhile, and is the same by its id, which is part of the key.
    if replace(stored, repository=asked.repository) != asked:
        raise ApiRefused(
            "The idempotency key was used for another order before.",
            status=422,
            reason="IdempotencyKeyReused",
            hint="use a new key for each order, and the same one only to repeat it",
        )
