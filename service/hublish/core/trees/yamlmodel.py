"""A YAML tree held against a strict pydantic model: every fault becomes one finding with its place and a way out.

Shared by all YAML files of a repository that hublish defines itself. A key without a value is a fault of its own. The
words of faults are in `yamlfaults`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from hublish.core.finding import Finding, has_error
from hublish.core.place import KeyPath
from hublish.core.trees.yamltree import Tree
from hublish.errors import HublishError

INSTEAD = "instead"
"""Key of a fault's context: a text near the refused one that would be taken."""


class StrictModel(BaseModel):
    """Base of models for files: no unknown keys, no conversion between types, no infinite numbers."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


M = TypeVar("M", bound=BaseModel)
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedModel(Generic[M]):
    """What came of a file.

    Attributes:
        model: None if a finding is an error, or if a fault of the tree itself hides it.
        rest: the model of the keys without a fault, for what they say together; None where a required one has a fault.
        left_out: the keys that `rest` lacks for their faults; those without a value are among them.
        findings: every fault.
    """

    model: M | None
    rest: M | None
    left_out: frozenset[KeyPath]
    findings: tuple[Finding, ...]


def make_validator(parse: Callable[[V], object], *, mend: Callable[[V], V] | None = None) -> Callable[[V], V]:
    """Make a pydantic validator that keeps the value and turns what `parse` raises into an error with code and hint.

    Args:
        parse: raises a HublishError for a value that is refused.
        mend: makes the value that was likely meant; it is proposed if `parse` takes it.
    """

    def validate(value: V) -> V:
        try:
            parse(value)
        except HublishError as error:
            # The message travels in the context, because pydantic would read braces in a template as placeholders.
            context: dict[str, object] = {"message": error.message, "hint": error.hint}
            if mend is not None and _takes(parse, mended := mend(value)):
                context[INSTEAD] = mended
            raise PydanticCustomError(error.code, "{message}", context) from error
        return value

    return validate


def _takes(parse: Callable[[V], object], value: V) -> bool:
    try:
        parse(value)
    except HublishError:
        return False
    return True


def parse_model(tree: Tree, model: type[M]) -> ParsedModel[M]:
    """Fill a model from a tree.

    Args:
        tree: the file; items in `tree.broken` have a finding already and get no other.
        model: a StrictModel.

    Returns:
        The model, or None with all faults, in pydantic's order.
    """
    empty = {path for path, value in _walk(tree.value, ()) if value is None and path not in tree.broken}
    silent = empty | tree.broken
    filled, faults = None, []
    try:
        filled = model.model_validate(tree.value)
    except ValidationError as error:
        faults = error.errors(include_url=False)
    if not silent and not faults:
        return ParsedModel(model=filled, rest=filled, left_out=frozenset(), findings=())
    from hublish.core.trees.yamlfaults import explain_empty, explain_fault  # noqa: PLC0415  # start-up time

    findings = [explain_empty(tree, path) for path in empty]
    faulty = set(silent)
    for details in faults:
        path = tuple(part for part in details["loc"] if part != "[key]")
        if not any(path[:length] in silent for length in range(len(path) + 1)):
            findings.append(explain_fault(tree, model, details))
            faulty.add(path)
    left_out = frozenset(_cut(path) for path in faulty)
    return ParsedModel(
        model=None if has_error(tuple(findings)) else filled,
        rest=_fill_rest(tree, model, left_out),
        left_out=left_out,
        findings=tuple(findings),
    )


def _cut(path: KeyPath) -> KeyPath:
    """The way to the key that a path ends in; a list whose item has a fault is left out whole, as items have numbers."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return path


def _fill_rest(tree: Tree, model: type[M], left_out: frozenset[KeyPath]) -> M | None:
    try:
        return model.model_validate(_leave_out(tree.value, left_out, ()))
    except ValidationError:
        return None


def _leave_out(value: Any, left_out: frozenset[KeyPath], at: KeyPath) -> Any:
    if isinstance(value, dict):
        kept = ((key, (*at, key)) for key in value if (*at, key) not in left_out)
        return {key: _leave_out(value[key], left_out, path) for key, path in kept}
    if isinstance(value, list):
        return [_leave_out(item, left_out, (*at, index)) for index, item in enumerate(value)]
    return value


def _walk(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    yield path, value
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        yield from _walk(item, (*path, key))
