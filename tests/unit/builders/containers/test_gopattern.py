"""Go's patterns: what they fit, and what is no pattern."""

from __future__ import annotations

import pytest

from hublish.builders.containers.gopattern import clean_path, compile_pattern, has_meta
from hublish.errors import ValueInvalid


@pytest.mark.parametrize(
    ("pattern", "fits", "other"),
    [
        ("*.py", ".py", "a/b.py"),
        ("a?c", "abc", "a/c"),
        ("[a-c]x", "bx", "dx"),
        ("[^a-c]x", "/x", "bx"),
        ("[c-a]", "", "b"),
        ("[^c-a]", "b", ""),
        (r"\*", "*", "a"),
        (r"[\]]", "]", "\\"),
        ("a.c", "a.c", "abc"),
    ],
)
def test_pattern_fits(pattern, fits, other) -> None:
    """Stars stop at a slash, classes do not; ranges that run backwards hold nothing."""
    compiled = compile_pattern(pattern)

    assert fits == "" or compiled.fullmatch(fits) is not None
    assert compiled.fullmatch(other) is None


@pytest.mark.parametrize("pattern", ["[", "[]", "[a", "[-a]", "[a-]", "a\\", "[\\", "[^"])
def test_pattern_that_is_not_complete_is_refused(pattern) -> None:
    """As Go refuses it."""
    with pytest.raises(ValueInvalid, match="not complete"):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/./b//c/", "a/b/c"),
        ("a/../../b", "../b"),
        ("/../a", "/a"),
        ("", "."),
        ("/", "/"),
        ("a/..", "."),
        ("../..", "../.."),
    ],
)
def test_path_is_cleaned_as_go_does(path, expected) -> None:
    """The shortest path of the same meaning."""
    assert clean_path(path) == expected
    assert not has_meta(path)
