"""What a Step in a pod tells the engine through its log: progress and how it ended, one marked line each.

Every other line is for people. A line is believed no more than the Step that printed it: what a build that runs code of a
repository prints may imitate one.
"""

from __future__ import annotations

from hublish.core.building import BuildStopped, BuildSucceeded, Progress
from hublish.core.codec import parse_value, render_value
from hublish.errors import StoredValueInvalid

Message = Progress | BuildSucceeded | BuildStopped

_MARK = "::hublish "
_KINDS: dict[str, type[Progress | BuildSucceeded | BuildStopped]] = {
    "progress": Progress,
    "succeeded": BuildSucceeded,
    "stopped": BuildStopped,
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
