"""A YAML tree held against a strict pydantic model: every fault becomes one finding with its place and a way out.

Shared by all YAML files of a repository that hublish defines itself. A key without a value is a fault of its own; a
number where text is meant is one too, and the hint quotes it as it stands in the file.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from hublish.core.finding import Finding, has_error
from hublish.core.place import KeyPath, render_key
from hublish.core.suggestion import suggest
from hublish.core.trees.yamltree import Tree
from hublish.errors import HublishError, clip

_KINDS = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "bool_parsing": "true or false",
    "float_parsing": "a number",
    "path_type": "a path",
    "float_type": "a number",
    "finite_number": "a finite number",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
}
_BOUNDS = {
    "greater_than": ("a number above", "gt"),
    "greater_than_equal": ("a number of at least", "ge"),
    "less_than_equal": ("a number of at most", "le"),
    "too_short": ("at least this many items:", "min_length"),
    "too_long": ("at most this many items:", "max_length"),
}


class StrictModel(BaseModel):
    """Base of models for files: no unknown keys, no conversion between types, no infinite numbers."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


M = TypeVar("M", bound=BaseModel)
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedModel(Generic[M]):
    """What came of a file: `model` is None if a finding is an error, or if a fault of the tree itself hides it."""

    model: M | None
    findings: tuple[Finding, ...]


def make_validator(parse: Callable[[V], object]) -> Callable[[V], V]:
    """Make a pydantic validator that keeps the value and turns what `parse` raises into an error with code and hint."""

    def validate(value: V) -> V:
        try:
            parse(value)
        except HublishError as error:
            # The message travels in the context, because pydantic would read braces in a template as placeholders.
            context = {"message": error.message, "hint": error.hint}
            raise PydanticCustomError(error.code, "{message}", context) from error
        return value

    return validate


def parse_model(tree: Tree, model: type[M]) -> ParsedModel[M]:
    """Fill a model from a tree.

    Args:
        tree: the file; items in `tree.broken` have a finding already and get no other.
        model: a StrictModel.

    Returns:
        The model, or None with all faults, in pydantic's order.
    """
    empty = {path for path, value in _walk(tree.value, ()) if value is None and path not in tree.broken}
    findings = [_explain_empty(tree, path) for path in empty]
    silent = empty | tree.broken
    filled = None
    try:
        filled = model.model_validate(tree.value)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            path = tuple(part for part in details["loc"] if part != "[key]")
            if not any(path[:length] in silent for length in range(len(path) + 1)):
                findings.append(explain_fault(tree, model, details))
    return ParsedModel(model=None if has_error(tuple(findings)) else filled, findings=tuple(findings))


def _walk(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    yield path, value
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        yield from _walk(item, (*path, key))


def _explain_empty(tree: Tree, path: KeyPath) -> Finding:
    if not path:
        return tree.make_finding(
            "FileEmpty", "the file holds no keys", at=path, hint="see the examples in config-schema"
        )
    message = f"`{clip(render_key(path) or '')}` has no value"
    return tree.make_finding("ValueMissing", message, at=path, on_key=True, hint="write a value or remove the line")


def explain_fault(tree: Tree, model: type[BaseModel], details: ErrorDetails, *, show_values: bool = True) -> Finding:
    """Explain one fault of pydantic's: what was expected, what came, where, and a way out.

    Args:
        tree: the file.
        model: what it was held against.
        details: the fault.
        show_values: False where a value may be a secret in the wrong place.
    """
    path = tuple(part for part in details["loc"] if part != "[key]")
    kind = details["type"]
    context = details.get("ctx", {})
    got = _describe(tree, path, details["input"], show_values=show_values)
    if kind == "extra_forbidden":
        return _explain_unknown(tree, model, path)
    if kind == "missing":
        return _explain_missing(tree, model, path)
    if kind == "literal_error":
        expected = str(context["expected"])
        hint = suggest(str(details["input"]) if show_values else "", re.findall(r"'([^']*)'", expected))
        return tree.make_finding("ValueInvalid", f"expected {expected}, got {got}", at=path, hint=hint)
    if kind in _KINDS:
        hint = _hint_quotes(tree, path) if kind == "string_type" and show_values else ""
        return tree.make_finding("WrongType", f"expected {_KINDS[kind]}, got {got}", at=path, hint=hint)
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return tree.make_finding("OutOfRange", f"expected {words} {context[bound]:g}, got {got}", at=path)
    message, hint = str(context.get("message", details["msg"])), str(context.get("hint", ""))
    return tree.make_finding(kind, message, at=path, hint=hint)


def _describe(tree: Tree, path: KeyPath, value: object, *, show_values: bool) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if not show_values:
        return "text" if isinstance(value, str) else "a truth value" if isinstance(value, bool) else "a number"
    if isinstance(value, str):
        return f'"{clip(value, limit=80)}"'
    kind = "the truth value" if isinstance(value, bool) else "the number"
    return f"{kind} {clip(tree.texts.get(path, ''), limit=80)}"


def _hint_quotes(tree: Tree, path: KeyPath) -> str:
    written = tree.texts.get(path)
    return "" if written is None else f'put it in quotes: "{clip(written, limit=80)}"'


def _explain_unknown(tree: Tree, model: type[BaseModel], path: KeyPath) -> Finding:
    key = str(path[-1])
    known = tuple(_model_at(model, path[:-1]).model_fields)
    elsewhere = [render_key(other[:-1]) for other in _key_paths(model, ()) if other[-1] == key and len(other) > 1]
    hint = suggest(key, known)
    if not hint and elsewhere:
        hint = f"`{key}` belongs under `{elsewhere[0]}`"
    hint = hint or "known keys here: " + ", ".join(known)
    return tree.make_finding("UnknownKey", f"unknown key `{clip(key, limit=80)}`", at=path, hint=hint, on_key=True)


def _explain_missing(tree: Tree, model: type[BaseModel], path: KeyPath) -> Finding:
    field = _model_at(model, path[:-1]).model_fields[str(path[-1])]
    example = f"add `{path[-1]}: {field.examples[0]}`" if field.examples else ""
    return tree.make_finding("KeyMissing", f"the key `{render_key(path)}` is missing", at=path, hint=example)


def _model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel]:
    named = False
    for part in path:
        if named or isinstance(part, int):
            # The name of an item in a mapping, or its number in a list.
            named = False
            continue
        annotation = model.model_fields[part].annotation
        named = typing.get_origin(annotation) is dict
        model = next(_models_in(annotation))
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)


def _key_paths(model: type[BaseModel], path: KeyPath) -> Iterator[KeyPath]:
    for name, field in model.model_fields.items():
        yield (*path, name)
        for nested in _models_in(field.annotation):
            yield from _key_paths(nested, (*path, name))
