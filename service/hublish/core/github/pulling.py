"""Pull requests: what commits in one ask for, and what its end does. Decides nothing about who may, and whose code it is."""

from __future__ import annotations

from dataclasses import replace

from hublish.core.github.commands import CommandName
from hublish.core.github.payloads import PullRequestDelivery
from hublish.core.github.ports import Thread
from hublish.core.github.pushing import OWN_BRANCHES
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.repository import RefKind


def make_pull_trigger(delivery: PullRequestDelivery) -> Trigger | str:
    """Make the trigger of commits in a pull request; or say why there is none."""
    pull = delivery.pull_request
    own = pull.head.repo is not None and pull.head.repo.id == delivery.repository.id
    if own and pull.head.ref.startswith(OWN_BRANCHES):
        return "the branch is hublish's own"
    return Trigger(
        kind=TriggerKind.PULL_REQUEST,
        repository=delivery.make_repository(),
        actor=delivery.sender.login,
        actor_is_bot=delivery.sender.type == "Bot",
        semantic_key=f"pull-request:{pull.number}:{pull.head.sha}",
        ref=str(pull.number),
        ref_kind=RefKind.PULL_REQUEST,
        sha=pull.head.sha,
        base=pull.base.sha,
        thread=Thread(kind="issue", number=pull.number),
        url=pull.html_url,
        pull_request_number=pull.number,
    )


def make_closed_trigger(delivery: PullRequestDelivery) -> Trigger | str:
    """Make the trigger of a closed or merged pull request: what is being built for it is of no use any more."""
    opened = make_pull_trigger(delivery)
    if isinstance(opened, str):
        return opened
    key = f"pull-request-closed:{opened.ref}:{delivery.pull_request.updated_at or opened.sha}"
    return replace(opened, semantic_key=key, sha=None, base=None, command=CommandName.CANCEL)
