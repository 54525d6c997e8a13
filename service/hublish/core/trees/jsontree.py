"""JSON of a repository read into plain data with the line of every key; nothing in it is trusted.

The json module keeps no positions, so a second pass over the tokens of a text that is known to be valid finds them, and
with them the keys that stand twice, of which json would keep the last in silence.

Source: RFC 8259.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from hublish.core.finding import Finding, Severity
from hublish.core.place import KeyPath, render_key
from hublish.errors import clip

SEPARATOR_LIMIT = 1_000_000
_SEPARATORS = (b"{", b"[", b":", b",", b"\n")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},\n]')


@dataclass(frozen=True, slots=True, kw_only=True)
class JSONTree:
    """A JSON file as plain data.

    Attributes:
        path: the file within the repository.
        value: dict, list, str, int, float, bool or None.
        lines: 1-based line of each key, and of each object and array in a list.
    """

    path: str
    value: Any
    lines: Mapping[KeyPath, int]

    def make_finding(
        self, code: str, message: str, *, at: KeyPath, hint: str = "", severity: Severity = Severity.ERROR
    ) -> Finding:
        """Make a finding about the item at `at`, on its line or that of the nearest parent with one."""
        parents = (at[:length] for length in range(len(at), 0, -1))
        line = next((self.lines[parent] for parent in parents if parent in self.lines), 1)
        key = render_key(at)
        return Finding(
            severity=severity,
            code=code,
            message=message,
            hint=hint,
            path=self.path,
            line=line,
            key=None if key is None else clip(key),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedJSON:
    """What came of reading a JSON file: `tree` is None when nothing could be read; each fault is an error."""

    tree: JSONTree | None
    findings: tuple[Finding, ...]


def parse_json(body: bytes, *, path: str, limit_bytes: int) -> ParsedJSON:
    """Read one JSON text in UTF-8.

    Args:
        body: the file's bytes.
        path: the file within the repository, for findings.
        limit_bytes: largest size that is read.

    Returns:
        The tree, or None; and a finding for each fault. A key that stands twice is a fault.
    """
    if len(body) > limit_bytes:
        return _fail("FileTooLarge", f"the file has {len(body)} bytes; at most {limit_bytes} are read", path=path)
    if sum(body.count(separator) for separator in _SEPARATORS) > SEPARATOR_LIMIT:
        # A lock of hashes stays far below; a file of nothing but brackets would take a hundred times its size in memory.
        return _fail("TooManyItems", f"the file has more than {SEPARATOR_LIMIT} lines, keys and items", path=path)
    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        return _fail("NotUTF8", f"the file is not UTF-8 at byte {error.start}", path=path, line=line)
    except json.JSONDecodeError as error:
        message = f"the file is not JSON: {clip(error.msg)}"
        return _fail("JSONInvalid", message, path=path, line=error.lineno, column=error.colno)
    except (ValueError, RecursionError):
        # NaN and Infinity, a number of more digits than int() takes, or nesting beyond the interpreter's stack.
        return _fail("JSONInvalid", "the file holds a number or a nesting that is not read", path=path)
    locator = _Locator(path=path)
    locator.scan(text)
    tree = JSONTree(path=path, value=value, lines=locator.lines)
    return ParsedJSON(tree=tree, findings=tuple(_explain_twice(tree, at, line) for at, line in locator.twice))


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(text)


def _explain_twice(tree: JSONTree, at: KeyPath, line: int) -> Finding:
    message = f"the key stands in line {tree.lines[at]} and again in line {line}"
    return tree.make_finding("DuplicateKey", message, at=at, hint="keep one of the two")


def _fail(code: str, message: str, *, path: str, line: int = 1, column: int | None = None) -> ParsedJSON:
    found = Finding(severity=Severity.ERROR, code=code, message=message, path=path, line=line, column=column)
    return ParsedJSON(tree=None, findings=(found,))


@dataclass(slots=True, kw_only=True)
class _Frame:
    """An object or array that is open: its path, the key at work or None before one, and the index in an array."""

    path: KeyPath
    is_object: bool
    key: str | None = None
    index: int = 0


@dataclass(slots=True, kw_only=True)
class _Locator:
    """Finds the line of every key in a text that is valid JSON."""

    path: str
    lines: dict[KeyPath, int] = field(default_factory=dict)
    twice: list[tuple[KeyPath, int]] = field(default_factory=list)

    def scan(self, text: str) -> None:
        line = 1
        stack: list[_Frame] = []
        for match in _TOKEN.finditer(text):
            mark = match.group()
            if mark == "\n":
                line += 1
            elif mark in "{[":
                self._open(stack, line, is_object=mark == "{")
            elif mark in "}]":
                stack.pop()
            elif mark == ",":
                stack[-1].key = None
                stack[-1].index += 1
            elif stack and stack[-1].is_object and stack[-1].key is None:
                self._note_key(stack[-1], json.loads(mark), line)

    def _open(self, stack: list[_Frame], line: int, *, is_object: bool) -> None:
        path: KeyPath = ()
        if stack:
            top = stack[-1]
            path = (*top.path, top.index if top.key is None else top.key)
            self.lines.setdefault(path, line)
        stack.append(_Frame(path=path, is_object=is_object))

    def _note_key(self, frame: _Frame, key: str, line: int) -> None:
        frame.key = key
        at = (*frame.path, key)
        if at in self.lines:
            self.twice.append((at, line))
        self.lines.setdefault(at, line)
