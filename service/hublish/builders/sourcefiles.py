"""Small files of a source tree read whole, config and lock among them: bounded, as a tree is anybody's.

What is in them is judged by their parsers; here only size and kind count.
"""

from __future__ import annotations

from hublish.core.config import ParsedConfig, choose_config_path, parse_config
from hublish.core.ports import Source
from hublish.core.source_rules import find_file
from hublish.errors import SourceInvalid, clip

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
