"""Variables in a Dockerfile's words: quotes, escapes, `$NAME`, `${NAME}`, `${NAME:-word}`, `${NAME:+word}`.

A name without a value is an error here, not an empty text: an image's name must not depend on what is missing.

Source:
    Dockerfile reference, "Environment replacement"; moby/buildkit frontend/dockerfile/shell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hublish.errors import ValueInvalid, clip

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]", re.ASCII)
_OPERATORS = (":-", ":+", "-", "+")
_DEPTH_LIMIT = 20


def expand_word(text: str, values: Mapping[str, str], *, escape: str) -> str:
    """Expand a word as an engine does.

    Args:
        text: as written.
        values: what the variables stand for.
        escape: the Dockerfile's escape character.

    Raises:
        ValueInvalid: a variable has no value, a form is not known, or a quote has no end.
    """
    return _Reader(text, values, escape).read()


class _Reader:
    def __init__(self, text: str, values: Mapping[str, str], escape: str, *, depth: int = 0) -> None:
        self._text = text
        self._values = values
        self._escape = escape
        self._depth = depth
        self._at = 0

    def read(self) -> str:
        result = ""
        quoted = False
        while self._at < len(self._text):
            character = self._text[self._at]
            self._at += 1
            if character == '"':
                quoted = not quoted
            elif character == "'" and not quoted:
                result += self._read_single()
            elif character == self._escape:
                result += self._read_escaped(quoted=quoted)
            elif character == "$":
                result += self._read_variable()
            else:
                result += character
        if quoted:
            raise ValueInvalid(f'the quote in "{clip(self._text, limit=80)}" has no end')
        return result

    def _read_single(self) -> str:
        end = self._text.find("'", self._at)
        if end == -1:
            raise ValueInvalid(f'the quote in "{clip(self._text, limit=80)}" has no end')
        start, self._at = self._at, end + 1
        return self._text[start:end]

    def _read_escaped(self, *, quoted: bool) -> str:
        following = self._text[self._at : self._at + 1]
        if quoted and following not in ('"', "$", self._escape):
            return self._escape
        self._at += 1
        return following

    def _read_variable(self) -> str:
        if self._text[self._at : self._at + 1] != "{":
            match = _NAME.match(self._text, self._at)
            if match is None:
                return "$"
            self._at = match.end()
            return self._look_up(match[0])
        match = _NAME.match(self._text, self._at + 1)
        if match is None:
            raise self._refuse()
        self._at = match.end()
        if self._text[self._at : self._at + 1] == "}":
            self._at += 1
            return self._look_up(match[0])
        return self._read_operator(match[0])

    def _read_operator(self, name: str) -> str:
        operator = next((sign for sign in _OPERATORS if self._text.startswith(sign, self._at)), None)
        end = self._find_brace()
        if operator is None or end is None or self._depth == _DEPTH_LIMIT:
            raise self._refuse()
        word = self._text[self._at + len(operator) : end]
        self._at = end + 1
        value = self._values.get(name)
        given = value is not None and (value != "" or not operator.startswith(":"))
        if operator.endswith("-"):
            return self._look_up(name) if given else self._expand(word)
        return self._expand(word) if given else ""

    def _find_brace(self) -> int | None:
        depth, index = 1, self._at
        while index < len(self._text):
            character = self._text[index]
            if character == self._escape:
                index += 1
            elif character == "}":
                depth -= 1
                if not depth:
                    return index
            elif self._text.startswith("${", index):
                depth += 1
            index += 1
        return None

    def _expand(self, word: str) -> str:
        return _Reader(word, self._values, self._escape, depth=self._depth + 1).read()

    def _look_up(self, name: str) -> str:
        value = self._values.get(name)
        if value is None:
            raise ValueInvalid(
                f"the build argument {name} has no value",
                hint=f"give it a default before the first FROM (`ARG {name}=...`), or set it in `dockerfile.args`",
            )
        return value

    def _refuse(self) -> ValueInvalid:
        return ValueInvalid(
            f'the variable in "{clip(self._text, limit=80)}" has a form that is not read',
            hint="use $NAME, ${NAME}, ${NAME:-default} or ${NAME:+value}",
        )
