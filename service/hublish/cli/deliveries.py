"""`hublish deliveries`: the webhooks the service stored, for the operator at the machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from hublish.cli.exit_codes import ExitCode
from hublish.cli.house import House
from hublish.cli.listing import show_listing
from hublish.cli.rehearsal import DryRunOption, make_rehearsal_document, show_rehearsal
from hublish.cli.screen import JSONOption, Screen, open_screen
from hublish.cli.stored import Deliveries
from hublish.errors import clip

if TYPE_CHECKING:
    from hublish.core.records import DeliveryEntry

HELP = """Look at the webhooks that the service stored, and play one again.

HUBLISH_SETTINGS names the settings, and with them the database.
"""
LIST_HELP = """List the latest deliveries, newest first, and what became of them.

\b
Examples:
  hublish deliveries list
  hublish deliveries list --limit 5 --json
"""
SHOW_HELP = """Show one delivery, and with --body its payload.

\b
Examples:
  hublish deliveries show 4b1c2d60-7b5e-11f1-8f2d-0d6c3c7f2f5e
  hublish deliveries show 17 --body
"""
REPLAY_HELP = """Let the service look at a delivery again, as GitHub's button "Redeliver" does.

A run of it that failed is tried again; one that was delivered stays as it is. With --dry-run nothing is changed or sent:
what would be decided and said now is printed.

\b
Examples:
  hublish deliveries replay 17 --dry-run
  hublish deliveries replay 17
"""
DEFAULT_LIMIT = 20
_COLUMNS = ("number", "guid", "event", "state", "came", "times", "run or reason")
commands = typer.Typer(name="deliveries", help=HELP, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
NameArgument = Annotated[str, typer.Argument(metavar="ID", help="GUID or number, as `deliveries list` prints them.")]


@commands.command("list", help=LIST_HELP)
def list_deliveries(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="How many at most.")] = DEFAULT_LIMIT,
    as_json: JSONOption = False,
) -> None:
    """List the latest deliveries; see LIST_HELP."""
    house: House = context.obj
    with open_screen("deliveries list", as_json=as_json) as screen:
        entries = house.open_deliveries().list_entries(limit)
        screen.result = [make_entry_document(entry) for entry in entries]
        show_listing(screen, _COLUMNS, [_make_cells(entry) for entry in entries], empty="No deliveries yet.")


def _make_cells(entry: DeliveryEntry) -> tuple[str, ...]:
    came = entry.received_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    end = entry.run_id or clip(entry.reason) or "-"
    return (str(entry.id), entry.guid, entry.event, entry.state.value, came, str(entry.times), end)


@commands.command("show", help=SHOW_HELP)
def show_delivery(
    context: typer.Context,
    name: NameArgument,
    *,
    body: Annotated[bool, typer.Option("--body", help="Print its payload, too.")] = False,
    as_json: JSONOption = False,
) -> None:
    """Show one delivery; see SHOW_HELP."""
    house: House = context.obj
    with open_screen("deliveries show", as_json=as_json) as screen:
        deliveries = house.open_deliveries()
        entry = _find(deliveries, name, screen)
        if entry is None:
            return
        text = deliveries.read_body(entry).decode("utf-8", "replace") if body else None
        screen.result = {**make_entry_document(entry), "body": text}
        for key, value in make_entry_document(entry).items():
            screen.say(f"{key:<12}{'-' if value in (None, '') else value}")
        if text is not None:
            screen.say(text)


@commands.command("replay", help=REPLAY_HELP)
def replay_delivery(
    context: typer.Context, name: NameArgument, *, dry_run: DryRunOption = False, as_json: JSONOption = False
) -> None:
    """Play a delivery again; see REPLAY_HELP."""
    house: House = context.obj
    with open_screen("deliveries replay", as_json=as_json) as screen:
        deliveries = house.open_deliveries()
        entry = _find(deliveries, name, screen)
        if entry is None:
            return
        if dry_run:
            rehearsal = deliveries.rehearse(entry.event, deliveries.read_body(entry), again=True)
            screen.result = make_rehearsal_document(rehearsal)
            show_rehearsal(screen, rehearsal)
            return
        deliveries.repeat(entry)
        screen.result = make_entry_document(entry)
        screen.say(f"The delivery {entry.guid} is due again; the service takes it up when it runs.")


def _find(deliveries: Deliveries, name: str, screen: Screen) -> DeliveryEntry | None:
    entry = deliveries.find_entry(name)
    if entry is None:
        screen.exit_code = ExitCode.USAGE
        screen.remark(f"There is no delivery {clip(name)!r}; `hublish deliveries list` shows those there are.")
    return entry


def make_entry_document(entry: DeliveryEntry) -> Mapping[str, object]:
    """Make the JSON object of a delivery."""
    return {
        "number": entry.id,
        "guid": entry.guid,
        "event": entry.event,
        "state": entry.state.value,
        "reason": entry.reason,
        "run": entry.run_id,
        "times": entry.times,
        "received_at": entry.received_at.isoformat(),
    }
