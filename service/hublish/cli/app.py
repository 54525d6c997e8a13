"""The command table: which commands there are, in the order of `--help`; and the entry point.

A command's module is imported when that command is run or asked for its help, so that `--version`, `--help` and a
pre-commit hook wait for nothing they do not use.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from hublish import __version__
from hublish.cli.exit_codes import MEANINGS
from hublish.cli.house import RealHouse, uncollected

if TYPE_CHECKING:
    from collections.abc import Mapping

HELP = """Publish a release; a tested, reproducible notebook image stands in your JupyterHub's list.

\b
In a repository with a Pipfile.lock:
  hublish validate    what is wrong with config and lock
  hublish plan        what a build would do, and why
  hublish build       the image, pushed or as an OCI layout
  hublish verify      whether an image is what lock and source give
"""
EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {int(code):<3} {meaning}" for code, meaning in MEANINGS.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRow:
    """One command of the table: the module `hublish.cli.<name>` holds its function, or its `commands`, and its HELP.

    Attributes:
        name: what a user types.
        short_help: its line in the list of commands.
        module: instead of `<name>`, where that is another's.
    """

    name: str
    short_help: str
    module: str = ""

    def load(self) -> Any:
        """Import the command, ready to be run or asked for its help."""
        with uncollected():
            module = import_module(f"hublish.cli.{self.module or self.name}")
        if hasattr(module, "commands"):
            return get_command(module.commands)
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(self.name, help=module.HELP, short_help=self.short_help)(getattr(module, self.name))
        return get_command(single)


ROWS = (
    CommandRow(name="validate", short_help="Check config and lock."),
    CommandRow(name="migrate", short_help="Write .hublish.yaml from .aicoe-ci.yaml."),
    CommandRow(name="plan", short_help="Show what a build would do, and why."),
    CommandRow(name="build", short_help="Build the image of a folder, with no daemon and no root."),
    CommandRow(name="verify", short_help="Rebuild an image from its lock and compare it."),
    CommandRow(name="lock", short_help="Make Pipfile.lock anew, or check that it is current."),
    CommandRow(name="app", short_help="Create the GitHub App that the service is.", module="appcreate"),
    CommandRow(name="serve", short_help="Run the service."),
    CommandRow(name="doctor", short_help="Check this machine and the settings."),
    CommandRow(name="runs", short_help="Look at the runs of the service on this machine."),
    CommandRow(name="deliveries", short_help="Look at the webhooks the service stored; play one again."),
    CommandRow(name="trigger", short_help="Give the service a webhook's payload from a file."),
    CommandRow(name="token", short_help="Make, list and revoke tokens of the HTTP API."),
    CommandRow(name="step", short_help="Run one Step of a build in a pod; nobody types it."),
)
TABLE: Mapping[str, CommandRow] = {row.name: row for row in ROWS}


class _CommandTable(TyperGroup):
    """The commands of TABLE: their names and lines at once, themselves when one is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {row.name: TyperCommand(row.name, short_help=row.short_help) for row in ROWS}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, _, rest = super().resolve_command(ctx, args)
        return name, None if name is None else TABLE[name].load(), rest


app = typer.Typer(
    cls=_CommandTable,
    name="hublish",
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


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
