"""Where a new repository's image goes."""

from __future__ import annotations

import pytest

from hublish.core.namespaces import check_namespace
from hublish.core.onboarding.target import choose_target, make_component
from hublish.core.reference import parse_reference

A, B = "a.example.org", "b.example.org"


@pytest.mark.parametrize(
    ("namespaces", "expected"),
    [
        ({A: {"octo": ("team", "other")}}, f"{A}/team/my-repo"),
        ({A: {"octo": ("team/deep/",)}}, f"{A}/team/deep/my-repo"),
        ({A: {"octo": ("",)}}, f"{A}/octo/my-repo"),
        ({A: {"*": ("shared",)}, B: {"octo": ("team",)}}, f"{B}/team/my-repo"),
        ({A: {"*": ("shared",)}}, f"{A}/shared/octo/my-repo"),
        ({A: {"*": ("",)}}, f"{A}/octo/my-repo"),
        ({A: {}, B: {"someone": ("team",)}}, None),
    ],
)
def test_operator_gives_the_place(namespaces: dict[str, dict[str, tuple[str, ...]]], expected: str | None) -> None:
    """The owner's own prefix first; where others push too, the owner's name keeps repositories apart."""
    target = choose_target(namespaces, owner="Octo", name="My.Repo")

    assert (None if target is None else str(target)) == expected
    assert target is None or check_namespace(namespaces, owner="Octo", reference=target) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My__Repo.x", "my-repo-x"),
        ("---", "image"),
        ("İ$(id)", "i-id"),
        ("a" * 200, "a" * 100),
        ("ünï", "n"),
        ("../$(id)", "id"),
        ("\u202e", "image"),
    ],
)
def test_any_text_becomes_a_part_of_a_name(text: str, expected: str) -> None:
    """Of letters, digits and single hyphens, never empty."""
    assert make_component(text) == expected
    assert parse_reference(f"{A}/{make_component(text)}").repository == expected
