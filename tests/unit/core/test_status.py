"""The table of a run's states."""

from __future__ import annotations

import itertools

import pytest

from hublish.core.status import RunState, verify_move
from hublish.errors import TransitionInvalid

ROAD = (RunState.RECEIVED, RunState.PLANNING, RunState.BUILDING, RunState.DELIVERING, RunState.DELIVERED)
UNHAPPY = (RunState.FAILED, RunState.DENIED, RunState.SKIPPED, RunState.CANCELLED)


def is_allowed(old: RunState, new: RunState) -> bool:
    try:
        verify_move(old, new)
    except TransitionInvalid:
        return False
    return True


def test_run_goes_its_road_or_ends_unhappily_and_nothing_else() -> None:
    """Of all 100 pairs exactly these pass: staying, one step on, an answer after a look, and any unhappy end."""
    expected = {(state, state) for state in RunState}
    expected |= set(itertools.pairwise(ROAD))
    expected |= set(itertools.product(ROAD[:-1], UNHAPPY))
    expected |= {(RunState.PLANNING, RunState.ANSWERED)}

    assert {pair for pair in itertools.product(RunState, RunState) if is_allowed(*pair)} == expected


def test_refused_move_names_both_states() -> None:
    """The error says where the run stands and what was asked."""
    with pytest.raises(TransitionInvalid, match=r"^a run that is delivered cannot become building$"):
        verify_move(RunState.DELIVERED, RunState.BUILDING)


def test_only_a_failed_run_may_be_tried_again() -> None:
    """A redelivery repeats a failure; what was delivered, denied, skipped or cancelled stays."""

    assert {state for state in RunState if state.may_retry} == {RunState.FAILED}
    assert {state for state in RunState if state.ended} == {RunState.DELIVERED, RunState.ANSWERED, *UNHAPPY}
