r"""Commands in comments: which lines of a Markdown comment ask the bot for something, and for what.

A command is a line of a top-level paragraph that starts with `/` and a known word. Lines in code, quotes, lists,
headings and HTML (comments included) are text that somebody shows, not asks; a backslash in front (`\/build`)
shows it too. An unknown word is silence: other bots have their own commands. Decides nothing about who may ask.

Source: CommonMark 0.31, as markdown-it-py reads it.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from enum import Enum

from markdown_it import MarkdownIt
from markdown_it.token import Token

from hublish.core.gitref import is_ref_name
from hublish.errors import clip

BODY_LIMIT = 65_536
"""GitHub's own limit for a comment, in characters; a longer text holds no command."""

LINE_LIMIT = 1_000
"""How many lines of a comment are read: hostile blocks further down would cost time."""

CANDIDATE_LIMIT = 2_048
"""How much Markdown is parsed in full, in characters over all paragraphs that may hold a command: nobody asks further
down, and hostile nesting there would cost time."""

_CANDIDATE = re.compile(r"^ {0,3}/[a-z]", re.MULTILINE)


class CommandName(Enum):
    """The words the bot knows."""

    BUILD = "build"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRule:
    """One row of the command table: grammar, permission and help come from here and nowhere else.

    Attributes:
        name: the word after the slash.
        usage: the grammar, as shown to people.
        most_arguments: how many words may follow.
        needs_write: True when the person needs write permission on the repository.
        help: one sentence on what it does.
    """

    name: CommandName
    usage: str
    most_arguments: int
    needs_write: bool
    help: str


COMMAND_RULES: tuple[CommandRule, ...] = (
    CommandRule(
        name=CommandName.BUILD,
        usage="/build [tag, branch or commit]",
        most_arguments=1,
        needs_write=True,
        help="Build the image; without a ref: the pull request's head, the build issue's tag, or the default branch.",
    ),
)
_RULES = {f"/{rule.name.value}": rule for rule in COMMAND_RULES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command found in a comment.

    Attributes:
        name: which command.
        arguments: the words after it; a ref when the grammar allows one.
        line: 1-based line of the comment.
        problem: what is wrong with the arguments, with the usage; None for a well-formed command.
    """

    name: CommandName
    arguments: tuple[str, ...]
    line: int
    problem: str | None = None


def parse_commands(comment_body: str) -> tuple[Command, ...]:
    """Find the commands of a comment.

    Args:
        comment_body: Markdown as GitHub stores it; line ends may be CRLF.

    Returns:
        The commands in the order they stand; empty when the comment asks for nothing.
    """
    if len(comment_body) > BODY_LIMIT:
        return ()
    text = "\n".join(comment_body.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:LINE_LIMIT])
    if _CANDIDATE.search(text) is None:
        return ()
    # `text_join` would turn an escaped slash into a plain one; without it the escape stays a token of its own.
    markdown = MarkdownIt("commonmark").disable(["text_join"])
    commands: list[Command] = []
    budget = CANDIDATE_LIMIT
    for paragraph in _find_paragraphs(text):
        if _CANDIDATE.search(paragraph.content) is None:
            continue
        budget -= len(paragraph.content)
        if budget < 0:
            break
        commands += _read_paragraph(paragraph, markdown)
    return tuple(commands)


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


def _read_paragraph(paragraph: Token, markdown: MarkdownIt) -> list[Command]:
    (inline,) = markdown.parseInline(paragraph.content)
    source_lines = paragraph.content.split("\n")
    first_line, _ = paragraph.map or (0, 0)
    position = 0
    commands: list[Command] = []
    for children in _split_lines(inline.children or []):
        rule = _find_rule(children)
        if rule is None:
            continue
        # A code span may hide line ends, so tokens cannot be counted: the line is looked up in the source.
        while not source_lines[position].lstrip().startswith(f"/{rule.name.value}"):
            position += 1
        position += 1
        commands.append(_make_command(rule, children, line=first_line + position))
    return commands


def _split_lines(children: list[Token]) -> list[list[Token]]:
    lines: list[list[Token]] = [[]]
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            lines.append([])
        else:
            lines[-1].append(child)
    return lines


def _find_rule(children: list[Token]) -> CommandRule | None:
    if not children or children[0].type != "text":
        return None
    return _RULES.get((children[0].content.split(maxsplit=1) or [""])[0])


def _make_command(rule: CommandRule, children: list[Token], *, line: int) -> Command:
    # A ref in a code span is what careful people write; any other markup stays in the word and makes it no ref.
    text = "".join(child.content or child.markup for child in children)
    arguments = tuple(text.split()[1:])
    return Command(name=rule.name, arguments=arguments, line=line, problem=_find_problem(rule, arguments))


def _find_problem(rule: CommandRule, arguments: tuple[str, ...]) -> str | None:
    if len(arguments) > rule.most_arguments:
        return f"Expected `{rule.usage}`, but {len(arguments)} words follow the command."
    for argument in arguments:
        if not is_ref_name(argument):
            return f'Expected `{rule.usage}`, but "{clip(argument, limit=100)}" cannot be the name of a ref.'
    return None
