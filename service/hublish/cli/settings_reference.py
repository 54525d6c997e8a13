"""docs/reference/settings.md, written from the settings' model: `python -m hublish.cli.settings_reference`.

Key, type, default and description stand once, in `hublish.settings`; a test compares the page with the model.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hublish.settings import ENVIRONMENT_VARIABLE, Settings

INTRODUCTION = f"""# Operator's settings

<!-- Written by `make docs` from the settings' model; edits here are lost. -->

One YAML file, named by the variable `{ENVIRONMENT_VARIABLE}`. Relative paths count from the file's folder; secrets are
named by their files, never written here. Unknown keys are errors, and every fault of a key or its value is reported at once. What
the values name (files of secrets, base images, engines, the proxy) is looked at when none of these faults is left: `hublish doctor`
tells of each by itself, the service stops at the first.
[Install the service](../how-to/install-the-service.md) shows a whole file.

| key | type | default | meaning |
| --- | --- | --- | --- |
"""
_NAMES = {str: "text", int: "number", float: "number", bool: "true or false", Path: "path"}


def render_settings_reference() -> str:
    """Render the whole page as Markdown."""
    return INTRODUCTION + "".join(_render_rows(Settings, ""))


def _render_rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        section, suffix = _find_section(field.annotation)
        if section is not None:
            yield from _render_rows(section, f"{key}{suffix}.")
        else:
            description = (field.description or "").replace("|", "\\|")
            yield f"| `{key}` | {_render_type(field.annotation)} | {_render_default(field)} | {description} |\n"


def _find_section(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """The model inside an annotation, and how its keys are reached: "" , ".NAME" of a mapping, "[]" of a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    arguments = typing.get_args(annotation)
    for inner in arguments[-1:]:
        section, suffix = _find_section(inner)
        if section is not None:
            return section, (".NAME" if typing.get_origin(annotation) is dict else "[]") + suffix
    return None, ""


def _render_type(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin is list:
        return f"list of {_render_type(arguments[0])}"
    if origin is dict:
        return f"mapping of {_render_type(arguments[0])} to {_render_type(arguments[1])}"
    known = [_NAMES[part] for part in (arguments or (annotation,)) if part in _NAMES]
    return " or ".join(known)


def _render_default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ([], {}):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    typer.echo(render_settings_reference(), nl=False)
