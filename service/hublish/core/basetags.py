"""Tags that name a version to its end, and the newer ones of the same version: what a pinned base may be moved to.

The first two numbers of a tag stay, as another minor version of Python would not fit the lock; a tag of fewer than three
numbers is left alone. Decides from the tags alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"([0-9]+)")
_FIXED_NUMBERS = 2
_LONGEST_NUMBER = 18


def is_versioned(tag: str) -> bool:
    """Tell whether a tag has three numbers or more, e.g. "3.11.4" or "3.11-20261121"."""
    return len(_read_numbers(tag)) > _FIXED_NUMBERS


def choose_newer_tag(tag: str, tags: Iterable[str]) -> str | None:
    """The newest of the tags that has the form of `tag` and its first two numbers; None when `tag` is the newest.

    Args:
        tag: e.g. "3.11.4-slim".
        tags: all tags of the repository, in any order.
    """
    if not is_versioned(tag):
        return None
    own = _read_numbers(tag)
    alike = [other for other in tags if _read_form(other) == _read_form(tag)]
    newer = [
        other
        for other in alike
        if _read_numbers(other)[:_FIXED_NUMBERS] == own[:_FIXED_NUMBERS] and _read_numbers(other) > own
    ]
    return max(newer, key=lambda other: (_read_numbers(other), other), default=None)


def _read_form(tag: str) -> tuple[str, ...]:
    """The text between the numbers."""
    return tuple(_NUMBER.split(tag)[::2])


def _read_numbers(tag: str) -> tuple[int, ...]:
    # A commit in hex holds numbers, too; those that are too long to be a version's count as none.
    found: list[str] = _NUMBER.findall(tag)
    return tuple(int(number) for number in found) if all(len(number) <= _LONGEST_NUMBER for number in found) else ()
