"""The page of the commands says what the command table says."""

from __future__ import annotations

from pathlib import Path

from hublish.core.github.commands import COMMAND_RULES, LINE_LIMIT

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "commands.md"


def test_the_page_shows_the_command_table() -> None:
    """One row for each command: grammar, permission, help; and the limit of a comment's length."""
    text = PAGE.read_text(encoding="utf-8")
    expected = [f"| `{rule.usage}` | {'write' if rule.needs_write else '-'} | {rule.help} |" for rule in COMMAND_RULES]

    assert [line for line in text.splitlines() if line.startswith("| `")] == expected
    assert f"the first {LINE_LIMIT:,} lines" in text
