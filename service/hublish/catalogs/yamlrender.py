"""New YAML text in the manner of its neighbours: quotes, indentation and order are learnt, not imposed.

Renders only what a catalog needs: text, truth, lists and mappings of them. Whatever could be read as something other
than the text that was meant, by YAML 1.1 or 1.2, is quoted.
"""

from __future__ import annotations

import json
import re

from hublish.catalogs.yamlnodes import Mapping, Node, Scalar, make_plain_type

Atom = str | bool
New = Atom | list["New"] | dict[str, "New"]
"""What new text says: text of printable characters, truth, and lists and mappings of them."""

DEFAULT_STEP = 2
# It starts with a letter, so that no reader takes it for a number, and `:` or `@` stands only between two words.
_PLAIN = re.compile(r"(?:\./)?[A-Za-z][A-Za-z0-9_./-]*(?:[:@][A-Za-z0-9_./-]+)*")


def render_scalar(value: Atom, *, style: str = "") -> str:
    """Render a scalar in a quote style.

    Args:
        value: what it says.
        style: "'" or '"'; anything else asks for a plain scalar, which is quoted where plain is not safe.

    Returns:
        The scalar on one line.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if style == "'":
        return "'" + value.replace("'", "''") + "'"
    if style != '"' and _PLAIN.fullmatch(value) and make_plain_type(value) == "str" and value.lower() not in ("y", "n"):
        return value
    if style != '"' and '"' in value and "'" not in value:
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=False)


def render_flow(value: New, *, model: Node | None) -> str:
    """Render a value in flow style; keys and texts are quoted as in `model`, a sibling in the same list."""
    if isinstance(value, str | bool):
        return render_scalar(value, style=_find_style(model))
    if isinstance(value, list):
        return "[" + ", ".join(render_flow(item, model=None) for item in value) + "]"
    key_style = model.pairs[0][0].style if isinstance(model, Mapping) and model.pairs else ""
    pairs = (
        f"{render_scalar(key, style=key_style)}: {render_flow(item, model=_find_value(model, key))}"
        for key, item in value.items()
    )
    return "{" + ", ".join(pairs) + "}"


def render_lines(value: New, *, column: int, step: int, model: Node | None = None) -> list[str]:
    """Render a value in block style.

    Args:
        value: what to say; an empty list or mapping is written in flow style.
        column: where its keys or dashes stand.
        step: how much deeper a nested block stands.
        model: a sibling whose quotes are followed, key by key.

    Returns:
        The lines without line ends, each with its indentation.
    """
    indent = " " * column
    if isinstance(value, dict) and value:
        lines: list[str] = []
        for key, item in value.items():
            lines += _render_pair(key, item, column=column, step=step, model=_find_value(model, key))
        return lines
    if isinstance(value, list) and value:
        return [line for item in value for line in render_item(item, dash=column, column=column + 2, step=step)]
    return [indent + render_flow(value, model=model)]


def render_item(value: New, *, dash: int, column: int, step: int, model: Node | None = None) -> list[str]:
    """Render an item of a block list: a dash at `dash`, the value from `column` on, in flow style where `model` is."""
    if isinstance(model, Mapping) and model.flow:
        return [" " * dash + "- " + render_flow(value, model=model)]
    first, *rest = render_lines(value, column=column, step=step, model=model)
    return [" " * dash + "-" + first[dash + 1 :], *rest]


def _render_pair(key: str, value: New, *, column: int, step: int, model: Node | None) -> list[str]:
    head = " " * column + render_scalar(key) + ":"
    if isinstance(value, dict | list) and value:
        return [head, *render_lines(value, column=column + step, step=step, model=model)]
    return [f"{head} {render_flow(value, model=model)}"]


def _find_style(model: Node | None) -> str:
    return model.style if isinstance(model, Scalar) else ""


def _find_value(model: Node | None, key: str) -> Node | None:
    return model.get(key) if isinstance(model, Mapping) else None
