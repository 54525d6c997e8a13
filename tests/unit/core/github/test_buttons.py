"""Buttons of check runs: few, short enough for GitHub, and shown where they do something."""

from __future__ import annotations

import pytest

from hublish.core.github.buttons import BUTTONS, CANCEL, HUB_REFUSED, OPEN_PULL_REQUEST, RETRY, Button, choose_buttons
from hublish.core.status import RunState


def test_buttons_fit_githubs_limits() -> None:
    """At most three; label and identifier of 20 characters, description of 40."""
    assert len(BUTTONS) <= 3
    assert all(len(button.identifier) <= 20 and len(button.label) <= 20 for button in BUTTONS.values())
    assert all(len(button.description) <= 40 for button in BUTTONS.values())


@pytest.mark.parametrize(
    ("state", "failure", "buttons"),
    [
        (RunState.RECEIVED, None, (CANCEL,)),
        (RunState.BUILDING, None, (CANCEL,)),
        (RunState.DELIVERING, None, ()),
        (RunState.DELIVERED, None, ()),
        (RunState.FAILED, "WheelMissing", (RETRY,)),
        (RunState.FAILED, HUB_REFUSED, (OPEN_PULL_REQUEST,)),
        (RunState.CANCELLED, "RunCancelled", (RETRY,)),
        (RunState.DENIED, "ConfigMissing", ()),
    ],
)
def test_button_is_shown_where_it_does_something(
    state: RunState, failure: str | None, buttons: tuple[Button, ...]
) -> None:
    """What runs can be stopped until it is delivered; what failed can be taken up again."""
    assert choose_buttons(state, failure=failure) == buttons
