"""What a misspelt word may have meant."""

import pytest

from hublish.core.suggestion import suggest


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("prt", "did you mean `port`?"),
        ("Base_Image", "did you mean `base-image`?"),
        ("zebra", ""),
        ("", ""),
    ],
)
def test_the_known_word_that_is_near_is_suggested(word: str, expected: str) -> None:
    """Case and dashes do not count, and a word that is near none gets no hint."""

    assert suggest(word, ("port", "host", "base-image")) == expected
