"""Faults of files in words: models with mappings in them, and values that may be secrets."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from hublish.core.trees.yamlfaults import explain_fault
from hublish.core.trees.yamlmodel import StrictModel
from hublish.core.trees.yamltree import parse_tree


class _Host(StrictModel):
    port: int
    mode: str = "a"


class _File(StrictModel):
    hosts: dict[str, _Host]


def explain(text: str, *, show_values: bool) -> list[tuple[str, str]]:
    """Message and hint of every fault."""
    tree = parse_tree(text.encode(), path="file.yaml").tree
    assert tree is not None
    with pytest.raises(ValidationError) as caught:
        _File.model_validate(tree.value)
    found = [explain_fault(tree, _File, details, show_values=show_values) for details in caught.value.errors()]
    return [(item.message, item.hint) for item in found]


def test_keys_below_a_name_are_those_of_its_model() -> None:
    """A misspelt and a missing key of an item in a mapping."""
    expected = [
        ("the key `hosts.a.port` is missing", ""),
        ("unknown key `prt`", "did you mean `port`?"),
    ]

    assert explain("hosts: {a: {prt: 1}}", show_values=True) == expected


@pytest.mark.parametrize(
    ("show_values", "expected"),
    [
        (
            True,
            [
                ('expected a whole number, got "s3cret"', ""),
                ("expected text, got the number 7", 'put it in quotes: "7"'),
            ],
        ),
        (False, [("expected a whole number, got text", ""), ("expected text, got a number", "")]),
    ],
)
def test_values_are_shown_unless_they_may_be_secrets(*, show_values: bool, expected: list[tuple[str, str]]) -> None:
    """What an operator put into the wrong place is in no log."""
    assert explain("hosts: {a: {port: s3cret, mode: 7}}", show_values=show_values) == expected


def test_nothing_is_told_from_a_number() -> None:
    """A key without a value."""
    assert explain("hosts:", show_values=True) == [("expected a mapping of keys to values, got nothing", "")]
