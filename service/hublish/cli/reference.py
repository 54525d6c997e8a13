"""docs/reference/cli.md, written from the command table: `python -m hublish.cli.reference > docs/reference/cli.md`.

A test compares the page with the table, so that help, page and behaviour cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import typer
import typer.core

from hublish.cli.app import TABLE
from hublish.cli.exit_codes import MEANINGS

INTRODUCTION = """# Command line

<!-- Written by `make docs` from the command table; edits here are lost. -->

`hublish --help` prints the same. Results go to stdout; progress, logs and errors go to stderr. On a terminal they are
coloured and progress moves; anywhere else they are plain lines, and `NO_COLOR` is honoured.

With `--json` stdout carries exactly one JSON document, also when the command fails:

| field | what it holds |
| --- | --- |
| `command` | the command's name |
| `ok` | true when the exit code is 0 |
| `exit_code` | the process's exit code |
| `result` | what the command found or made; null when it came to nothing |
| `findings` | list of `severity`, `code`, `message`, `hint`, `path`, `line`, `column`, `key` |
| `error` | null, or `code`, `message`, `hint`, `transient` |

A wrong command line (exit code 2 from the parser) prints its usage on stderr and no document.

## Exit codes

| code | meaning |
| --- | --- |
"""


def render_reference() -> str:
    """Render the whole page as Markdown."""
    codes = "".join(f"| {int(code)} | {meaning} |\n" for code, meaning in MEANINGS.items())
    walked = (found for name, row in TABLE.items() for found in _walk(("hublish", name), row.load()))
    sections = "".join(_render_command(names, command) for names, command in walked)
    return f"{INTRODUCTION}{codes}{sections}"


def _walk(names: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield names, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _walk((*names, name), child)


def _render_command(names: tuple[str, ...], command: Any) -> str:
    options = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    usage = " ".join((*names, *_render_usage(command, options)))
    body = _render_help(command.help or "")
    rows = "".join(_render_row(parameter) for parameter in options)
    table = f"\n| | |\n| --- | --- |\n{rows}" if rows else ""
    return f"\n## `{' '.join(names)}`\n\n```console\n$ {usage}\n```\n\n{body}\n{table}"


def _render_usage(command: Any, options: Sequence[Any]) -> Iterator[str]:
    if getattr(command, "commands", None):
        yield "COMMAND"
        return
    if any(not _is_argument(parameter) for parameter in options):
        yield "[OPTIONS]"
    for parameter in options:
        if _is_argument(parameter):
            yield _render_argument(parameter)


def _is_argument(parameter: Any) -> bool:
    return isinstance(parameter, typer.core.TyperArgument)


def _render_argument(parameter: Any) -> str:
    name = parameter.metavar or parameter.human_readable_name.upper()
    name = f"{name}..." if parameter.nargs == -1 else name
    return name if parameter.required else f"[{name}]"


def _render_help(text: str) -> str:
    # A line "\b" tells the parser to keep the lines that follow; on the page they are a block.
    blocks = []
    for block in text.strip().split("\n\n"):
        if block.startswith("\b\n"):
            title, *lines = block.removeprefix("\b\n").split("\n")
            blocks.append("\n".join([title, "", "```console", *(line.removeprefix("  ") for line in lines), "```"]))
        else:
            blocks.append(block.replace("\b\n", ""))
    return "\n\n".join(blocks)


def _render_row(parameter: Any) -> str:
    if _is_argument(parameter):
        name = _render_argument(parameter)
    else:
        value = "" if parameter.is_flag else f" {parameter.metavar}"
        name = ", ".join(parameter.opts) + value
    default = parameter.show_default if isinstance(parameter.show_default, str) else parameter.default
    # 0 equals False, and is a default worth showing.
    silent = default is None or default is False or default in ([], ()) or parameter.required
    note = "" if silent else f" Default: {default}."
    variable = f" Variable: `{parameter.envvar}`." if parameter.envvar else ""
    return f"| `{name}` | {parameter.help or ''}{note}{variable} |\n"


if __name__ == "__main__":
    typer.echo(render_reference(), nl=False)
