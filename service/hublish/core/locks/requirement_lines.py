"""The lines of a requirements file as pip joins them: continuations in one, comments gone, each with its number.

Source: pip's documentation, "Requirements File Format".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\r|\n")
_WHOLE_COMMENT = re.compile(r"\s*#")
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$")
# A requirement ends where its options begin; no name, version or marker has a word that starts with a dash.
_OPTIONS = re.compile(r"\s(?=-)")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalLine:
    """One requirement or option line: its file, the 1-based number of its first line, its text without a comment."""

    path: str
    number: int
    text: str

    def split_options(self) -> tuple[str, str]:
        """Split a requirement from the options behind it: `(requirement, options)`, the latter "" when there are none."""
        requirement, *options = _OPTIONS.split(self.text, maxsplit=1)
        return requirement, "".join(options)


def split_lines(text: str, *, path: str) -> tuple[LogicalLine, ...]:
    """Split a requirements file into its logical lines; empty ones are left out."""
    lines: list[LogicalLine] = []
    parts: list[str] = []
    first = 1
    raws = _LINE_END.split(text)
    for number, raw in enumerate(raws, start=1):
        if not parts:
            first = number
        comment = _WHOLE_COMMENT.match(raw) is not None
        if raw.endswith("\\") and not comment and number < len(raws):
            parts.append(raw[:-1])
            continue
        joined = "".join((*parts, "" if comment else raw.removesuffix("\\")))
        parts = []
        bare = _COMMENT.sub("", joined).strip()
        if bare:
            lines.append(LogicalLine(path=path, number=first, text=bare))
    return tuple(lines)
