"""Faults of pydantic's in the words of a person: what was expected, what came, where it stands, and a way out.

Loaded once there is a fault, as most files have none. A number where text is meant is quoted as it stands in the file;
a value of the wrong shape becomes the line to write, see `repair`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from hublish.core.finding import Finding
from hublish.core.place import KeyPath, render_key
from hublish.core.suggestion import suggest
from hublish.core.trees.repair import find_spot, models_in, suggest_repair
from hublish.core.trees.yamlmodel import INSTEAD
from hublish.core.trees.yamltree import Tree
from hublish.errors import clip

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


def explain_empty(tree: Tree, path: KeyPath) -> Finding:
    """Explain a key without a value, or a file without keys."""
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
        hint = _suggest_repair(tree, model, details, show_values=show_values)
        hint = hint or suggest(str(details["input"]) if show_values else "", re.findall(r"'([^']*)'", expected))
        return tree.make_finding("ValueInvalid", f"expected {expected}, got {got}", at=path, hint=hint)
    if kind in _KINDS:
        hint = _suggest_repair(tree, model, details, show_values=show_values)
        return tree.make_finding("WrongType", f"expected {_KINDS[kind]}, got {got}", at=path, hint=hint)
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return tree.make_finding("OutOfRange", f"expected {words} {context[bound]:g}, got {got}", at=path)
    message, hint = str(context.get("message", details["msg"])), str(context.get("hint", ""))
    if INSTEAD in context:
        way_out = _suggest_repair(tree, model, details, show_values=show_values)
        hint = "; ".join(part for part in (way_out, hint) if part)
    return tree.make_finding(kind, message, at=path, hint=hint)


def _suggest_repair(tree: Tree, model: type[BaseModel], details: ErrorDetails, *, show_values: bool) -> str:
    path, value = details["loc"], details["input"]
    if not path or value is None:
        return ""
    written = None if isinstance(value, str) else tree.texts.get(path)
    spot = find_spot(model, path)
    return suggest_repair(spot, value, kind=details["type"], written=written, show_values=show_values)


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


def _explain_unknown(tree: Tree, model: type[BaseModel], path: KeyPath) -> Finding:
    key = str(path[-1])
    known = tuple(find_spot(model, path).owner.model_fields)
    elsewhere = [render_key(other[:-1]) for other in _key_paths(model, ()) if other[-1] == key and len(other) > 1]
    hint = suggest(key, known)
    if not hint and elsewhere:
        hint = f"`{key}` belongs under `{elsewhere[0]}`"
    hint = hint or "known keys here: " + ", ".join(known)
    return tree.make_finding("UnknownKey", f"unknown key `{clip(key, limit=80)}`", at=path, hint=hint, on_key=True)


def _explain_missing(tree: Tree, model: type[BaseModel], path: KeyPath) -> Finding:
    field = find_spot(model, path).owner.model_fields[str(path[-1])]
    example = f"add `{path[-1]}: {field.examples[0]}`" if field.examples else ""
    return tree.make_finding("KeyMissing", f"the key `{render_key(path)}` is missing", at=path, hint=example)


def _key_paths(model: type[BaseModel], path: KeyPath) -> Iterator[KeyPath]:
    for name, field in model.model_fields.items():
        yield (*path, name)
        for nested in models_in(field.annotation):
            yield from _key_paths(nested, (*path, name))
