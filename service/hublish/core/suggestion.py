"""What somebody may have meant: the known word that is near a misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggest(word: str, known: Iterable[str]) -> str:
    """Make the hint for a misspelt word: the likely one, or "" when none is near."""
    near = find_near(word, known)
    return "" if near is None else f"did you mean `{near}`?"


def find_near(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Find the known word that is near a misspelt one; None when none is at least `cutoff` like it (1.0: the same)."""
    names = {name.lower().replace("-", "_"): name for name in known}
    near = difflib.get_close_matches(word.lower().replace("-", "_"), names, n=1, cutoff=cutoff)
    return names[near[0]] if near else None
