"""Issues filled in by a form or a template: the fields a body holds, by their names, in whatever order.

GitHub renders an issue form as one heading `### Field` per field with the text below it, `_No response_` where nothing was
given. Templates from before there were forms hold lines `Field: value`. Decides nothing about what a field means.

Source: GitHub, "Syntax for issue forms".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hublish.errors import clip

BODY_LIMIT = 65_536
"""GitHub's own limit of an issue's text, in characters."""
FIELDS_LIMIT = 50
"""More than a form may have that people fill in."""
NO_RESPONSE = "_No response_"
NOTED_FIELDS = 5
_SHOWN_CHARACTERS = 60

_NAME_LIMIT = 200
_LINE_LIMIT = 2_000
_HEADING = "### "
_FENCE = re.compile(r" {0,3}(?P<mark>`{3,}|~{3,})(?P<rest>.*)")
_LINE = re.compile(
    r"[ \t]*(?:[-*+][ \t]+)?[*_`]*(?P<name>[A-Za-z][A-Za-z /-]{0,60}?)[*_`]*[ \t]*:[*_`]*[ \t]*(?P<value>.*)"
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: its name as it stands there, and its text; "" where nothing was given."""

    name: str
    text: str

    @property
    def key(self) -> str:
        """The name as fields are compared: case and spaces do not count."""
        return " ".join(self.name.split()).casefold()


def parse_form(body: str | None) -> tuple[Field, ...]:
    """Read the fields of a form from an issue's text.

    Args:
        body: Markdown as GitHub stores it; None when the issue has no text.

    Returns:
        The fields in their order; empty when the text holds no heading `### Field`.
    """
    fields: list[tuple[str, list[str]]] = []
    fence = ""
    for line in _clean(body).splitlines():
        name = None if fence else _read_heading(line)
        if name is not None and len(fields) < FIELDS_LIMIT:
            fields.append((name, []))
            continue
        fence = _follow_fence(fence, line)
        if fields:
            fields[-1][1].append(line)
    return tuple(Field(name=name, text=_read_text(lines)) for name, lines in fields)


def parse_lines(body: str | None, names: Iterable[str]) -> tuple[Field, ...]:
    """Read fields from lines `Field: value`, as templates from before there were forms have them.

    Args:
        body: as in `parse_form`.
        names: keys of the fields that are meant; any other line with a colon is text.
    """
    wanted = frozenset(names)
    found = (_LINE.fullmatch(line[:_LINE_LIMIT]) for line in _clean(body).splitlines())
    fields = (Field(name=line["name"], text=_read_text([line["value"]])) for line in found if line is not None)
    return tuple(field for field in fields if field.key in wanted)[:FIELDS_LIMIT]


def choose_fields(fields: tuple[Field, ...], names: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The different texts that were given for each meaning, without empty ones.

    Args:
        fields: what was read.
        names: key of a field -> what it means.
    """
    chosen: dict[str, tuple[str, ...]] = {}
    for field in fields:
        meaning = names.get(field.key)
        if meaning is not None:
            texts = (field.text,) if field.text else ()
            chosen[meaning] = tuple(dict.fromkeys((*chosen.get(meaning, ()), *texts)))
    return chosen


def note_unread(fields: tuple[Field, ...], names: Mapping[str, str], *, read: str) -> tuple[str, ...]:
    """Name the fields that mean nothing, for the answer.

    Args:
        fields: what was read.
        names: as in `choose_fields`.
        read: one sentence on the fields that do.

    Returns:
        One sentence, foreign text; none where every field has a meaning.
    """
    unread = tuple(
        dict.fromkeys(clip(field.name, limit=_SHOWN_CHARACTERS) for field in fields if field.key not in names)
    )
    if not unread:
        return ()
    more = f" and {len(unread) - NOTED_FIELDS} more" if len(unread) > NOTED_FIELDS else ""
    shown = ", ".join(f'"{name}"' for name in unread[:NOTED_FIELDS])
    return (f"Not read of the form: {shown}{more}. {read}",)


def _clean(body: str | None) -> str:
    return _COMMENT.sub("", (body or "")[:BODY_LIMIT])


def _read_heading(line: str) -> str | None:
    """The name of a field that a line begins; no regular expression, as a hostile line could keep one busy."""
    if not line.lstrip(" ").startswith(_HEADING) or line.startswith("    ") or len(line) > _NAME_LIMIT:
        return None
    return line.strip().removeprefix(_HEADING).strip(" \t#") or None


def _follow_fence(fence: str, line: str) -> str:
    """The mark of the code block that the next line is in; "" for none. Headings in it are text."""
    found = _FENCE.fullmatch(line)
    if found is None:
        return fence
    if not fence:
        return found["mark"]
    closes = found["mark"].startswith(fence) and not found["rest"].strip()
    return "" if closes else fence


def _read_text(lines: list[str]) -> str:
    """A field's text without the code block that `render` puts around it, and without markup around the whole."""
    kept = [line for line in lines if line.strip()]
    if len(kept) > 1 and _FENCE.fullmatch(kept[0]) and _FENCE.fullmatch(kept[-1]):
        kept = kept[1:-1]
    text = "\n".join(line.strip() for line in kept)
    return "" if text == NO_RESPONSE else text.strip("*`").strip()
