"""Values as versioned JSON."""

from __future__ import annotations

import json

import pytest

from hublish.core.building import BuildOutcome, BuildStopped, BuildSucceeded, LayerSummary, Progress, Step
from hublish.core.codec import parse_value, render_value
from hublish.core.repository import RefKind, ResolvedRef
from hublish.errors import StoredValueInvalid

REF = ResolvedRef(name="v1·2", kind=RefKind.TAG, sha="a" * 40)
TEXT = '{"format":1,"value":{"name":"v1·2","kind":"tag","sha":"' + "a" * 40 + '","fork":false,"closed":false}}'
SUCCEEDED = BuildSucceeded(
    digest="sha256:" + "b" * 64,
    size_bytes=10,
    layers=(LayerSummary(title="source", digest="sha256:" + "c" * 64, size_bytes=10, transfer="uploaded"),),
    uploaded_bytes=10,
    packages=(("six", "1.17.0"),),
    step_seconds=(("fetch", 0.5),),
)
STOPPED = BuildStopped(code="WheelMissing", message="six", hint="", step=Step.PACKAGES, last_lines=("a", "b"))


def test_value_is_one_line_of_json_with_its_format() -> None:
    """Enums stand by value, text as it is, and the format comes first."""

    assert render_value(REF) == TEXT
    assert parse_value(ResolvedRef, TEXT) == REF


@pytest.mark.parametrize("outcome", [SUCCEEDED, STOPPED])
def test_union_comes_back_as_the_member_it_was(outcome: BuildOutcome) -> None:
    """A stored outcome is the one that was written, tuples and all."""

    assert parse_value(BuildOutcome, render_value(outcome, BuildOutcome)) == outcome


@pytest.mark.parametrize(
    ("value", "kind"),
    [(None, type(None)), ("text", str), (7, int), ((("a", 1),), tuple[tuple[str, int], ...])],
)
def test_plain_values_come_back(value: object, kind: type[object]) -> None:
    """What steps return besides dataclasses: nothing, text, numbers, tuples."""

    assert parse_value(kind, render_value(value, kind)) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected JSON of"),
        ('{"format":1,', "expected JSON of"),
        ("[]", "expected format 1 of"),
        ("{}", "expected format 1 of"),
        ('{"format":2,"value":{}}', "expected format 1 of"),
        ('{"format":1}', "stored value is no"),
        ('{"format":1,"value":{"step":"sleep","done":1,"total":null}}', "stored value is no"),
        ('{"format":1,"value":{"step":"push"}}', "stored value is no"),
    ],
)
def test_damaged_or_foreign_row_is_an_error_that_says_so(text: str, message: str) -> None:
    """No JSON, no format, a later format, a missing or wrong field: never a guess."""
    with pytest.raises(StoredValueInvalid) as caught:
        parse_value(Progress, text)

    assert caught.value.message.startswith(message)


def test_error_shows_only_the_beginning_of_a_foreign_text() -> None:
    """A huge row does not fill the log."""
    with pytest.raises(StoredValueInvalid) as caught:
        parse_value(Progress, json.dumps(["x" * 10_000]))

    assert len(caught.value.message) < 200
