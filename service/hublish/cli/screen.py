"""What a command prints, and where: results on stdout, everything on the way there on stderr.

With `--json` stdout carries exactly one JSON document, also when the command fails:
`{"command", "ok", "exit_code", "result", "findings", "error"}`. On a terminal rich colours the same words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from hublish.cli.exit_codes import ExitCode, make_exit_code
from hublish.cli.findings import make_finding_document, render_finding, render_summary
from hublish.cli.streams import Stream
from hublish.core.finding import Finding, Severity, has_error
from hublish.errors import FindingsError, HublishError

JSONOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout; progress stays on stderr.")
]

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


class Screen:
    """The two streams of one command, and the JSON document it may end with."""

    def __init__(self, command: str, *, as_json: bool) -> None:
        self.command = command
        self.as_json = as_json
        self.out = Stream()
        self.err = Stream(stderr=True)
        self.exit_code = ExitCode.OK
        self.interrupted = False
        self.result: Mapping[str, object] | Sequence[object] | None = None
        self._findings: list[Finding] = []

    @property
    def lively(self) -> bool:
        """True when a person watches: progress may redraw itself."""
        return self.err.is_terminal and not self.as_json

    def say(self, line: str = "", *, style: str = "") -> None:
        """Print one line of the result; nothing with `--json`."""
        if not self.as_json:
            self.out.print(line, style=style)

    def remark(self, line: str, *, style: str = "") -> None:
        """Print one line about the way there on stderr."""
        self.err.print(line, style=style)

    def show_findings(
        self, findings: Sequence[Finding], *, read_source: Callable[[str], str | None] | None = None
    ) -> None:
        """Print findings in the order given, and end with FINDINGS when one is an error.

        Args:
            findings: what to show; also kept for the JSON document.
            read_source: gives the text of a finding's file for the excerpt on a terminal; None shows no excerpts.
        """
        self._findings.extend(findings)
        if has_error(tuple(findings)):
            self.exit_code = ExitCode.FINDINGS
        if self.as_json:
            return
        for finding in findings:
            source = read_source(finding.path) if read_source is not None and self.out.is_terminal else None
            head, *rest = render_finding(finding, source=source).split("\n")
            self.out.print(head, style=_STYLES[finding.severity])
            for line in rest:
                self.out.print(line)

    def show_error(self, error: HublishError) -> None:
        """Print what stopped the command on stderr: its findings, or its message and hint."""
        if isinstance(error, FindingsError):
            self.show_findings(error.findings)
        if self.as_json:
            return
        self.remark(f"error[{error.code}]: {error.message}", style="bold red")
        if error.hint:
            self.remark(f"  hint: {error.hint}")

    def print_document(self, error: HublishError | None) -> None:
        """Print the JSON document; nothing without `--json`."""
        if not self.as_json:
            return
        document = {
            "command": self.command,
            "ok": self.exit_code is ExitCode.OK,
            "exit_code": int(self.exit_code),
            "result": self.result,
            "findings": [make_finding_document(finding) for finding in self._findings],
            "error": None if error is None else _make_error_document(error),
        }
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))

    def summarise(self) -> str:
        """How many findings were shown, in words."""
        return render_summary(self._findings)


def _make_error_document(error: HublishError) -> Mapping[str, object]:
    return {"code": error.code, "message": error.message, "hint": error.hint, "transient": error.transient}


@contextmanager
def open_screen(command: str, *, as_json: bool) -> Iterator[Screen]:
    """Run a command's body: errors are shown, the JSON document is printed, the exit code is set.

    Raises:
        typer.Exit: with the code of `cli.exit_codes`, unless it is OK.
    """
    screen = Screen(command, as_json=as_json)
    failure: HublishError | None = None
    try:
        yield screen
    except HublishError as error:
        failure = error
        screen.show_error(error)
        screen.exit_code = make_exit_code(error, interrupted=screen.interrupted)
    except KeyboardInterrupt:
        screen.remark("Interrupted.")
        screen.exit_code = ExitCode.INTERRUPTED
    screen.print_document(failure)
    if screen.exit_code is not ExitCode.OK:
        raise typer.Exit(int(screen.exit_code))
