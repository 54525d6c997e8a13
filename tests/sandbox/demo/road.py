"""The road of one release, followed from outside and printed as it happens: webhook, states, log, comment.

It looks where a person would: at GitHub, and at the run's stored facts and log.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from rich.console import Console
from rich.markdown import Markdown
from rich.panel import Panel
from rich.text import Text

from hublish.core.records import Run, RunStep
from tests.sandbox.demo.stage import REPOSITORY, DemoFailed
from tests.sandbox.github import GitHubSandbox

POLL_SECONDS = 0.4
LIMIT_SECONDS = 280
LOG_LINES_AT_ONCE = 12


class Records(Protocol):
    """What is looked at of the service's stored runs."""

    def list_runs(self, limit: int) -> tuple[Run, ...]:
        """The latest runs."""

    def read_run(self, run_id: str) -> Run | None:
        """One run."""

    def list_steps(self, run_id: str) -> tuple[RunStep, ...]:
        """Its history so far."""

    def read_log(self, run_id: str) -> str:
        """Its log so far."""


@dataclass(slots=True, kw_only=True)
class Road:
    """What was seen so far of a release on its way to its answer.

    Attributes:
        github: where the release was published.
        records: the service's stored runs.
        console: where the road is printed.
        release_id: GitHub's id of the release.
        sha: the commit it names.
        began_at: monotonic time of its publication.
    """

    github: GitHubSandbox
    records: Records
    console: Console
    release_id: int
    sha: str
    began_at: float
    _said: set[str] = field(default_factory=set)
    _log_lines: int = 0
    _comment: str = ""

    def follow(self) -> Run:
        """Print what happens until the run has its answer; returns the ended run.

        Raises:
            DemoFailed: there is no answer in time.
        """
        while time.monotonic() - self.began_at < LIMIT_SECONDS:
            self._look_at_github()
            runs = self.records.list_runs(1)
            if runs:
                self._look_at_run(runs[0])
                if runs[0].state.ended:
                    return runs[0]
            time.sleep(POLL_SECONDS)
        raise DemoFailed(f"no answer within {LIMIT_SECONDS} s")

    def _say(self, text: str, *, style: str = "") -> None:
        """Print a line with the seconds since the release, once."""
        if text in self._said:
            return
        self._said.add(text)
        line = Text(f"{time.monotonic() - self.began_at:6.1f} s  ", style="dim")
        self.console.print(line.append(Text(text, style=style)))

    def _look_at_github(self) -> None:
        for delivery in self.github.deliveries():
            if (delivery["event"], delivery["action"]) == ("release", "published"):
                self._say(f"webhook   release published -> answered {delivery['status_code']}", style="cyan")
        for login, content in self.github.reactions(REPOSITORY, release=self.release_id):
            self._say(f"reaction  {content} on the release, by {login}", style="cyan")
        for check in self.github.check_runs(REPOSITORY, self.sha):
            output: dict[str, Any] = check.get("output") or {}
            state = check["conclusion"] or check["status"]
            self._say(f"check     {check['name']}: {state}, {output.get('title') or ''}", style="cyan")
        for comment in self.github.commit_comments(REPOSITORY, self.sha):
            if not self._comment:
                self._comment = comment["body"]
                self.console.print(
                    Panel(
                        Markdown(self._comment, hyperlinks=False), title="the bot's first comment", title_align="left"
                    )
                )

    def _look_at_run(self, run: Run) -> None:
        self._say(f"run       {run.state.value}", style="bold")
        for step in self.records.list_steps(run.id):
            self._say(f"step      {step.name}: {step.state} {step.detail}".rstrip())
        lines = self.records.read_log(run.id).splitlines()
        fresh = lines[self._log_lines :]
        for line in fresh[:LOG_LINES_AT_ONCE]:
            self.console.print(Text(f"          | {line}", style="dim"), soft_wrap=True)
        if len(fresh) > LOG_LINES_AT_ONCE:
            self.console.print(Text(f"          | and {len(fresh) - LOG_LINES_AT_ONCE} more lines", style="dim"))
        self._log_lines = len(lines)
