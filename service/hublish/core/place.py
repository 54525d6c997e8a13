"""Places in a file of a repository: the path of keys that leads to a value, and its line and column.

Shared by the readers of YAML and JSON, so that a finding names the same place in the same words whatever the format.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

KeyPath = tuple[str | int, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a value or a key starts: 1-based line and column."""

    line: int
    column: int


def render_key(path: KeyPath) -> str | None:
    """Render a key path for a finding.

    Args:
        path: mapping keys as text, list indexes as numbers; empty for the whole file.

    Returns:
        Dotted text such as `image.tags[1]`, with quotes around a key that is not made of letters, digits, `_` and `-`;
        None for the whole file.
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        key = part if _BARE_KEY.fullmatch(part) else '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'
        text += f".{key}" if text else key
    return text or None
