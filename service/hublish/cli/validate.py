"""`hublish validate`: every fault of config and lock at once, printed as compilers do; made for pre-commit hooks.

It reads the named files and nothing else: no network, no service, no settings.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from hublish.cli.folder import make_image_name
from hublish.cli.screen import JSONOption, open_screen
from hublish.core.config.file import (
    CONFIG_PATH,
    CONFIG_PATHS,
    LEGACY_PATH,
    NEAR_NAMES,
    check_config_names,
    parse_config,
)
from hublish.core.finding import Finding
from hublish.core.inspection import PIPFILE, inspect_files
from hublish.core.locks.choice import EXPORTS, LOCK_NAMES, choose_lock, is_lock_name, read_lock
from hublish.errors import SourceInvalid

LOCK_SUFFIX = ".lock"
# The parsers have limits of their own and say so; this one only keeps a mistaken path from filling the memory.
READ_LIMIT_BYTES = 64 << 20

HELP = """Check .hublish.yaml, .aicoe-ci.yaml and the lock: Pipfile.lock, pylock.toml or requirements.txt.

A folder stands for the config and the lock in it; a file for itself. Every fault is reported at once as
path:line:column, with the likely key for a misspelt one. Nothing is fetched and nothing is changed.

\b
Examples:
  hublish validate
  hublish validate .hublish.yaml Pipfile.lock
  hublish validate requirements.txt
  hublish validate --json path/to/repository
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Files that were read, as the user would name them, and what was found in them."""

    files: tuple[str, ...]
    findings: tuple[Finding, ...]


def validate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", exists=True, help="Files or folders.", show_default="the current folder"),
    ] = None,
    *,
    as_json: JSONOption = False,
) -> None:
    """Check the given files; see HELP."""
    with open_screen("validate", as_json=as_json) as screen:
        results = [check_folder(path) if path.is_dir() else check_file(path) for path in paths or [Path()]]
        files = tuple(dict.fromkeys(file for result in results for file in result.files))
        findings = tuple(dict.fromkeys(finding for result in results for finding in result.findings))
        screen.result = {"files": files}
        screen.show_findings(findings, read_source=read_text)
        screen.say(f"{screen.summarise()} in {', '.join(files)}")


def check_folder(folder: Path) -> Checked:
    """Check the config of a folder, and its lock if the strategy needs one or there is one.

    Raises:
        typer.BadParameter: the folder has neither a config nor a Pipfile.
    """
    names = (PIPFILE, *CONFIG_PATHS, *LOCK_NAMES, *EXPORTS)
    if not any((folder / path).is_file() for path in names):
        wrong = _check_names(folder)
        way_out = "".join(f"; {found.message}: {found.hint}" for found in wrong)
        raise typer.BadParameter(
            f"neither {CONFIG_PATH} nor {PIPFILE} nor a lock in {folder}{way_out}", param_hint="PATH"
        )
    found = inspect_files(
        has=lambda path: (folder / path).is_file(),
        read=lambda path: _read_if_present(folder / path),
        repository_name=make_image_name(folder.absolute().name),
    )
    return Checked(
        files=tuple(str(folder / path) for path in (*found.files, *found.missing)),
        findings=tuple(_place_at(folder, found.findings)),
    )


def check_file(path: Path) -> Checked:
    """Check one file: a Pipfile or its lock together with the other, another lock by itself, else a config."""
    folder = path.parent
    if path.name == PIPFILE or is_lock_name(path.name):
        lock = PIPFILE + LOCK_SUFFIX if path.name == PIPFILE else path.name
        return _check_lock(folder, lock=lock, dev=_wants_develop(folder))
    # A file of another name, such as an example, is read as the config it would be under the usual name.
    known = LEGACY_PATH if path.name.endswith(LEGACY_PATH.removeprefix(".")) else CONFIG_PATH
    parsed = parse_config(read_bytes(path), path=known, repository_name=make_image_name(folder.absolute().name))
    wrong = (found for found in _check_names(folder) if found.path == path.name)
    return Checked(
        files=(str(path),),
        findings=tuple(dataclasses.replace(finding, path=str(path)) for finding in (*wrong, *parsed.findings)),
    )


def _check_names(folder: Path) -> tuple[Finding, ...]:
    names = (*CONFIG_PATHS, *NEAR_NAMES)
    return check_config_names(frozenset(path for path in names if (folder / path).is_file()))


def _wants_develop(folder: Path) -> bool:
    """Whether the config beside a lock asks for its develop group; its own faults are reported where it is checked."""
    present = next((path for path in CONFIG_PATHS if (folder / path).is_file()), None)
    if present is None:
        return False
    config = parse_config(read_bytes(folder / present), path=present, repository_name=None).config
    return config is not None and config.python.dev


def _check_lock(folder: Path, *, lock: str | None, dev: bool) -> Checked:
    files: dict[str, None] = {}

    def read(path: str) -> bytes | None:
        files[path] = None
        return _read_if_present(folder / path)

    names = (PIPFILE, *LOCK_NAMES, *EXPORTS)
    present = frozenset(path for path in names if (folder / path).is_file())
    choice = choose_lock(lock, paths=present, read=lambda path: _read_if_present(folder / path))
    if choice.finding is not None:
        place = str(folder / choice.path)
        return Checked(files=(place,), findings=tuple(_place_at(folder, [choice.finding])))
    parsed = read_lock(choice.path, read=read, dev=dev, default_index="")
    return Checked(
        files=tuple(
            str(folder / path) for path in files if path in present or (folder / path).is_file() or path == choice.path
        ),
        findings=tuple(_place_at(folder, parsed.findings)),
    )


def _place_at(folder: Path, findings: Sequence[Finding]) -> Iterator[Finding]:
    # Paths are printed as the user can open them from where the command runs.
    return (dataclasses.replace(finding, path=str(folder / finding.path)) for finding in findings)


def _read_if_present(path: Path) -> bytes | None:
    return read_bytes(path) if path.is_file() else None


def read_bytes(path: Path) -> bytes:
    """Read a file of at most 64 MiB.

    Raises:
        SourceInvalid: it is larger, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            body = file.read(READ_LIMIT_BYTES + 1)
    except OSError as error:
        raise SourceInvalid(f"{path}: cannot be read: {error.strerror}", hint="check the path and its mode") from error
    if len(body) > READ_LIMIT_BYTES:
        raise SourceInvalid(f"{path}: larger than {READ_LIMIT_BYTES >> 20} MiB")
    return body


def read_text(path: str) -> str | None:
    """The text of a file for an excerpt; None when it cannot be shown."""
    try:
        return read_bytes(Path(path)).decode(errors="replace")
    except SourceInvalid:
        return None
