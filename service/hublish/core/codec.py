"""Values as versioned JSON: what crosses a step of a workflow, a process or the database, and nothing else does.

Every value is wrapped as `{"format": N, "value": ...}`; a reader that meets a format it does not know says so instead
of guessing. pydantic reads the plain dataclasses of this room strictly, so a damaged row is an error, not a surprise.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from hublish.errors import StoredValueInvalid, clip

FORMAT = 1

Value = TypeVar("Value")

# Reading the dataclasses takes milliseconds, and the same few kinds cross every step.
_make_adapter: Callable[[Any], TypeAdapter[Any]] = functools.cache(TypeAdapter)


def render_value(value: object, kind: Any = None) -> str:
    """Render a dataclass of core (or a tuple or union of such) as versioned JSON.

    Args:
        value: what to render.
        kind: its static type; needed for unions and tuples, `type(value)` when None.
    Returns:
        One line of JSON.
    """
    plain = _make_adapter(type(value) if kind is None else kind).dump_python(value, mode="json")
    return json.dumps({"format": FORMAT, "value": plain}, separators=(",", ":"), ensure_ascii=False)


def parse_value(kind: type[Value], text: str) -> Value:
    """Parse what `render_value` made.

    Raises:
        StoredValueInvalid: not JSON, another format, or not of `kind`.
    """
    try:
        wrapped = json.loads(text)
    except ValueError as error:
        raise StoredValueInvalid(f"expected JSON of {kind!r}, got {clip(text, limit=80)!r}") from error
    if not isinstance(wrapped, dict) or wrapped.get("format") != FORMAT:
        raise StoredValueInvalid(f"expected format {FORMAT} of {kind!r}, got {clip(text, limit=80)!r}")
    try:
        parsed: Value = _make_adapter(kind).validate_python(wrapped["value"], strict=False)
    except (KeyError, ValidationError) as error:
        raise StoredValueInvalid(f"stored value is no {kind!r}: {clip(str(error))}") from error
    return parsed
