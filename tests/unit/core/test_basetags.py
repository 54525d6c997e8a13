"""Newer tags of the same version."""

from __future__ import annotations

import pytest

from hublish.core.basetags import choose_newer_tag, is_versioned


@pytest.mark.parametrize(
    ("tag", "tags", "expected"),
    [
        ("3.11.4", ("3.11.3", "3.11.4", "3.11.9", "3.11.10", "3.12.0", "4.0.0"), "3.11.10"),
        ("3.11.4", ("3.11.4", "3.11.3"), None),
        ("3.11.4", (), None),
        ("3.11-20261121", ("3.11-20261201", "3.11-20261130", "3.12-20270101"), "3.11-20261201"),
        ("3.11.4-slim", ("3.11.5", "3.11.5-slim", "3.11.6-bookworm"), "3.11.5-slim"),
        ("3.11.4", ("3.11.5rc1", "3.11.5.1", "v3.11.5"), None),
        ("3.11", ("3.12", "3.11.5"), None),
        ("20261121", ("20261201",), None),
        ("latest", ("latest", "newer"), None),
        ("1.2.3", ("1.2." + "9" * 19,), None),
        ("1.2.3", ("1.2.04", "1.2.4"), "1.2.4"),
    ],
)
def test_newest_tag_of_the_same_version_is_chosen(tag: str, tags: tuple[str, ...], expected: str | None) -> None:
    """Same form, same first two numbers, numbers compared as such; anything else is left alone."""
    assert choose_newer_tag(tag, tags) == expected


@pytest.mark.parametrize(
    ("tag", "versioned"), [("3.11.4", True), ("3.11-1", True), ("3.11", False), ("x", False), ("9" * 40, False)]
)
def test_tag_of_three_numbers_names_a_version(tag: str, *, versioned: bool) -> None:
    """Two are a minor version, which moves by itself."""
    assert is_versioned(tag) is versioned
