"""Foreign text in Markdown: what a repository, a log or a person wrote is shown, never interpreted.

Decides how text is quoted for GitHub: no mention, no issue reference, no link, no HTML, no table break, no formatting
comes out of text that is not ours. Does not lay out answers; the reports do. Every function returns text that is safe
in a paragraph, a list item or a heading; `escape_inline` and `cell` also in a table.

Source: GitHub Flavored Markdown 0.29, sections 2.4, 4.5, 4.10, 6.1, 6.3 and 6.9.
"""

from __future__ import annotations

import re

from hublish.errors import FOREIGN_TEXT_LIMIT, clip

# GitHub looks for mentions and references in the rendered text, where backslashes are gone: only a character between
# the sign and the name stops it. A zero-width space is not shown and `clip` removes any that came from outside.
_BREAK = "\u200b"
_REFERENCES = re.compile(r"[@#]|(?<=:)(?=//)|(?<=\bwww)(?=\.)|(?<=\bgh)(?=-\d)", re.IGNORECASE | re.ASCII)
_SPECIAL = re.compile(r"[\\`*_\[\]<>#~|!$&]")
_BLOCK_START = re.compile(r"^(?:(\d{1,9})(?=[.)])|(?=[-+=:]))")
_BACKTICKS = re.compile(r"`+")
_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~:/?#@!$&*+,;=%-]*)?")
_LANGUAGE = re.compile(r"[A-Za-z0-9+-]*")

CODE_BLOCK_LIMIT = 8192


def no_mention(text: str, *, limit: int = FOREIGN_TEXT_LIMIT) -> str:
    """Make foreign text safe as plain text, for example in a commit message.

    Args:
        text: anything that came from outside.
        limit: the longest text kept, in characters; zero-width breaks come on top.

    Returns:
        One line that reads the same and notifies nobody, closes no issue and holds no link.
    """
    return _REFERENCES.sub(lambda found: found.group() + _BREAK, clip(text, limit=limit))


def escape_inline(text: str, *, limit: int = FOREIGN_TEXT_LIMIT) -> str:
    """Make foreign text safe as Markdown prose; it is shown as it was written, on one line.

    Args:
        text: anything that came from outside.
        limit: the longest text kept, in characters; escapes come on top.

    Returns:
        Markdown that renders to the clipped text and to nothing else; "" for text without a printable character.
    """
    line = no_mention(text, limit=limit)
    escaped = _SPECIAL.sub(lambda found: "\\" + found.group(), line)
    return _BLOCK_START.sub(lambda found: f"{found.group()}\\", escaped)


def code_span(text: str, *, limit: int = FOREIGN_TEXT_LIMIT) -> str:
    """Show foreign text as code; not for tables, where a pipe would end the cell: see `cell`.

    Args:
        text: anything that came from outside.
        limit: the longest text kept, in characters.

    Returns:
        A code span whose fence is longer than any run of backticks in the text; "" for text with nothing to show.
    """
    line = clip(text, limit=limit)
    if line == "":
        return ""
    runs = {len(found.group()) for found in _BACKTICKS.finditer(line)}
    fence = "`" * next(length for length in range(1, len(runs) + 2) if length not in runs)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def cell(text: str, *, limit: int = FOREIGN_TEXT_LIMIT) -> str:
    """Show foreign text as code in a table cell; as escaped prose when it holds a pipe, which code cannot hold there.

    Args:
        text: anything that came from outside.
        limit: the longest text kept, in characters.

    Returns:
        Markdown for one table cell.
    """
    return escape_inline(text, limit=limit) if "|" in text else code_span(text, limit=limit)


def code_block(text: str, *, language: str = "", limit: int = CODE_BLOCK_LIMIT) -> str:
    """Show foreign lines as a fenced block, for example the end of a log or a diff.

    Args:
        text: lines that came from outside; control characters other than line ends and tabs become spaces.
        language: name for highlighting; letters, digits, `+` and `-`, anything else drops it.
        limit: the longest text kept, in characters; a longer text loses its middle, and a line "…" says so.

    Returns:
        The block without a final newline; its fence is longer than any run of backticks in the text.
    """
    if len(text) > limit:
        half = limit // 2
        text = f"{text[:half]}\n…\n{text[len(text) - half :]}"
    lines = [_show_line(line) for line in text.replace("\r\n", "\n").split("\n")]
    while lines and lines[-1] == "":
        lines.pop()
    body = "\n".join(lines)
    longest = max((len(found.group()) for found in _BACKTICKS.finditer(body)), default=0)
    fence = "`" * max(3, longest + 1)
    label = language if _LANGUAGE.fullmatch(language) else ""
    return f"{fence}{label}\n{body}\n{fence}"


def link(text: str, url: str) -> str:
    """Link a text to an address of ours; foreign text is escaped, an address that is not plain HTTP(S) gives no link.

    Args:
        text: what to show.
        url: `http://` or `https://` and characters that need no quoting in Markdown.

    Returns:
        `[text](<url>)`, or the escaped text alone.
    """
    shown = escape_inline(text)
    return f"[{shown}](<{url}>)" if shown and _URL.fullmatch(url) else shown


def _show_line(line: str) -> str:
    return "".join(character if character.isprintable() or character == "\t" else " " for character in line).rstrip()
