"""What a Step in a pod tells the engine through its log: progress and how it ended, one marked line each.

Every other line is for people. A line is believed no more than the Step that printed it: what a build that runs code of a
repository prints may imitate one.
"""

from __future__ import annotations

from dataclasses import dataclass

from hublish.core.building import BuildStopped, BuildSucceeded, Progress
from hublish.core.codec import parse_value, render_value
from hublish.errors import StoredValueInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRecords:
    """What a build found out of layers: digest and size of a document that stands beside its image in the registry."""

    digest: str
    size_bytes: int


Message = Progress | BuildSucceeded | BuildStopped | LayerRecords

_MARK = "::hublish "
_KINDS: dict[str, type[Progress | BuildSucceeded | BuildStopped | LayerRecords]] = {
    "progress": Progress,
    "succeeded": BuildSucceeded,
    "stopped": BuildStopped,
    "records": LayerRecords,
}


def render_message(message: Message) -> str:
    """Render a message as one line."""
    kind = next(name for name, kind in _KINDS.items() if isinstance(message, kind))
    return f"{_MARK}{kind} {render_value(message)}"


def parse_message(line: str) -> Message | None:
    """Parse a line of a Step's log; None when it is for people, or no message of this version."""
    if not line.startswith(_MARK):
        return None
    kind, _, text = line.removeprefix(_MARK).partition(" ")
    if kind not in _KINDS:
        return None
    try:
        return parse_value(_KINDS[kind], text)
    except StoredValueInvalid:
        return None
