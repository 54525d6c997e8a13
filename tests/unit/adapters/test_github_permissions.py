"""The App's permissions: the page of the documentation says what the code asks for."""

from __future__ import annotations

import re
from pathlib import Path

from hublish.adapters.github import APP_EVENTS, APP_PERMISSIONS
from hublish.adapters.github.permissions import Scope

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "permissions.md"


def read_rows(heading: str) -> list[tuple[str, ...]]:
    """The cells of the table below a heading, without the code marks."""
    section = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return [tuple(cell.strip().strip("`") for cell in re.split(r"(?<!\\)\|", row)[1:-1]) for row in rows]


def test_the_page_lists_each_permission_and_event_with_a_reason() -> None:
    """Permissions and events of the page are those of the code, in order, each with its reason."""
    permissions, events = read_rows("Permissions"), read_rows("Events")

    assert [(name, access) for name, access, _ in permissions] == sorted(APP_PERMISSIONS.items())
    assert [name for name, _ in events] == sorted(APP_EVENTS)
    assert all(row[-1] for row in permissions + events)


def test_the_page_lists_what_each_token_may_do() -> None:
    """One row for each scope."""
    assert [(name, permissions) for name, permissions, _ in read_rows("What one token may do")] == [
        (scope.name, scope.text) for scope in Scope
    ]


def test_no_token_may_do_more_than_the_app() -> None:
    """Each scope is a part of the App's permissions."""
    rank = {"read": 1, "write": 2}
    beyond = [
        (scope.name, name)
        for scope in Scope
        for name, access in scope.permissions.items()
        if rank[access] > rank.get(APP_PERMISSIONS.get(name, ""), 0)
    ]

    assert beyond == []
