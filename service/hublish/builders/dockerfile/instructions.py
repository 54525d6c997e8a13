"""A Dockerfile as instructions: comments, directives, continued lines, here-documents; every character keeps its place.

Source:
    Dockerfile reference, "Format" and "Parser directives"; moby/buildkit frontend/dockerfile/parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hublish.errors import DockerfileInvalid, clip

BOM = "\ufeff"
DEFAULT_ESCAPE = "\\"
_ESCAPES = ("\\", "`")
_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*")
_DIRECTIVES = ("escape", "syntax", "check")
_COMMENT = re.compile(r"\s*#")
_FLAG = re.compile(r"--\S")
_HEREDOC = re.compile(r"\d*<<([-~]?)([^<]+)")
_HEREDOC_INSTRUCTIONS = ("ADD", "COPY", "RUN")
_SPACE = " \t\n\v\f\r"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word of an instruction, quotes and escapes as written, and where it stands.

    Attributes:
        text: as written, without what continued a line.
        start: offset of its first character in the file.
        end: offset behind its last one.
    """

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction.

    Attributes:
        name: in capitals.
        flags: words that start with `--`, before the arguments.
        words: the arguments.
        line: 1-based line it starts at.
    """

    name: str
    flags: tuple[Word, ...]
    words: tuple[Word, ...]
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Instructions:
    """A Dockerfile's instructions, and the directives at its top by name: `escape`, `syntax`, `check`."""

    items: tuple[Instruction, ...]
    directives: dict[str, str]

    @property
    def escape(self) -> str:
        """The character that takes the next one as it is, and continues a line."""
        return self.directives.get("escape", DEFAULT_ESCAPE)


@dataclass(slots=True)
class _Lines:
    """The lines of a file with their offsets; the next one is taken off."""

    waiting: list[tuple[int, str]]
    taken: int = 0

    def take(self) -> tuple[int, str] | None:
        if self.taken == len(self.waiting):
            return None
        self.taken += 1
        return self.waiting[self.taken - 1]


def parse_instructions(text: str) -> Instructions:
    """Split a Dockerfile into its instructions.

    Args:
        text: the whole file; lines may end as in DOS, a byte order mark is allowed.

    Raises:
        DockerfileInvalid: a directive is wrong, a here-document has no end.
    """
    lines = _Lines(waiting=list(_number_lines(text)))
    directives = _read_directives(lines)
    escape = directives.get("escape", DEFAULT_ESCAPE)
    # The character is no continuation when it is escaped itself.
    continued = re.compile(rf"(?:^|(?<=[^{re.escape(escape)}])){re.escape(escape)}[ \t]*$")
    items = []
    while (item := _read_instruction(lines, continued, escape)) is not None:
        items.append(item)
    return Instructions(items=tuple(items), directives=directives)


def _number_lines(text: str) -> Iterator[tuple[int, str]]:
    start = 1 if text.startswith(BOM) else 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end == -1 else end
        yield start, text[start:end].removesuffix("\r")
        start = end + 1


def _read_directives(lines: _Lines) -> dict[str, str]:
    directives: dict[str, str] = {}
    while (found := lines.take()) is not None:
        match = _DIRECTIVE.fullmatch(found[1].lstrip(_SPACE))
        name = "" if match is None else match[1].lower()
        if match is None or name not in _DIRECTIVES:
            lines.taken -= 1
            break
        if name in directives:
            raise DockerfileInvalid(f"the directive `{name}` stands twice", line=lines.taken)
        if name == "escape" and match[2] not in _ESCAPES:
            raise DockerfileInvalid(f'expected \\ or ` as escape, got "{clip(match[2], limit=20)}"', line=lines.taken)
        directives[name] = match[2]
    return directives


def _read_instruction(lines: _Lines, continued: re.Pattern[str], escape: str) -> Instruction | None:
    """Read the next instruction with all lines that continue it; None at the end of the file."""
    characters: list[str] = []
    places: list[int] = []
    first = 0
    while (found := lines.take()) is not None:
        offset, line = found
        if _COMMENT.match(line) or not line.strip(_SPACE):
            continue
        if not first:
            first = lines.taken
            stripped = line.lstrip(_SPACE)
            offset, line = offset + len(line) - len(stripped), stripped
        match = continued.search(line)
        kept = line if match is None else line[: match.start()]
        characters += kept
        places += range(offset, offset + len(kept))
        if match is None:
            break
    if not first:
        return None
    words = list(_split_words("".join(characters), places, escape))
    if not words:
        # A lone continuation before the end, or before lines that hold nothing.
        return _read_instruction(lines, continued, escape)
    name = words[0].text.upper()
    flags = 1
    while flags < len(words) and _FLAG.match(words[flags].text):
        flags += 1
    instruction = Instruction(name=name, flags=tuple(words[1:flags]), words=tuple(words[flags:]), line=first)
    _skip_heredocs(instruction, lines)
    return instruction


def _split_words(text: str, places: list[int], escape: str) -> Iterator[Word]:
    """Split at white space outside of quotes."""
    start, quote, skip = None, "", False
    for index, character in enumerate(text):
        if skip:
            skip = False
        elif character == escape and quote != "'":
            skip = True
        elif quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in _SPACE:
            if start is not None:
                yield Word(text=text[start:index], start=places[start], end=places[index - 1] + 1)
            start = None
            continue
        start = index if start is None else start
    if start is not None:
        yield Word(text=text[start:], start=places[start], end=places[-1] + 1)


def _skip_heredocs(instruction: Instruction, lines: _Lines) -> None:
    """Skip the bodies of here-documents, whose lines are no instructions."""
    if instruction.name not in _HEREDOC_INSTRUCTIONS or (
        instruction.words and instruction.words[0].text.startswith("[")
    ):
        return
    for word in instruction.words:
        match = _HEREDOC.fullmatch(word.text)
        if match is None:
            continue
        end = match[2].strip("\"'")
        started = lines.taken
        while (found := lines.take()) is not None:
            if (found[1].lstrip("\t") if match[1] else found[1]) == end:
                break
        else:
            message = f"the here-document {clip(word.text, limit=40)} has no end"
            raise DockerfileInvalid(message, line=min(started, lines.taken))
