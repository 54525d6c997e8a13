"""Presses on check runs: a button, "Re-run" of one check run, "Re-run all" of a commit's. Each asks what a command would.

A check run is ours when its `external_id` names a run, or the check of its commit's config; which run that was is looked
up when the press comes in. Decides nothing about who may.
"""

from __future__ import annotations

import re

from hublish.core.github.buttons import BUTTONS
from hublish.core.github.commands import CommandName
from hublish.core.github.payloads import CheckRunDelivery, CheckSuiteDelivery, Delivery
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.errors import clip

_EXTERNAL_ID = re.compile(r"(?P<run>[0-9a-f]{32})/.+")
_CONFIG_ID = "config/"


def make_press(delivery: CheckRunDelivery) -> Trigger | str:
    """Make the trigger of a pressed button, or of "Re-run" where no button is named; or say why there is none."""
    check = delivery.check_run
    if delivery.requested_action is None and check.external_id == f"{_CONFIG_ID}{check.head_sha}":
        return _make_trigger(delivery, key=f"check:{check.id}:config", sha=check.head_sha, command=None, target=None)
    found = _EXTERNAL_ID.fullmatch(check.external_id or "")
    if found is None:
        return "the check run is of no build of hublish"
    command, identifier = CommandName.RETRY, "rerun"
    if delivery.requested_action is not None:
        button = BUTTONS.get(delivery.requested_action.identifier)
        if button is None:
            return f"hublish has no button {clip(delivery.requested_action.identifier, limit=32)}"
        command, identifier = button.command, button.identifier
    return _make_trigger(
        delivery, key=f"check:{check.id}:{identifier}", sha=check.head_sha, command=command, target=found["run"]
    )


def make_suite_press(delivery: CheckSuiteDelivery) -> Trigger:
    """Make the trigger of "Re-run all": the check of the commit's config is meant, and its last build."""
    suite = delivery.check_suite
    return _make_trigger(delivery, key=f"suite:{suite.id}", sha=suite.head_sha, command=CommandName.RETRY, target=None)


def _make_trigger(
    delivery: Delivery, *, key: str, sha: str, command: CommandName | None, target: str | None
) -> Trigger:
    return Trigger(
        kind=TriggerKind.CHECK,
        repository=delivery.make_repository(),
        actor=delivery.sender.login,
        actor_is_bot=delivery.sender.type == "Bot",
        semantic_key=f"{key}:{delivery.sender.login}",
        ref=None,
        ref_kind=None,
        thread=Thread(kind="commit", number=0, sha=sha),
        url="",
        command=command,
        target=target,
    )
