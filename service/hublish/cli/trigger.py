"""`hublish trigger`: a webhook's payload from a file, as if GitHub had delivered it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hublish.cli.house import House
from hublish.cli.rehearsal import DryRunOption, make_rehearsal_document, show_rehearsal
from hublish.cli.screen import JSONOption, open_screen
from hublish.core.github.byhand import check_payload, explain_ignored, verify_event
from hublish.errors import SourceMissing, ValueInvalid, clip

HELP = """Give the service a webhook's payload from a file, as if GitHub had delivered it.

FILE holds the payload, a JSON object: copied from GitHub, where the App's settings list its recent deliveries under
"Advanced", or printed by `hublish deliveries show` of what the service stored. The same payload again is a redelivery: it
joins the run that it started, and a run that failed is tried again. HUBLISH_SETTINGS names the settings.

With --dry-run nothing is stored or sent: what would be decided and said is printed. For that the repository is read from
GitHub, with the App's key.

\b
Examples:
  hublish deliveries show 17 --body --json | jq -r .result.body > payload.json
  hublish trigger payload.json --event release --dry-run
  hublish trigger payload.json --event release
  hublish trigger - --event issue_comment < payload.json
"""


def trigger(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The payload; - reads standard input.")],
    *,
    event: Annotated[str, typer.Option("--event", metavar="EVENT", help="Name of the event, such as release.")],
    dry_run: DryRunOption = False,
    as_json: JSONOption = False,
) -> None:
    """Take a payload in; see HELP."""
    house: House = context.obj
    _verify(event)
    with open_screen("trigger", as_json=as_json) as screen:
        body = _read(file)
        path = "standard input" if file == "-" else clip(file)
        findings = check_payload(body, event=event, path=path)
        screen.show_findings(findings, read_source=lambda _path: body.decode(errors="replace"))
        if findings:
            return
        if dry_run:
            rehearsal = house.rehearse(event, body)
            screen.result = make_rehearsal_document(rehearsal)
            show_rehearsal(screen, rehearsal)
            return
        reason, sure = explain_ignored(body, event=event)
        guid = house.open_deliveries(make=True).bring(event, body)
        screen.result = {"guid": guid, "reason": reason}
        ignored = f"{'' if sure else 'probably '}nothing will be done: {reason}"
        screen.say(f"Stored as delivery {guid}; {ignored if reason else 'the service takes it up when it runs'}.")


def _verify(event: str) -> None:
    try:
        verify_event(event)
    except ValueInvalid as error:
        raise typer.BadParameter(error.message, param_hint="--event") from error


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise SourceMissing(f"{clip(file)} cannot be read: {error.strerror}") from error
