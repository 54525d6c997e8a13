"""YAML of a repository read into plain data with the place of every key and value; nothing in it is trusted.

One document of at most 64 KiB in UTF-8. Anchors, aliases, tags, duplicate keys and deep nesting are refused: they make
a small file large, or let two readers see two files. Faults are collected, not raised, and the rest is still read, so
that a person sees all of them at once. Dates stay text, as in YAML 1.2; other plain scalars follow PyYAML's SafeLoader.

Source: YAML 1.1 as PyYAML reads it; only its scanner and parser run, no constructor of objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from hublish.core.finding import Finding, Severity
from hublish.core.place import KeyPath, Place, render_key
from hublish.core.trees.yamlevents import EventReader, make_place
from hublish.errors import clip

SIZE_LIMIT_BYTES = 64 * 1024

_TAG_PREFIX = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A YAML file as plain data.

    Attributes:
        path: the file within the repository.
        value: dict, list, str, int, float, bool or None; keys are always the text as written.
        places: where each value starts; the root is `()`.
        key_places: where the key of each mapping item starts.
        texts: plain (unquoted) scalars as written, e.g. "3.10" where the value is 3.1.
        broken: paths whose value could not be read and is None instead; a finding tells why.
    """

    path: str
    value: Any
    places: Mapping[KeyPath, Place]
    key_places: Mapping[KeyPath, Place]
    texts: Mapping[KeyPath, str]
    broken: frozenset[KeyPath]

    def make_finding(
        self,
        code: str,
        message: str,
        *,
        at: KeyPath,
        hint: str = "",
        severity: Severity = Severity.ERROR,
        on_key: bool = False,
    ) -> Finding:
        """Make a finding about the item at `at`: placed at its value, or at its key where `on_key`.

        An item that does not exist is placed at the key of its nearest parent that does.
        """
        place = self.key_places.get(at) if on_key else self.places.get(at)
        parent = at
        while place is None:
            place = self.key_places.get(parent)
            if not parent:
                place = self.places[()]
            parent = parent[:-1]
        return Finding(
            severity=severity,
            code=code,
            message=message,
            hint=hint,
            path=self.path,
            line=place.line,
            column=place.column,
            key=_clip_key(at),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedTree:
    """What came of reading a YAML file: `tree` is None when nothing could be read; each fault is an error."""

    tree: Tree | None
    findings: tuple[Finding, ...]


def parse_tree(body: bytes, *, path: str) -> ParsedTree:
    """Read one YAML document.

    Args:
        body: the file's bytes.
        path: the file within the repository, for findings.

    Returns:
        The tree and every fault found, in the order of the file. An empty file is a tree whose value is None.
    """
    if len(body) > SIZE_LIMIT_BYTES:
        message = f"the file has {len(body)} bytes; at most {SIZE_LIMIT_BYTES} are read"
        return _fail("FileTooLarge", message, path=path)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        message = f"the file is not UTF-8: byte {error.start} is 0x{body[error.start]:02x}"
        return _fail("NotUTF8", message, path=path, hint="save the file as UTF-8", place=Place(line=line, column=1))
    reader = EventReader(text, path=path)
    fault = reader.read()
    if fault is not None:
        return ParsedTree(tree=None, findings=(fault,))
    builder = _Builder(reader.events, path=path)
    tree = builder.build()
    findings = (*builder.findings, *reader.findings)
    return ParsedTree(
        tree=tree, findings=tuple(sorted(findings, key=lambda found: (found.line or 0, found.column or 0)))
    )


def _clip_key(path: KeyPath) -> str | None:
    key = render_key(path)
    return None if key is None else clip(key)


def _fail(code: str, message: str, *, path: str, hint: str = "", place: Place | None = None) -> ParsedTree:
    at = Place(line=1, column=1) if place is None else place
    found = Finding(
        severity=Severity.ERROR, code=code, message=message, hint=hint, path=path, line=at.line, column=at.column
    )
    return ParsedTree(tree=None, findings=(found,))


class _Builder:
    """Turns events into plain data; depth is already limited, so recursion is safe."""

    def __init__(self, events: list[yaml.Event], *, path: str) -> None:
        # Stream and document marks carry no data; the first document's body is what remains.
        self._events = iter([event for event in events if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent)])
        self._path = path
        self._resolver: Any = yaml.resolver.Resolver()
        self._constructor = yaml.constructor.SafeConstructor()
        self._places: dict[KeyPath, Place] = {}
        self._key_places: dict[KeyPath, Place] = {}
        self._texts: dict[KeyPath, str] = {}
        self._broken: set[KeyPath] = set()
        self.findings: list[Finding] = []

    def build(self) -> Tree:
        root = next(self._events, None)
        self._places[()] = Place(line=1, column=1) if root is None else make_place(root.start_mark)
        value = None if root is None else self._read(root, ())
        return Tree(
            path=self._path,
            value=value,
            places=self._places,
            key_places=self._key_places,
            texts=self._texts,
            broken=frozenset(self._broken),
        )

    def _read(self, event: Any, path: KeyPath) -> Any:
        self._places.setdefault(path, make_place(event.start_mark))
        if isinstance(event, yaml.AliasEvent):
            message = f"the alias `*{clip(str(event.anchor))}` is not read"
            return self._refuse("AliasFound", message, event=event, path=path, hint="write the value out again")
        if event.anchor is not None:
            message = f"the anchor `&{clip(event.anchor)}` is not read"
            self._note("AnchorFound", message, event=event, path=path, hint="remove it and write each value out")
        if event.tag is not None:
            message = f"the tag `{clip(event.tag)}` is not read"
            self._note("TagFound", message, event=event, path=path, hint="remove it; quotes make a value text")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._read_list(path)
        if isinstance(event, yaml.MappingStartEvent):
            return self._read_mapping(path)
        return self._read_scalar(event, path)

    def _read_list(self, path: KeyPath) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._read(event, (*path, len(items))))
        return items

    def _read_mapping(self, path: KeyPath) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or not _is_plain_text(event.value):
                self._note("KeyInvalid", "a key must be plain text", event=event, path=path)
                self._skip(event)
                self._skip(next(self._events))
                continue
            key = event.value
            if key in items:
                first = self._key_places[(*path, key)].line
                message = f"the key `{clip(key)}` stands here again; its first place is line {first}"
                self._note("DuplicateKey", message, event=event, path=(*path, key), hint="keep one of the two")
                self._skip(next(self._events))
                continue
            self._key_places[(*path, key)] = make_place(event.start_mark)
            items[key] = self._read(next(self._events), (*path, key))
        return items

    def _skip(self, event: Any) -> None:
        depth = 0
        while True:
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth == 0:
                return
            event = next(self._events)

    def _read_scalar(self, event: Any, path: KeyPath) -> Any:
        text: str = event.value
        if not _is_plain_text(text):
            return self._refuse("ControlCharacter", "the text holds a control character", event=event, path=path)
        if not event.implicit[0]:
            return text
        self._texts[path] = text
        try:
            return self._construct(text)
        except ValueError:
            message = f"`{clip(text, limit=40)}` looks like a number but is none"
            return self._refuse("NumberInvalid", message, event=event, path=path, hint="put it in quotes")

    def _construct(self, text: str) -> Any:
        node = yaml.ScalarNode(self._resolver.resolve(yaml.ScalarNode, text, (True, False)), text)
        match node.tag.removeprefix(_TAG_PREFIX):
            case "null":
                return None
            case "bool":
                return self._constructor.construct_yaml_bool(node)
            case "int":
                return self._constructor.construct_yaml_int(node)
            case "float":
                return self._constructor.construct_yaml_float(node)
            case _:
                return text

    def _refuse(self, code: str, message: str, *, event: Any, path: KeyPath, hint: str = "") -> None:
        self._broken.add(path)
        self._note(code, message, event=event, path=path, hint=hint)

    def _note(self, code: str, message: str, *, event: Any, path: KeyPath, hint: str = "") -> None:
        place = make_place(event.start_mark)
        self.findings.append(
            Finding(
                severity=Severity.ERROR,
                code=code,
                message=message,
                hint=hint,
                path=self._path,
                line=place.line,
                column=place.column,
                key=_clip_key(path),
            )
        )


def _is_plain_text(text: str) -> bool:
    """Tell whether text holds no control characters but line ends and tabs, and no lone surrogates."""
    return all(character in "\n\t" or (ord(character) >= ord(" ") and character != "\x7f") for character in text) and (
        not any("\ud800" <= character <= "\udfff" for character in text)
    )
