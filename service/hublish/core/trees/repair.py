"""A value of the wrong shape turned into what to write: `push: main` becomes "write `push: [main]`".

One place for all keys of all models. What stands in the file is put into the few shapes it may have been meant in, and
the first that the model itself takes is the answer, so nothing is proposed that would be refused. Finds no faults.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from hublish.core.place import KeyPath
from hublish.core.trees.yamlmodel import INSTEAD
from hublish.errors import clip

_LENGTH_LIMIT = 120
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_TRUTHS = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}
_HIDDEN = "..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a value belongs: below the field `name` of the model `owner`, by the items of lists and mappings in `rest`."""

    owner: type[BaseModel]
    name: str
    rest: KeyPath = ()

    @property
    def key(self) -> str | int:
        """The last part of the way there."""
        return self.rest[-1] if self.rest else self.name

    @property
    def model(self) -> type[BaseModel] | None:
        """The model that is wanted there; None for another type."""
        annotation = self.owner.model_fields[self.name].annotation
        return next(models_in(annotation), None) if _count_levels(annotation) == len(self.rest) else None

    def fit(self, value: object) -> Any:
        """The value as the model takes it, with refused texts replaced by those that are proposed; None: it is refused."""
        document = _wrap(value, (self.name, *self.rest))
        for path, instead in self._find_faults(document):
            if instead is None:
                return None
            # What is proposed was held against the grammar already.
            document = _put(document, path, instead)
        for part in (self.name, *self.rest):
            document = document[0 if isinstance(part, int) else part]
        return document

    def _find_faults(self, document: Any) -> list[tuple[KeyPath, Any]]:
        try:
            self.owner.model_validate(document)
        except ValidationError as error:
            return [
                (tuple(part for part in fault["loc"] if part != "[key]"), fault.get("ctx", {}).get(INSTEAD))
                for fault in error.errors(include_url=False)
                # Other keys of the owner are not in the document; what is missing there is no fault of this value.
                if fault["loc"][:1] == (self.name,)
            ]
        return []


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation names, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from models_in(argument)


def find_spot(model: type[BaseModel], path: KeyPath) -> Spot:
    """Find where a path of at least one key leads in a model; the last key need not be one that the model knows."""
    spot = Spot(owner=model, name=str(path[0]))
    for part in path[1:]:
        inner = spot.model
        spot = replace(spot, rest=(*spot.rest, part)) if inner is None else Spot(owner=inner, name=str(part))
    return spot


def suggest_repair(spot: Spot, value: object, *, kind: str, written: str | None, show_values: bool = True) -> str:
    """Make the hint for a value of the wrong shape: the key with the value as it should be written.

    Args:
        spot: where it stands.
        value: what stands there.
        kind: pydantic's type of the fault, e.g. "list_type".
        written: a number or truth value as it stands in the file; None for anything else.
        show_values: False where a value may be a secret; then the shape alone is told.

    Returns:
        "" when no shape of it would be taken, and none can be told in general.
    """
    for candidate in _reshape(value, written):
        fitted = spot.fit(candidate)
        if fitted is not None:
            return _render_found(spot, fitted, written, show_values=show_values)
    inner = spot.model
    if inner is None:
        return _suggest_shape(spot, kind)
    for name, candidate in _place(inner, value, written):
        fitted = spot.fit(candidate)
        if fitted is not None:
            hint = _render_found(spot, fitted, written, show_values=show_values)
            return f"{hint} (`{name}`: {_describe(inner, name)})" if name else hint
    return f"write `{spot.key}: {{KEY: VALUE}}`; the keys are {', '.join(inner.model_fields)}"


def _reshape(value: Any, written: str | None) -> Iterator[Any]:
    """The shapes that a value may have been meant in, the likeliest first."""
    yield value
    if isinstance(value, str):
        if "," in value:
            yield [item.strip() for item in value.split(",") if item.strip()]
        yield [value]
        if _NUMBER.fullmatch(value):
            yield float(value) if "." in value else int(value)
        if value.lower() in _TRUTHS:
            yield _TRUTHS[value.lower()]
    elif isinstance(value, dict):
        if len(value) == 1:
            (item,) = value.values()
            yield from (item, [item])
        yield [value]
    elif isinstance(value, list):
        yield from _unlist(value) if value else ()
    elif written is not None:
        yield from (written, [written])


def _unlist(items: list[Any]) -> Iterator[Any]:
    if all(isinstance(item, dict) for item in items):
        yield dict(chain.from_iterable(item.items() for item in items))
    else:
        yield items[0]
    if all(isinstance(item, str) and "=" in item for item in items):
        yield dict(item.split("=", 1) for item in items)


def _place(model: type[BaseModel], value: Any, written: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a mapping may have been meant by: switches by their names, or the value of one of the keys.

    Yields:
        `(key, mapping)`; "" for the key where it stands in the file.
    """
    items = value if isinstance(value, list) else [value]
    if items and all(isinstance(item, str) and item in model.model_fields for item in items):
        yield "", dict.fromkeys(items, True)
    elif not isinstance(value, bool):
        shapes = tuple(_reshape(value, written))
        for name in model.model_fields:
            yield from ((name, {name: shape}) for shape in shapes)


def _render_found(spot: Spot, value: Any, written: str | None, *, show_values: bool) -> str:
    if show_values and written is not None and value == written:
        return f'put it in quotes: "{clip(written, limit=80)}"'
    shown = value if show_values else _hide(value)
    line = _render_line(spot, shown)
    if len(line) > _LENGTH_LIMIT or clip(line) != line:
        shown = _hide(value)
        line = _render_line(spot, shown)
    return "" if shown == _HIDDEN else f"write {line}"


def _render_line(spot: Spot, value: Any) -> str:
    """The key with its value, as one line of YAML; an item of a list alone, as the others stay as they are."""
    if isinstance(spot.key, int):
        return f"`{_dump([value])}` in `{spot.name}`"
    return f"`{_dump({spot.key: value})}`"


def _dump(container: Any) -> str:
    shown = yaml.safe_dump(container, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6)
    return shown.strip()[1:-1].replace(f"'{_HIDDEN}'", _HIDDEN)


def _hide(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _hide(item) for key, item in value.items()}
    return [_HIDDEN] if isinstance(value, list) else _HIDDEN


def _suggest_shape(spot: Spot, kind: str) -> str:
    """The shape alone, where nothing of what stands there fits."""
    if isinstance(spot.key, int):
        return ""
    if kind in ("bool_type", "bool_parsing"):
        meaning = _describe(spot.owner, spot.name)
        return f"write `{spot.key}: true` or `{spot.key}: false` ({meaning})"
    shape = {"list_type": "[VALUE]", "dict_type": "{NAME: VALUE}"}.get(kind)
    return "" if shape is None else f"write `{spot.key}: {shape}`"


def _describe(model: type[BaseModel], name: str) -> str:
    return (model.model_fields[name].description or "").split(". ")[0].rstrip(".")


def _count_levels(annotation: Any) -> int:
    """The lists and mappings around what an annotation holds in the end."""
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) in (list, dict):
        return 1 + _count_levels(arguments[-1])
    return max((_count_levels(argument) for argument in arguments), default=0)


def _wrap(value: Any, path: KeyPath) -> Any:
    for part in reversed(path):
        value = [value] if isinstance(part, int) else {part: value}
    return value


def _put(value: Any, path: KeyPath, new: object) -> Any:
    if not path:
        return new
    head, *rest = path
    if isinstance(value, list):
        return [_put(item, tuple(rest), new) if at == head else item for at, item in enumerate(value)]
    return {**value, head: _put(value[head], tuple(rest), new)}
