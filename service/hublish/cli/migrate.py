"""`hublish migrate`: `.hublish.yaml` written from the config of the old service; no file is ever overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hublish.cli.folder import make_image_name
from hublish.cli.screen import JSONOption, open_screen
from hublish.cli.validate import read_bytes, read_text
from hublish.core.config.file import CONFIG_PATH, LEGACY_PATH, NEAR_NAMES, parse_config
from hublish.core.config.migration import migrate_config
from hublish.errors import FindingsError, SourceInvalid

OLD_NAMES = (LEGACY_PATH, *(name for name, right in NEAR_NAMES.items() if right == LEGACY_PATH))

HELP = """Write .hublish.yaml from .aicoe-ci.yaml.

The new file says what the old one meant; what was dropped or changed stands in its comments. It is checked before it is
written, the old file stays, and a .hublish.yaml that is there is never overwritten. With --dry-run the new file is
only printed.

\b
Examples:
  hublish migrate
  hublish migrate --dry-run
  hublish migrate path/to/repository
"""


def migrate(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", exists=True, help="A folder, or the old file itself.", show_default="the current folder"
        ),
    ] = Path(),
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the new file and write nothing.")] = False,
    as_json: JSONOption = False,
) -> None:
    """Carry the old config over; see HELP."""
    with open_screen("migrate", as_json=as_json) as screen:
        old = path if path.is_file() else _find_old(path)
        target = old.parent / CONFIG_PATH
        made = migrate_config(
            read_bytes(old),
            name=old.name,
            repository_name=make_image_name(old.parent.absolute().name),
            has=lambda name: (old.parent / name).is_file(),
        )
        if made.text is None:
            screen.show_findings(made.findings, read_source=lambda _: read_text(str(old)))
            raise FindingsError(f"{old} has errors; nothing was written", findings=())
        verify_new(made.text)
        if not dry_run:
            write_new(target, made.text)
        screen.result = {"path": str(target), "written": not dry_run, "text": made.text}
        if dry_run:
            screen.say(made.text.rstrip("\n"))
        else:
            screen.say(f"{target} is written from {old}; its comments say what changed")


def _find_old(folder: Path) -> Path:
    found = next((folder / name for name in OLD_NAMES if (folder / name).is_file()), None)
    if found is None:
        raise typer.BadParameter(f"there is no {LEGACY_PATH} in {folder}", param_hint="PATH")
    return found


def verify_new(text: str) -> None:
    """Verify that a new file can be used before anybody relies on it.

    Raises:
        FindingsError: it has errors.
    """
    checked = parse_config(text.encode(), path=CONFIG_PATH)
    if checked.config is None:
        raise FindingsError("the new file would have errors; nothing was written", findings=checked.findings)


def write_new(target: Path, text: str) -> None:
    """Write a file that must not be there yet.

    Raises:
        typer.BadParameter: it is there.
        SourceInvalid: it cannot be written.
    """
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise typer.BadParameter(f"{target} is there already and is not overwritten", param_hint="PATH") from error
    except OSError as error:
        raise SourceInvalid(f"{target}: cannot be written: {error.strerror}", hint="check the folder's mode") from error
