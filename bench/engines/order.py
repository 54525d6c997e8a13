"""In which order builds got their slots, and who was held up by whom. Pure: what was measured in, a judgement out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One build of the queue; times are texts that sort."""

    name: str
    owner: str
    turn: int
    entered_at: str
    started_at: str


def find_disorder(starts: Sequence[Start]) -> list[str]:
    """Builds that started before an older one of the same owner."""
    newest: dict[str, str] = defaultdict(str)
    found = []
    for start in starts:
        if start.entered_at < newest[start.owner]:
            found.append(start.name)
        newest[start.owner] = max(newest[start.owner], start.entered_at)
    return found


def find_most_held_up(starts: Sequence[Start]) -> int:
    """By how many starts of other owners in a row a waiting build was held up at most; 1 is what turns mean."""
    most = 0
    for index, start in enumerate(starts):
        held = 0
        for earlier in reversed(starts[:index]):
            if earlier.owner == start.owner or earlier.started_at < start.entered_at:
                break
            held += 1
        most = max(most, held)
    return most


def render_order(starts: Sequence[Start]) -> str:
    """Owners in the order in which they got slots."""
    return " ".join(start.owner for start in starts)
