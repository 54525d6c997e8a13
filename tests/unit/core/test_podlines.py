"""What a Step tells the engine through its log."""

from __future__ import annotations

import pytest

from hublish.core.building import BuildStopped, BuildSucceeded, Progress, Step
from hublish.core.podlines import LayerRecords, Message, parse_message, render_message

DIGEST = "sha256:" + "b" * 64


@pytest.mark.parametrize(
    "message",
    [
        Progress(step=Step.LAYERS, done=1, total=2, label="numpy\n2.1"),
        BuildSucceeded(digest=DIGEST, size_bytes=1, layers=(), uploaded_bytes=0, packages=()),
        BuildStopped(code="WheelMissing", message="six", hint="", step=Step.PACKAGES),
        LayerRecords(digest=DIGEST, size_bytes=7),
    ],
)
def test_message_comes_back_from_its_line(message: Message) -> None:
    """One line each, whatever its texts hold."""
    line = render_message(message)

    assert "\n" not in line
    assert parse_message(line) == message


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Collecting six",
        "::hublish",
        "::hublish cheers {}",
        "::hublish progress {",
        ' ::hublish progress {"format":1}',
    ],
)
def test_other_lines_are_for_people(line: str) -> None:
    """What only looks like a message, or is one of another version, is an ordinary line."""

    assert parse_message(line) is None
