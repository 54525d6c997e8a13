"""Buttons of check runs: which there are, when they are shown, and the command that each one stands for.

A press asks for exactly what the comment would; who may is decided as for a comment. GitHub shows at most three.

Source: GitHub REST API, "Check runs": at most 3 actions; label 20, description 40, identifier 20 characters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hublish.core.github.commands import CommandName
from hublish.core.status import RunState

HUB_REFUSED = "HubRefused"
"""Code of the failure of a run whose image was pushed and whose entry could not be proposed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """One button.

    Attributes:
        identifier: what GitHub sends back when it is pressed, at most 20 characters.
        label: on the button, at most 20 characters.
        description: beside it, at most 40 characters.
        command: what it stands for, for the run whose check run bears it.
    """

    identifier: str
    label: str
    description: str
    command: CommandName


CANCEL = Button(identifier="cancel", label="Cancel", description="Stop this build.", command=CommandName.CANCEL)
RETRY = Button(identifier="retry", label="Retry", description="Build what is not built yet.", command=CommandName.RETRY)
# The image stands: taking the run up again builds nothing and proposes the entry anew.
OPEN_PULL_REQUEST = Button(
    identifier="open-pull-request",
    label="Open pull request",
    description="Propose the image to the hub again.",
    command=CommandName.RETRY,
)
BUTTONS: Mapping[str, Button] = MappingProxyType(
    {button.identifier: button for button in (RETRY, CANCEL, OPEN_PULL_REQUEST)}
)


def choose_buttons(state: RunState, *, failure: str | None) -> tuple[Button, ...]:
    """Choose the buttons that a run's check run bears.

    Args:
        state: of the run.
        failure: code of its failure; None without one.
    """
    if not state.ended:
        return () if state is RunState.DELIVERING else (CANCEL,)
    if failure == HUB_REFUSED:
        return (OPEN_PULL_REQUEST,)
    return (RETRY,) if state in (RunState.FAILED, RunState.CANCELLED) else ()
