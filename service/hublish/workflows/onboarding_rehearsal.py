"""Onboarding played through without an effect: which pull requests would be opened, word for word, and what is left alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

from hublish.core.github.ports import HubRepository, PullRequest
from hublish.core.onboarding.ports import Newcomer, NewcomerState, PushProbe, RepositoryMaker
from hublish.core.redact import redact
from hublish.core.reference import Reference
from hublish.core.repository import Repository
from hublish.errors import HublishError, NotAllowed, clip
from hublish.workflows.onboarding import Onboarding
from hublish.workflows.services import Services

REHEARSED = 20
"""Repositories that a rehearsal looks at: each costs a few requests, and nobody reads the words for hundreds."""


def rehearse_newcomers(
    services: Services, newcomers: tuple[Newcomer, ...], *, say: Callable[[Repository, str], None]
) -> str:
    """Play the onboarding of repositories through; nothing is written, and no registry is asked for a push.

    Args:
        services: the real ports.
        newcomers: as a delivery brings them; the first twenty are looked at.
        say: given each pull request that would be opened: where, and its body.

    Returns:
        What would become of each, for people.

    Raises:
        HublishError: what is transient.
    """

    def propose(repository: Repository, *, body: str, **_: str) -> PullRequest:
        say(repository, body)
        return PullRequest(number=0, url="", head_sha="", open=True)

    def refuse(_: Reference) -> bool:
        raise NotAllowed("it is not asked in a rehearsal")

    hub = services.hub_repository
    harmless = SimpleNamespace(
        fetch_head=hub.fetch_head,
        fetch_branch=hub.fetch_branch,
        ensure_commit=lambda *_, **__: "",
        ensure_pull_request=propose,
    )
    onboarding = Onboarding(
        replace(
            services,
            hub_repository=cast("HubRepository", harmless),
            push_probe=cast("PushProbe", SimpleNamespace(verify_push=refuse)),
            repository_maker=cast("RepositoryMaker", SimpleNamespace(ensure_repository=refuse)),
        )
    )
    ends = [f"{one.full_name}: {_rehearse_one(onboarding, one)}" for one in newcomers[:REHEARSED]]
    more = len(newcomers) - len(ends)
    return "; ".join([*ends, *([f"and {more} more"] if more else [])])


def _rehearse_one(onboarding: Onboarding, newcomer: Newcomer) -> str:
    try:
        state, reason = onboarding.welcome(newcomer)
    except HublishError as error:
        if error.transient:
            raise
        return f"{error.code}: {clip(redact(error.message))}"
    return "would get a pull request" if state is NewcomerState.PROPOSED else f"left alone, {reason}"
