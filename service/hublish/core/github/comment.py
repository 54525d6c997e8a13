r"""Comments: which lines of a Markdown comment ask the bot for something.

A command is a line of a top-level paragraph that starts with `/` and a word, or with the bot's name as people mention
it. Lines in code, quotes, lists, headings and HTML (comments included) are text that somebody shows, not asks; a
backslash in front (`\/build`) shows it too. What the words mean is the table's matter, see `commands`.

Source: CommonMark 0.31, as markdown-it-py reads it.
"""

from __future__ import annotations

import itertools
import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

from hublish.core.github.commands import Command, make_command

BODY_LIMIT = 65_536
"""GitHub's own limit for a comment, in characters; a longer text holds no command."""

LINE_LIMIT = 1_000
"""How many lines of a comment are read: hostile blocks further down would cost time."""

CANDIDATE_LIMIT = 2_048
"""How much Markdown is parsed in full, in characters over all paragraphs that may hold a command: nobody asks further
down, and hostile nesting there would cost time."""


def parse_commands(comment_body: str, *, app: str = "") -> tuple[Command, ...]:
    """Find the commands of a comment.

    Args:
        comment_body: Markdown as GitHub stores it; line ends may be CRLF.
        app: the bot's name as people mention it, without `@`; "" when it is not known, then no mention counts.

    Returns:
        The commands in the order they stand; empty when the comment asks for nothing.
    """
    if len(comment_body) > BODY_LIMIT:
        return ()
    text = "\n".join(comment_body.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:LINE_LIMIT])
    start = _make_start(app)
    candidate = re.compile(rf"^ {{0,3}}{start.pattern}", re.MULTILINE | re.IGNORECASE)
    if candidate.search(text) is None:
        return ()
    # `text_join` would turn an escaped slash into a plain one; without it the escape stays a token of its own.
    markdown = MarkdownIt("commonmark").disable(["text_join"])
    commands: list[Command] = []
    budget = CANDIDATE_LIMIT
    for paragraph in _find_paragraphs(text):
        if candidate.search(paragraph.content) is None:
            continue
        budget -= len(paragraph.content)
        if budget < 0:
            break
        commands += _read_paragraph(paragraph, markdown, start)
    return tuple(commands)


def _make_start(app: str) -> re.Pattern[str]:
    """What a line must start with: a slash and a letter, or the bot's name as a whole word."""
    mention = rf"|(?P<mention>@{re.escape(app)}(?:\[bot\])?(?![A-Za-z0-9_-])[ \t]*[:,]?[ \t]*/?)" if app else ""
    return re.compile(rf"(?:/(?=[a-z]){mention})", re.IGNORECASE)


def _find_paragraphs(body: str) -> list[Token]:
    """The inline tokens of all top-level paragraphs, their inline content not yet parsed."""
    # Only the block structure of the whole comment is needed: inline parsing is done for candidates alone, which
    # keeps a comment of the largest size far below the time that a webhook may take.
    blocks = MarkdownIt("commonmark").disable(["inline", "text_join"])
    tokens = blocks.parse(body)
    return [
        token
        for opening, token in itertools.pairwise(tokens)
        if opening.type == "paragraph_open" and opening.level == 0
    ]


def _read_paragraph(paragraph: Token, markdown: MarkdownIt, start: re.Pattern[str]) -> list[Command]:
    (inline,) = markdown.parseInline(paragraph.content)
    source_lines = paragraph.content.split("\n")
    first_line, _ = paragraph.map or (0, 0)
    position = 0
    commands: list[Command] = []
    for children in _split_lines(inline.children or []):
        text = _read_start(children)
        found = start.match(text)
        if found is None:
            continue
        # A code span may hide line ends, so tokens cannot be counted: the line is looked up in the source.
        while not source_lines[position].lstrip().startswith(text.split(maxsplit=1)[0]):
            position += 1
        position += 1
        # A ref in a code span is what careful people write; any other markup stays in the word and makes it no ref.
        whole = "".join(child.content or child.markup for child in children)
        addressed = found.groupdict().get("mention") is not None
        command = make_command(whole[found.end() :], line=first_line + position, addressed=addressed)
        if command is not None:
            commands.append(command)
    return commands


def _split_lines(children: list[Token]) -> list[list[Token]]:
    lines: list[list[Token]] = [[]]
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            lines.append([])
        else:
            lines[-1].append(child)
    return lines


def _read_start(children: list[Token]) -> str:
    """The plain text that a line starts with: markup and escapes end it."""
    return "".join(child.content for child in itertools.takewhile(lambda child: child.type == "text", children))
