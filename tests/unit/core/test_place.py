"""Key paths as text."""

import pytest

from hublish.core.place import KeyPath, render_key


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), None),
        (("image", "tags", 1), "image.tags[1]"),
        (("images", 0, "name"), "images[0].name"),
        (("default", "zope.interface", "hashes"), 'default."zope.interface".hashes'),
        (('a"b\\c',), '"a\\"b\\\\c"'),
    ],
)
def test_key_path_is_dotted_with_quotes_only_where_needed(path: KeyPath, expected: str | None) -> None:
    """A plain key stands bare, any other in quotes, an index in brackets, and the whole file has no key."""

    assert render_key(path) == expected
