"""A listing of stored things: a table for a person at a terminal, a line each with tabs between the cells for programs."""

from __future__ import annotations

from collections.abc import Sequence

import typer
from rich.table import Table
from rich.text import Text

from hublish.cli.screen import Screen


def show_listing(screen: Screen, columns: Sequence[str], rows: Sequence[Sequence[str | Text]], *, empty: str) -> None:
    """Print a listing; nothing with `--json`.

    Args:
        screen: of the command.
        columns: their titles, which only the table has.
        rows: a cell for each column; the style of a Text shows in the table.
        empty: what is said where there are no rows.
    """
    if screen.as_json:
        return
    if not rows:
        screen.say(empty)
    elif screen.out.is_terminal:
        screen.out.show(make_table(columns, rows))
    else:
        for row in rows:
            typer.echo("\t".join(map(str, row)))  # rich would turn the tabs into spaces


def make_table(columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> Table:
    """Make the table that a person sees; no markup is read in the cells."""
    table = Table(*columns, box=None)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return table
