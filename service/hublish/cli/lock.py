"""`hublish lock`: Pipfile.lock made anew, or only held against its Pipfile; old and new versions side by side.

The lock is replaced as a whole and last of all: a failure or Ctrl-C leaves the old one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hublish.builders.disk import write_file
from hublish.cli.folder import (
    BaseOption,
    CacheOption,
    FolderArgument,
    IndexMapOption,
    OpenedFolder,
    PlainHTTPOption,
    make_choice,
    open_folder,
    parse_index_map,
)
from hublish.cli.interrupts import catch_interrupt
from hublish.cli.screen import JSONOption, Screen, open_screen
from hublish.cli.validate import read_bytes, read_text
from hublish.core.finding import Severity
from hublish.core.locks.lockfile import ParsedLock, parse_lock
from hublish.core.locks.pipfile import parse_pipfile
from hublish.core.locks.renewal import PackageChange, compare_locks
from hublish.errors import LockFailed

if TYPE_CHECKING:
    from hublish.cli.house import House

PIPFILE, LOCK = "Pipfile", "Pipfile.lock"

HELP = """Make Pipfile.lock anew from the Pipfile, and show which versions changed.

pipenv runs in a container of the base, by buildah or Docker: resolving may run code of packages. With --here your own
pipenv does it, in a folder of its own. Either way the lock is replaced only by a whole new one. With --check nothing is made: the command says whether the lock is of this very Pipfile, reads two files and asks nobody.

\b
Examples:
  hublish lock --base registry.example.org/base/python:3.11
  hublish lock --check
  hublish lock --here
  hublish lock --here --json path/to/repository
"""


def lock(
    context: typer.Context,
    folder: FolderArgument = Path(),
    *,
    check: Annotated[bool, typer.Option("--check", help="Only say whether the lock is current.")] = False,
    here: Annotated[bool, typer.Option("--here", help="Lock by the pipenv of this machine.")] = False,
    base: BaseOption = None,
    plain_http: PlainHTTPOption = None,
    index_map: IndexMapOption = None,
    cache: CacheOption = None,
    as_json: JSONOption = False,
) -> None:
    """Lock a folder; see HELP."""
    house: House = context.obj
    with open_screen("lock", as_json=as_json) as screen:
        if check:
            _check(screen, folder)
            return
        pipfile, old = _read(folder)
        if pipfile is None:
            raise LockFailed(f"there is no Pipfile in {folder}", hint="Name the folder that holds it.")
        parsed = parse_pipfile(pipfile, path=str(folder / PIPFILE))
        screen.show_findings(parsed.findings, read_source=read_text)
        if parsed.pipfile is None:
            return
        if here:
            locker = house.open_locker(index_map=parse_index_map(index_map or ()))
            with catch_interrupt(screen) as interrupted:
                new: bytes | None = locker.lock_here(folder, pipfile, log=screen.remark, cancelled=interrupted.is_set)
        else:
            choice = make_choice(cache=cache, plain_http=plain_http, index_map=index_map, workers=None)
            opened = open_folder(screen, house, folder, choice=choice, image=None)
            new = _lock_in_base(screen, opened, pipfile, python_version=parsed.pipfile.python_version, base=base)
        if new is None:
            return
        if new != old:
            write_file(folder / LOCK, new)
        screen.show_findings(_parse(pipfile, new, folder=folder).findings, read_source=read_text)
        changes = compare_locks(old, new)
        screen.result = make_lock_document(folder / LOCK, changes, changed=new != old)
        _show_changes(screen, changes, path=folder / LOCK, changed=new != old)


def _lock_in_base(
    screen: Screen, opened: OpenedFolder, pipfile: bytes, *, python_version: str | None, base: str | None
) -> bytes | None:
    """Lock in a container of the base; None where the config has errors."""
    if opened.config is None:
        return None
    with catch_interrupt(screen) as interrupted:
        return opened.workbench.lock(
            opened.config,
            pipfile,
            python_version=python_version,
            base=base,
            log=screen.remark,
            cancelled=interrupted.is_set,
        )


def _check(screen: Screen, folder: Path) -> None:
    pipfile, old = _read(folder)
    parsed = _parse(pipfile, old, folder=folder)
    screen.show_findings(parsed.findings, read_source=read_text)
    codes = {finding.code for finding in parsed.findings if finding.severity is Severity.ERROR}
    stale = not codes.isdisjoint({"LockStale", "LockMissing", "PipfileMissing"})
    screen.result = {"lock": str(folder / LOCK), "current": not stale}
    if not stale:
        screen.say(f"{folder / LOCK} is of this Pipfile; {screen.summarise()}")


def _read(folder: Path) -> tuple[bytes | None, bytes | None]:
    """Read `(Pipfile, lock)`, each None when it is not there."""
    pipfile, old = (read_bytes(path) if path.is_file() else None for path in (folder / PIPFILE, folder / LOCK))
    return pipfile, old


def _parse(pipfile: bytes | None, body: bytes | None, *, folder: Path) -> ParsedLock:
    return parse_lock(pipfile=pipfile, lock=body, pipfile_path=str(folder / PIPFILE), lock_path=str(folder / LOCK))


def _show_changes(screen: Screen, changes: Sequence[PackageChange], *, path: Path, changed: bool) -> None:
    shown = [(change.name, change.old or "-", change.new or "-", change.group) for change in changes]
    widths = [max((len(row[column]) for row in shown), default=0) for column in range(3)]
    for name, before, after, group in shown:
        line = f"  {name:<{widths[0]}}  {before:>{widths[1]}} -> {after:<{widths[2]}}"
        screen.say(line.rstrip() if group == "default" else f"{line}  ({group})")
    count = len(changes)
    news = f"{count} package{'' if count == 1 else 's'} changed" if count else "the same packages"
    screen.say(f"{path}: {news}{'' if changed else '; the file is as it was'}", style="bold green")


def make_lock_document(path: Path, changes: Sequence[PackageChange], *, changed: bool) -> Mapping[str, object]:
    """Make the JSON object of a new lock: where it is, whether the file changed, and each package that did."""
    return {
        "lock": str(path),
        "changed": changed,
        "packages": [
            {"group": change.group, "name": change.name, "old": change.old, "new": change.new} for change in changes
        ],
    }
