"""The command table: which commands there are, in the order of `--help`; and the entry point."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from hublish import __version__
from hublish.cli import build, doctor, plan, runs, serve, validate, verify
from hublish.cli.exit_codes import MEANINGS
from hublish.cli.house import RealHouse

HELP = """Publish a release; a tested, reproducible notebook image stands in your JupyterHub's list.

\b
In a repository with a Pipfile.lock:
  hublish validate    what is wrong with config and lock
  hublish plan        what a build would do, and why
  hublish build       the image, pushed or as an OCI layout
  hublish verify      whether an image is what lock and source give
"""
EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {int(code):<3} {meaning}" for code, meaning in MEANINGS.items())

app = typer.Typer(
    name="hublish",
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
app.command("validate", help=validate.HELP, short_help="Check config and lock.")(validate.validate)
app.command("plan", help=plan.HELP, short_help="Show what a build would do, and why.")(plan.plan)
app.command("build", help=build.HELP)(build.build)
app.command("verify", help=verify.HELP, short_help="Rebuild an image and compare it.")(verify.verify)
app.command("serve", help=serve.HELP, short_help="Run the service.")(serve.serve)
runs_app = typer.Typer(help=runs.HELP, no_args_is_help=True, rich_markup_mode=None)
runs_app.command("list", help=runs.LIST_HELP)(runs.list_runs)
runs_app.command("show", help=runs.SHOW_HELP)(runs.show_run)
app.add_typer(runs_app, name="runs")
app.command("doctor", help=doctor.HELP, short_help="Check this machine and the settings.")(doctor.doctor)


def _print_version(value: bool) -> None:  # noqa: FBT001  # typer calls it so
    if value:
        typer.echo(f"hublish {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Options that stand before the command."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    Args:
        arguments: without the program's name; None takes them from the process.

    Raises:
        SystemExit: always, with a code of `cli.exit_codes`.
    """
    app(sys.argv[1:] if arguments is None else arguments, obj=RealHouse(), prog_name="hublish")
