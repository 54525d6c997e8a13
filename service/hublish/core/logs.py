"""Build logs as a port: appended by engines, read by pages and answers. A line's id is its 1-based number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hublish.core.ports import BuildLog


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One stored line: 1-based id in the whole log, and its text with the time in front."""

    id: int
    text: str


class Archive(Protocol):
    """Where build logs are kept."""

    def open_log(self, name: str) -> BuildLog:
        """Open a build's log for writing; it goes on where it ended."""

    def read_lines(self, name: str, *, after: int = 0, limit: int = 10_000) -> tuple[LogLine, ...]:
        """Lines with an id over `after`, oldest first."""

    def read_tail(self, name: str, *, limit: int = 20) -> tuple[str, ...]:
        """The last lines, oldest first."""
