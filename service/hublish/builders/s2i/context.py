"""What lies beside a source-to-image Dockerfile: the source below `upload/src`, scripts of its own in `upload/scripts`.

Scripts in `.s2i/bin` move from one to the other, `.s2iignore` is obeyed after that, and links stay links, except that
a script that is one has the bytes of the file it leads to. Nothing of `.git` is there: a commit's tree has none.

Source:
    source-to-image 1.5.1, build/strategies/dockerfile/dockerfile.go, scripts/install.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hublish.builders.s2i.environment import ENVIRONMENT_PATH
from hublish.builders.s2i.ignore import IGNORE_PATH, find_ignored, is_hidden, list_parents
from hublish.builders.sourcefiles import read_source_file, resolve_file
from hublish.core.container import ContextFile
from hublish.core.finding import Finding, Severity
from hublish.core.ports import Source
from hublish.core.source import FileMode, SourceFile
from hublish.errors import clip

UPLOAD_SOURCE = "upload/src"
UPLOAD_SCRIPTS = "upload/scripts"
SCRIPT_NAMES = ("assemble", "run", "save-artifacts")
# The second is the older name of the folder, which s2i still reads.
_SCRIPT_FOLDERS = (".s2i/bin", ".sti/bin")


@dataclass(frozen=True, slots=True, kw_only=True)
class S2IContext:
    """The context, and what of it the Dockerfile must know.

    Attributes:
        files: sorted by path.
        folders: folders that hold nothing, sorted.
        scripts: names of the scripts the repository brings.
        environment: path in the source tree of the file of variables; None when there is none, or it is ignored.
    """

    files: tuple[ContextFile, ...]
    folders: tuple[str, ...]
    scripts: frozenset[str]
    environment: str | None


def make_s2i_context(source: Source, *, folder: str, own_scripts: bool) -> tuple[S2IContext, tuple[Finding, ...]]:
    """Lay out the context.

    Args:
        source: the opened source tree.
        folder: the context folder in it; "." for all of it.
        own_scripts: False leaves `.s2i/bin` where it is, as for a scripts URL that is given by hand.

    Raises:
        SourceInvalid: `.s2iignore` is larger than any parser takes.
    """
    prefix = "" if folder == "." else folder + "/"
    inside = {file.path.removeprefix(prefix): file for file in source.tree.files if file.path.startswith(prefix)}
    findings: list[Finding] = []
    scripts = _find_scripts(prefix, source.tree.files) if own_scripts else {}
    moved = {path for path, _ in scripts.values()}
    uploaded = {path: file for path, file in inside.items() if path not in moved}
    ignored: frozenset[str] = frozenset()
    if _is_file(uploaded.get(IGNORE_PATH)):
        body = read_source_file(source, prefix + IGNORE_PATH)
        ignored, found = find_ignored(body, uploaded, path=prefix + IGNORE_PATH)
        findings += found
    kept = {path: file for path, file in uploaded.items() if not is_hidden(path, ignored)}
    if not kept:
        findings.append(_miss_source(folder, hidden=bool(uploaded)))
    files = [_place(f"{UPLOAD_SOURCE}/{path}", file) for path, file in kept.items()]
    files += [
        ContextFile(path=f"{UPLOAD_SCRIPTS}/{name}", source=file.path, mode=FileMode.EXECUTABLE)
        for name, (_, file) in scripts.items()
    ]
    parents = {parent for path in inside for parent in list_parents(path) if not is_hidden(parent, ignored)}
    # A folder is named only where nothing below it would bring it along.
    holding = {parent for path in (*kept, *parents) for parent in list_parents(path)}
    return S2IContext(
        files=tuple(sorted(files, key=lambda file: file.path)),
        folders=tuple(sorted(f"{UPLOAD_SOURCE}/{parent}" for parent in parents - holding)),
        scripts=frozenset(scripts),
        environment=prefix + ENVIRONMENT_PATH if _is_file(kept.get(ENVIRONMENT_PATH)) else None,
    ), tuple(findings)


def _find_scripts(prefix: str, tree: Iterable[SourceFile]) -> dict[str, tuple[str, SourceFile]]:
    """Script name -> (where it stands in the context folder, the file whose bytes it has)."""
    by_path = {file.path: file for file in tree}
    found: dict[str, tuple[str, SourceFile]] = {}
    for name in SCRIPT_NAMES:
        for folder in _SCRIPT_FOLDERS:
            target = resolve_file(by_path, f"{prefix}{folder}/{name}")
            if target is not None:
                found[name] = (f"{folder}/{name}", target)
                break
    return found


def _is_file(file: SourceFile | None) -> bool:
    return file is not None and file.link is None


def _place(path: str, file: SourceFile) -> ContextFile:
    return ContextFile(path=path, source=None if file.link is not None else file.path, mode=file.mode, link=file.link)


def _miss_source(folder: str, *, hidden: bool) -> Finding:
    if hidden:
        message, path = ".s2iignore hides every file of the source", IGNORE_PATH
    else:
        message, path = f"there is no file in the context folder {clip(folder)}", folder
    hint = "a source-to-image build needs a source to assemble"
    return Finding(severity=Severity.ERROR, code="SourceEmpty", message=message, hint=hint, path=path)
