"""Small files of a source tree read whole, config and lock among them: bounded, as a tree is anybody's.

What is in them is judged by their parsers; here only size and kind count.
"""

from __future__ import annotations

from collections.abc import Mapping

from hublish.core.config.file import ParsedConfig, choose_config_path, parse_config
from hublish.core.ports import Source
from hublish.core.source import SourceFile
from hublish.core.source_rules import find_file
from hublish.errors import SourceInvalid, clip

_LINK_LIMIT = 40
READ_LIMIT_BYTES = 64 << 20
"""Far above what any parser takes, so that its finding can name the size; far below what would fill the memory."""


def read_source_file(source: Source, path: str) -> bytes:
    """Read a file of a tree.

    Raises:
        SourceInvalid: there is no such file, it is a link, or it is larger than 64 MiB.
    """
    file = find_file(source.tree, path)
    if file.size_bytes > READ_LIMIT_BYTES:
        raise SourceInvalid(f"{clip(path)} has {file.size_bytes} bytes; at most {READ_LIMIT_BYTES} are read")
    with source.open(path) as stream:
        return stream.read(READ_LIMIT_BYTES)


def read_config(source: Source, *, repository_name: str | None) -> ParsedConfig:
    """Read the config of a tree; config and findings are empty when it has none.

    Raises:
        SourceInvalid: it is a link, or larger than 64 MiB.
    """
    path = choose_config_path(source.tree.paths)
    if path is None:
        return ParsedConfig(config=None, findings=())
    return parse_config(read_source_file(source, path), path=path, repository_name=repository_name)


def resolve_file(files: Mapping[str, SourceFile], path: str) -> SourceFile | None:
    """Follow the links of a tree, in folders too, to the file that a path means.

    Args:
        files: all files of the tree by path.
        path: relative POSIX path in it.

    Returns:
        None when there is none, a link leads out of the tree, or links lead in a circle.
    """
    waiting = path.split("/")[::-1]
    passed: list[str] = []
    links = 0
    while waiting:
        part = waiting.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not passed:
                return None
            passed.pop()
            continue
        found = files.get("/".join((*passed, part)))
        if found is None or found.link is None:
            passed.append(part)
            continue
        links += 1
        if links > _LINK_LIMIT or found.link.startswith("/"):
            return None
        waiting += found.link.split("/")[::-1]
    return files.get("/".join(passed))
