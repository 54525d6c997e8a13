"""The two streams a command prints to: rich colours what a terminal shows, and is left out where nobody would see it."""

from __future__ import annotations

import os
import sys
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

# Variables by which people tell rich that a pipe is to be treated as a terminal.
_TERMINAL_VARIABLES = ("FORCE_COLOR", "TTY_COMPATIBLE")
# What would move a terminal's cursor without a colour: rich drops the same.
_DROPPED = str.maketrans("", "", "\a\b\v\f\r")


class Stream:
    """stdout, or stderr; of a pipe, a file or a log it needs no rich, which takes a while to import.

    Args:
        stderr: whether it is that.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        self._stderr = stderr

    @property
    def file(self) -> TextIO:
        """The file, as it is now."""
        return sys.stderr if self._stderr else sys.stdout

    @property
    def is_terminal(self) -> bool:
        """Whether a person watches, as rich has it."""
        return self._may_be_terminal and self.console.is_terminal

    @cached_property
    def console(self) -> Console:
        """For tables and moving bars."""
        from rich.console import Console  # noqa: PLC0415  # start-up time

        return Console(stderr=self._stderr, soft_wrap=True, highlight=False, markup=False)

    def print(self, line: str, *, style: str = "") -> None:
        """Print one line; no markup is read in it."""
        if self.is_terminal:
            from rich.text import Text  # noqa: PLC0415  # start-up time

            self.console.print(Text(line, style=style))
            return
        self.file.write(line.translate(_DROPPED) + "\n")
        self.file.flush()

    def show(self, content: RenderableType) -> None:
        """Print a table."""
        self.console.print(content)

    @property
    def _may_be_terminal(self) -> bool:
        return self.file.isatty() or any(os.environ.get(name) for name in _TERMINAL_VARIABLES)
