"""`hublish trigger`: a webhook's payload from a file, as if GitHub had delivered it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hublish.cli.house import House
from hublish.cli.rehearsal import DryRunOption, make_rehearsal_document, show_rehearsal
from hublish.cli.screen import JSONOption, open_screen
from hublish.errors import SourceMissing, clip

HELP = """Give the service a webhook's payload from a file, as if GitHub had delivered it.

The payload is a JSON object as GitHub's page of the App shows it. The same payload again is a redelivery: it joins the
run that it started, and a run that failed is tried again. With --dry-run nothing is stored or sent: what would be decided
and said is printed. HUBLISH_SETTINGS names the settings.

\b
Examples:
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
    with open_screen("trigger", as_json=as_json) as screen:
        body = _read(file)
        deliveries = house.open_deliveries()
        if dry_run:
            rehearsal = deliveries.rehearse(event, body, again=False)
            screen.result = make_rehearsal_document(rehearsal)
            show_rehearsal(screen, rehearsal)
            return
        guid = deliveries.bring(event, body)
        screen.result = {"guid": guid}
        screen.say(f"Stored as delivery {guid}; the service takes it up when it runs.")


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise SourceMissing(f"{clip(file)} cannot be read: {error.strerror}") from error
