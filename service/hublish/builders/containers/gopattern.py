"""Go's shell patterns (`path.Match`), which `.s2iignore` and `.dockerignore` are written in, as regular expressions.

`*` and `?` stop at a slash, `[...]` does not; it takes ranges and `^`. A backslash takes the next character as it is; a dot needs no
match of its own. Only the grammar is here: which paths a file of patterns hides is for its reader.

Source:
    Go standard library, path/filepath.Match.
"""

from __future__ import annotations

import functools
import re
from typing import NoReturn

from hublish.errors import ValueInvalid, clip

_META = re.compile(r"[*?\[\\]")


def has_meta(pattern: str) -> bool:
    """Tell whether a pattern means anything but itself."""
    return _META.search(pattern) is not None


def clean_path(path: str) -> str:
    """Make the shortest path of the same meaning, as Go's `path.Clean` does: no `.`, no inner `..`, no double slash."""
    rooted = path.startswith("/")
    kept: list[str] = []
    for part in path.split("/"):
        if part in ("", "."):
            continue
        if part != "..":
            kept.append(part)
        elif kept and kept[-1] != "..":
            kept.pop()
        elif not rooted:
            kept.append(part)
    return ("/" if rooted else "") + "/".join(kept) or "."


@functools.lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern; it must match a whole path.

    Raises:
        ValueInvalid: a class or an escape is not complete.
    """
    result, index = "", 0
    while index < len(pattern):
        character = pattern[index]
        if character == "*":
            result += "[^/]*"
        elif character == "?":
            result += "[^/]"
        elif character == "[":
            text, index = _translate_class(pattern, index + 1)
            result += text
            continue
        else:
            character, index = _read_character(pattern, index)
            result += re.escape(character)
            continue
        index += 1
    return re.compile(result, re.DOTALL)


def _translate_class(pattern: str, index: int) -> tuple[str, int]:
    """Translate what follows a `[`; returns the expression and the index after the `]`."""
    negated = pattern[index : index + 1] == "^"
    index += negated
    ranges: list[tuple[str, str]] = []
    while True:
        if pattern[index : index + 1] == "]" and ranges:
            break
        low, index = _read_class_character(pattern, index)
        high = low
        if pattern[index : index + 1] == "-":
            high, index = _read_class_character(pattern, index + 1)
        ranges.append((low, high))
    # A range from high to low holds nothing; Python refuses it, Go does not.
    inside = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in ranges if low <= high)
    if not inside:
        return ("." if negated else "(?!)"), index + 1
    return f"[{'^' if negated else ''}{inside}]", index + 1


def _read_class_character(pattern: str, index: int) -> tuple[str, int]:
    if pattern[index : index + 1] in ("", "-", "]"):
        _refuse(pattern)
    character, index = _read_character(pattern, index)
    if index == len(pattern):
        _refuse(pattern)
    return character, index


def _read_character(pattern: str, index: int) -> tuple[str, int]:
    if pattern[index] != "\\":
        return pattern[index], index + 1
    if index + 1 == len(pattern):
        _refuse(pattern)
    return pattern[index + 1], index + 2


def _refuse(pattern: str) -> NoReturn:
    raise ValueInvalid(
        f'the pattern "{clip(pattern, limit=120)}" is not complete: a class lacks its ], or a \\ ends it'
    )
