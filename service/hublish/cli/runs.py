"""`hublish runs`: the runs the service stored, for the operator at the machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer
from rich.text import Text

from hublish.cli.exit_codes import ExitCode
from hublish.cli.house import House
from hublish.cli.listing import show_listing
from hublish.cli.screen import JSONOption, Screen, open_screen
from hublish.core.queue import Place, render_place
from hublish.core.records import Run
from hublish.core.status import RunState
from hublish.errors import clip

HELP = """Look at the runs of the service on this machine.

A run is one trigger on its way to its answer. HUBLISH_SETTINGS names the settings, and with them the database.
"""
LIST_HELP = """List the latest runs, newest first.

\b
Examples:
  hublish runs list
  hublish runs list --limit 5 --json
"""
SHOW_HELP = """Show one run, and with --log what its build printed.

\b
Examples:
  hublish runs show 5f7c0d1f9b3a4e6d8c2b7a90e1d3f542
  hublish runs show 5f7c0d1f9b3a4e6d8c2b7a90e1d3f542 --log
"""
DEFAULT_LIMIT = 20
COLUMNS = ("run", "state", "created", "repository", "ref", "answer")
commands = typer.Typer(name="runs", help=HELP, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
_STYLES = {RunState.DELIVERED: "green", RunState.FAILED: "red", RunState.DENIED: "yellow"}


@commands.command("list", help=LIST_HELP)
def list_runs(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="How many at most.")] = DEFAULT_LIMIT,
    as_json: JSONOption = False,
) -> None:
    """List the latest runs; see LIST_HELP."""
    house: House = context.obj
    with open_screen("runs list", as_json=as_json) as screen:
        records = house.open_records()
        runs = records.list_runs(limit)
        waits = records.find_waits(runs)
        screen.result = [make_run_document(run, waits.get(run.id, ())) for run in runs]
        rows = [make_cells(run, waits.get(run.id, ())) for run in runs]
        show_listing(screen, COLUMNS, rows, empty="No runs yet.")


Waits = tuple[tuple[str, Place], ...]
"""Images of a run whose builds wait, each with its place."""


def make_cells(run: Run, waits: Waits) -> tuple[str | Text, ...]:
    """Make a run's row of the listing."""
    answer = clip(run.message) or "; ".join(f"{image} {render_place(place)}" for image, place in waits) or "-"
    created = run.created_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    state = Text(run.state.value, style=_STYLES.get(run.state, ""))
    return (run.id, state, created, run.repository, run.ref or "-", answer)


@commands.command("show", help=SHOW_HELP)
def show_run(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="ID", help="The run's id, as `runs list` prints it.")],
    *,
    log: Annotated[bool, typer.Option("--log", help="Print its log, too.")] = False,
    as_json: JSONOption = False,
) -> None:
    """Show one run; see SHOW_HELP."""
    house: House = context.obj
    with open_screen("runs show", as_json=as_json) as screen:
        records = house.open_records()
        run = records.read_run(run_id)
        if run is None:
            screen.exit_code = ExitCode.USAGE
            screen.remark(f"There is no run {clip(run_id)!r}; `hublish runs list` shows those there are.")
            return
        text = records.read_log(run_id) if log else None
        waits = records.find_waits((run,)).get(run.id, ())
        screen.result = {**make_run_document(run, waits), "log": text}
        _show(screen, run, waits, text)


def _show(screen: Screen, run: Run, waits: Waits, text: str | None) -> None:
    facts = {key: value for key, value in make_run_document(run, waits).items() if key != "queue"}
    for key, value in facts.items():
        screen.say(f"{key:<12}{'-' if value in (None, '') else value}")
    for image, place in waits:
        screen.say(f"{'queue':<12}{image} {render_place(place)}")
    for line in (text or "").splitlines():
        screen.say(line)


def make_run_document(run: Run, waits: Waits) -> Mapping[str, object]:
    """Make the JSON object of a run: its facts, times as ISO 8601, and where its builds wait."""
    return {
        "id": run.id,
        "state": run.state.value,
        "repository": run.repository,
        "ref": run.ref,
        "commit": run.sha,
        "actor": run.actor,
        "attempt": run.attempt,
        "created_at": run.created_at.isoformat(),
        "ended_at": None if run.ended_at is None else run.ended_at.isoformat(),
        "message": run.message,
        "queue": [
            {
                "image": image,
                "position": place.position,
                "waiting": place.waiting,
                "wait_seconds": place.wait_seconds,
            }
            for image, place in waits
        ],
    }
