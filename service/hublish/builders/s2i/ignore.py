"""`.s2iignore`: which files of the source stay out of a source-to-image build.

Not recursive, unlike `.gitignore`: a pattern names a path from the top folder, `*` stops at a slash, and hiding a folder
hides all in it. `!pattern` takes back only what an earlier line named by exactly such a path. Links are never followed,
and nothing outside of the source is touched.

Source:
    source-to-image 1.5.1, ignore/ignore.go; Go's filepath.Glob.
"""

from __future__ import annotations

from collections.abc import Iterable

from hublish.builders.containers.gopattern import clean_path, compile_pattern, has_meta
from hublish.core.finding import Finding, Severity
from hublish.errors import ValueInvalid, clip

IGNORE_PATH = ".s2iignore"
LINE_LIMIT_BYTES = 64 * 1024


def find_ignored(
    body: bytes, paths: Iterable[str], *, path: str = IGNORE_PATH
) -> tuple[frozenset[str], tuple[Finding, ...]]:
    """Find what the file hides.

    Args:
        body: the file's bytes.
        paths: all files of the source, relative to its top folder.
        path: of the file in the repository, for findings.

    Returns:
        `(files and folders to leave out, findings)`; a folder stands for all in it, "" for the whole source.
    """
    entries = _list_entries(paths)
    ignored: set[str] = set()
    findings: list[Finding] = []
    for number, line in enumerate(body.split(b"\n"), start=1):
        text = line.removesuffix(b"\r").decode(errors="surrogateescape").strip(" ")
        if not text or text.startswith("#"):
            continue
        if len(line) >= LINE_LIMIT_BYTES:
            findings.append(_remark(Severity.ERROR, f"a line of {len(line)} bytes", path, number))
            continue
        spec = clean_path(f"./{text.removeprefix('!')}")
        if spec.split("/")[0] == "..":
            message = f'the pattern "{clip(text, limit=80)}" leaves the source; it hides nothing'
            findings.append(_remark(Severity.WARNING, message, path, number))
            continue
        if text.startswith("!"):
            ignored -= {entry for entry in ignored if _matches(spec, entry)}
        else:
            ignored |= _expand(spec, entries)
    return frozenset(ignored), tuple(findings)


def is_hidden(path: str, ignored: frozenset[str]) -> bool:
    """Tell whether a file, or a folder it lies in, is among those to leave out."""
    parts = path.split("/")
    return "" in ignored or any("/".join(parts[:count]) in ignored for count in range(1, len(parts) + 1))


def list_parents(path: str) -> tuple[str, ...]:
    """The folders that a path lies in, the outermost first."""
    parts = path.split("/")
    return tuple("/".join(parts[:count]) for count in range(1, len(parts)))


def _list_entries(paths: Iterable[str]) -> dict[str, set[str]]:
    """Folder -> names in it; the top folder is ""."""
    entries: dict[str, set[str]] = {}
    for path in paths:
        for entry in (*list_parents(path), path):
            folder, _, name = entry.rpartition("/")
            entries.setdefault(folder, set()).add(name)
    return entries


def _expand(spec: str, entries: dict[str, set[str]]) -> set[str]:
    """What a pattern names, folder by folder, as a shell would do; a pattern that is not complete names nothing."""
    if spec == ".":
        return {""}
    found = {""}
    try:
        compile_pattern(spec)
        for part in spec.split("/"):
            pattern = compile_pattern(part) if has_meta(part) else None
            found = {
                f"{folder}/{name}".lstrip("/")
                for folder in found
                for name in entries.get(folder, ())
                if (name == part if pattern is None else pattern.fullmatch(name))
            }
    except ValueInvalid:
        return set()
    return found


def _matches(spec: str, entry: str) -> bool:
    try:
        return compile_pattern(spec).fullmatch(entry or ".") is not None
    except ValueInvalid:
        return False


def _remark(severity: Severity, message: str, path: str, line: int) -> Finding:
    hint = "write patterns from the top folder of the source, one a line"
    return Finding(severity=severity, code="IgnoreLineUnread", message=message, hint=hint, path=path, line=line)
