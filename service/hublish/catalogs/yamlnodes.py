"""YAML text as nodes with their places: what stands where, so that an edit can splice and never dump.

Reads all documents of a file with PyYAML's parser, without composing or constructing anything. A file that two readers
could understand differently (a key twice, an alias) is refused, as is one too large or too deep to be a list of images.

Source: YAML 1.1 as PyYAML reads it; its marks count characters, not bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from hublish.errors import CatalogInvalid, clip

TEXT_LIMIT_CHARACTERS = 128 * 1024
DEPTH_LIMIT = 32
_REPAIR_HINT = "Repair the file in the hub's repository: hublish edits only what it can read without doubt."
_TAG_PREFIX = "tag:yaml.org,2002:"
_TRUE_TEXTS = ("true", "yes", "on")

Data = str | bool | tuple[str, str] | list["Data"] | dict[str, "Data"]
"""What a node says: text, truth, any other plain scalar as `(YAML type, text)`, a list, a mapping in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """Where a node stands.

    Attributes:
        start: offset of its first character, a quote or bracket included.
        end: offset after its last character; for a block collection the end of its last value.
        line: 1-based.
        column: 0-based.
        bare: False when it carries an anchor or a tag, which an edit would have to understand.
    """

    start: int
    end: int
    line: int
    column: int
    bare: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar(_Placed):
    """A scalar: `value` is the text it stands for, `style` is "'", '"', "|", ">" or "" for a plain one."""

    value: str
    style: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence(_Placed):
    """A sequence; `flow` when it is written in brackets."""

    items: tuple[Node, ...]
    flow: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping(_Placed):
    """A mapping; `pairs` are in the order of the file, each key once; `flow` when it is written in braces."""

    pairs: tuple[tuple[Scalar, Node], ...]
    flow: bool

    def get(self, key: str) -> Node | None:
        """The value under `key`; None when there is no such key."""
        return next((value for name, value in self.pairs if name.value == key), None)


Node = Scalar | Sequence | Mapping


def parse_documents(text: str, *, path: str) -> tuple[Node, ...]:
    """Parse every document of a YAML file.

    Args:
        text: the file, at most 131,072 characters, nested at most 32 deep.
        path: the file, for messages.

    Returns:
        One node per document; an empty document is a plain scalar without text.

    Raises:
        CatalogInvalid: the text is no YAML, too large or too deep, or holds an alias or a key twice.
    """
    if len(text) > TEXT_LIMIT_CHARACTERS:
        raise CatalogInvalid(
            f"{clip(path)}: the file has {len(text)} characters; at most {TEXT_LIMIT_CHARACTERS} are read",
            hint="Split the list into one file per image.",
        )
    try:
        events: Iterator[Any] = iter(list(_read_events(text, path=path)))
    except yaml.MarkedYAMLError as error:
        # The parser and the scanner always set problem and place; the type stubs leave them optional.
        mark: Any = error.problem_mark
        refuse(f"not valid YAML: {clip(str(error.problem))}", path=path, line=mark.line + 1)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        refuse(f"the character U+{error.character:04X} is not allowed in YAML", path=path, line=line)
    except (ValueError, OverflowError):
        # The scanner passes on what chr() and int() say of an escape out of range, without a place.
        refuse("not valid YAML: an escape or a number is out of range", path=path, line=1)
    return tuple(
        _read_node(next(events), events, path=path) for event in events if isinstance(event, yaml.DocumentStartEvent)
    )


def make_data(node: Node) -> Data:
    """Make what a node says, for comparison and for models of new text."""
    if isinstance(node, Sequence):
        return [make_data(item) for item in node.items]
    if isinstance(node, Mapping):
        return {key.value: make_data(value) for key, value in node.pairs}
    return _resolve(node)


def make_plain_type(text: str) -> str:
    """Name the YAML type of a plain scalar with this text: "str", "bool", "int", "float", "null", "timestamp", ..."""
    resolver: Any = yaml.resolver.Resolver()
    tag: str = resolver.resolve(yaml.ScalarNode, text, (True, False))
    return tag.removeprefix(_TAG_PREFIX)


def refuse(message: str, *, path: str, line: int) -> NoReturn:
    """Refuse a hub's file because of one of its lines.

    Raises:
        CatalogInvalid: always.
    """
    raise CatalogInvalid(f"{clip(path)}:{line}: {message}", hint=_REPAIR_HINT)


def _resolve(node: Scalar) -> Data:
    kind = "str" if node.style else make_plain_type(node.value)
    if kind == "bool":
        return node.value.lower() in _TRUE_TEXTS
    return node.value if kind == "str" else (kind, node.value)


def _read_events(text: str, *, path: str) -> Iterator[Any]:
    depth = 0
    event: Any
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_LIMIT:
            refuse(f"more than {DEPTH_LIMIT} levels of nesting", path=path, line=event.start_mark.line + 1)
        yield event


def _read_node(event: Any, events: Iterator[Any], *, path: str) -> Node:
    # Marks and names are Any here: the type stubs leave optional what the parser always sets.
    mark, end, anchor = event.start_mark, event.end_mark.index, event.anchor
    if isinstance(event, yaml.AliasEvent):
        refuse(f"the alias *{clip(anchor)} cannot be edited safely", path=path, line=mark.line + 1)
    place = {
        "start": mark.index,
        "line": mark.line + 1,
        "column": mark.column,
        "bare": anchor is None and event.tag is None,
    }
    if isinstance(event, yaml.ScalarEvent):
        return Scalar(**place, end=end, value=event.value, style=event.style or "")
    flow = bool(event.flow_style)
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[Node] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(_read_node(event, events, path=path))
        return Sequence(**place, end=_find_end(event, items, flow=flow), items=tuple(items), flow=flow)
    pairs: dict[str, tuple[Scalar, Node]] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = _read_node(event, events, path=path)
        if not isinstance(key, Scalar):
            refuse("a key that is a list or a mapping cannot be edited safely", path=path, line=key.line)
        if key.value in pairs:
            first = pairs[key.value][0].line
            refuse(f"the key {clip(key.value)!r} stands in line {first} already", path=path, line=key.line)
        pairs[key.value] = (key, _read_node(next(events), events, path=path))
    values = [value for _, value in pairs.values()]
    return Mapping(**place, end=_find_end(event, values, flow=flow), pairs=tuple(pairs.values()), flow=flow)


def _find_end(event: Any, values: list[Node], *, flow: bool) -> int:
    # A block collection has no closing character: the parser's mark lies at the next token, with comments in between.
    end: int = event.end_mark.index
    return end if flow or not values else values[-1].end
