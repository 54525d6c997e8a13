"""Edits of YAML text by splicing: one value is replaced or one item put in, and every other byte stays.

Every edit is proved: the new text is parsed again and must say exactly what the old text said plus the one intended
change; otherwise CatalogInvalid is raised and nothing is changed. A place is a path of keys and indexes that starts
with the index of the document in its file, e.g. `(0, "spec", "tags", 1)`. Never dumps.
"""

from __future__ import annotations

import re
from typing import Any

from hublish.catalogs.yamlnodes import Data, Mapping, Node, Scalar, Sequence, make_data, parse_documents, refuse
from hublish.catalogs.yamlrender import DEFAULT_STEP, Atom, New, render_flow, render_item, render_lines, render_scalar
from hublish.errors import CatalogInvalid

Place = tuple[str | int, ...]

_LINE_END = re.compile(r"[\r\n\x85\u2028\u2029]|\Z")


def find_node(documents: tuple[Node, ...], at: Place) -> Node | None:
    """Find the node at a place; None when nothing stands there."""
    node: Node | None = None
    for depth, part in enumerate(at):
        items = documents if depth == 0 else node.items if isinstance(node, Sequence) else ()
        if isinstance(part, int):
            node = items[part] if part < len(items) else None
        else:
            node = node.get(part) if isinstance(node, Mapping) else None
    return node


def replace_scalar(text: str, *, at: Place, value: Atom, path: str) -> str:
    """Replace a scalar, keeping its quotes; a folded or literal block keeps its head and becomes one line.

    Args:
        text: the file.
        at: place of the scalar.
        value: what it shall say: one line of printable characters, or truth.
        path: the file, for messages.

    Returns:
        The new text.

    Raises:
        CatalogInvalid: the place holds no bare scalar, or the change cannot be made without another one.
    """
    documents = parse_documents(text, path=path)
    node = find_node(documents, at)
    if not isinstance(node, Scalar):
        refuse(f"expected one value at {_render_place(at)}", path=path, line=1 if node is None else node.line)
    _verify_bare(node, path=path)
    if node.style in ("|", ">") and isinstance(value, str):
        start, end = _find_block_body(text, node)
        new = f"{text[:start]}{value}{text[end:]}"
        value += "\n" if node.value.endswith("\n") else ""
    else:
        new = f"{text[: node.start]}{render_scalar(value, style=node.style)}{text[node.end :]}"
    expected = [make_data(document) for document in documents]
    _reach(expected, at[:-1])[at[-1]] = value
    return _verify_edit(new, expected=expected, path=path, line=node.line)


def insert_item(text: str, *, at: Place, index: int, item: New, path: str, model: int | None = None) -> str:
    """Put an item into a list, written like its neighbours; an empty or absent value becomes a list first.

    Args:
        text: the file.
        at: place of the list.
        index: where the item shall stand, 0 to the length of the list.
        item: what it says.
        path: the file, for messages.
        model: index of the item whose quotes and order of keys are followed; None for the item before.

    Returns:
        The new text.

    Raises:
        CatalogInvalid: the place holds something else, or the change cannot be made without another one.
    """
    documents = parse_documents(text, path=path)
    node, parent = find_node(documents, at), find_node(documents, at[:-1])
    expected = [make_data(document) for document in documents]
    if node is not None:
        _verify_bare(node, path=path)
    if isinstance(node, Sequence) and node.items:
        model_item = node.items[max(index - 1, 0) if model is None else model]
        item = _order_like(item, model_item)
        insert = _insert_flow if node.flow else _insert_block
        new = insert(text, node, index=index, item=item, model=model_item)
        _reach(expected, at).insert(index, item)
    elif node is not None and _is_empty(node) and isinstance(parent, Mapping):
        new = _open_list(text, node, parent=parent, key=str(at[-1]), item=item)
        _reach(expected, at[:-1])[at[-1]] = [item]
    else:
        line = 1 if node is None else node.line
        refuse(f"expected a list at {_render_place(at)}", path=path, line=line)
    return _verify_edit(new, expected=expected, path=path, line=node.line)


def append_pair(text: str, *, at: Place, key: str, value: New, path: str) -> str:
    """Put a new key at the end of a mapping, indented like the others.

    Args:
        text: the file.
        at: place of the mapping, which has at least one key.
        key: the new key.
        value: what it says.
        path: the file, for messages.

    Returns:
        The new text.

    Raises:
        CatalogInvalid: the place holds something else or the key already.
    """
    documents = parse_documents(text, path=path)
    node = find_node(documents, at)
    if not isinstance(node, Mapping) or not node.pairs or node.get(key) is not None:
        line = 1 if node is None else node.line
        refuse(f"expected a mapping without {key!r} at {_render_place(at)}", path=path, line=line)
    _verify_bare(node, path=path)
    last = node.pairs[-1][1]
    if node.flow:
        new = f"{text[: last.end]}, {render_flow({key: value}, model=node)[1:-1]}{text[last.end :]}"
    else:
        lines = render_lines({key: value}, column=node.column, step=_find_step(node))
        new = _insert_lines(text, lines, after=_find_content_end(text, last))
    expected = [make_data(document) for document in documents]
    _reach(expected, at)[key] = value
    return _verify_edit(new, expected=expected, path=path, line=node.line)


def _insert_block(text: str, node: Sequence, *, index: int, item: New, model: Node) -> str:
    column = max(model.column, node.column + 2)
    lines = render_item(item, dash=node.column, column=column, step=_find_step(model), model=model)
    if index > 0:
        return _insert_lines(text, lines, after=_find_content_end(text, node.items[index - 1]))
    start = node.start - node.column
    newline = _find_newline(text, start)
    return text[:start] + "".join(line + newline for line in lines) + text[start:]


def _insert_flow(text: str, node: Sequence, *, index: int, item: New, model: Node) -> str:
    new = render_flow(item, model=model)
    if index == 0:
        first = node.items[0].start
        return f"{text[:first]}{new}, {text[first:]}"
    before = node.items[index - 1]
    line_start = max(text.rfind("\n", 0, before.start), text.rfind("\r", 0, before.start)) + 1
    indent = text[line_start : before.start]
    gap = " " if indent.strip() else _find_newline(text, line_start) + indent
    return f"{text[: before.end]},{gap}{new}{text[before.end :]}"


def _open_list(text: str, node: Node, *, parent: Mapping, key: str, item: New) -> str:
    before, after = text[: node.start].rstrip(" "), text[node.end :]
    if parent.flow:
        return f"{before} [{render_flow(item, model=None)}]{after}"
    name = next(name for name, _ in parent.pairs if name.value == key)
    colon = text.index(":", name.end) + 1
    text = before + after
    lines = render_lines([item], column=parent.column + _find_step(parent), step=_find_step(parent))
    return _insert_lines(text, lines, after=colon)


def _insert_lines(text: str, lines: list[str], *, after: int) -> str:
    found = _LINE_END.search(text, after)
    end = len(text) if found is None else found.start()
    newline = _find_newline(text, end)
    return text[:end] + "".join(newline + line for line in lines) + text[end:]


def _find_newline(text: str, start: int) -> str:
    found = re.search(r"\r?\n", text[start:]) or re.search(r"\r?\n", text)
    return "\n" if found is None else found.group()


def _find_content_end(text: str, node: Node) -> int:
    # A folded or literal block ends after its line end; the other nodes end on their last line.
    return node.start + len(text[node.start : node.end].rstrip())


def _find_block_body(text: str, node: Scalar) -> tuple[int, int]:
    head = _LINE_END.search(text, node.start)
    body = text[node.start if head is None else head.start() : node.end]
    end = _find_content_end(text, node)
    return end - len(body.strip()), end


def _find_step(node: Node) -> int:
    """How much deeper a nested block stands, as the first nested block of the node shows."""
    nested = (value for _, value in node.pairs) if isinstance(node, Mapping) and not node.flow else iter(())
    for value in nested:
        if isinstance(value, Mapping) and not value.flow and value.column > node.column:
            return value.column - node.column
    return DEFAULT_STEP


def _order_like(item: New, model: Node) -> New:
    if not isinstance(item, dict) or not isinstance(model, Mapping):
        return item
    keys = [key.value for key, _ in model.pairs if key.value in item]
    return {key: item[key] for key in [*keys, *(key for key in item if key not in keys)]}


def _is_empty(node: Node) -> bool:
    if isinstance(node, Scalar):
        return node.style == "" and node.value in ("", "~", "null")
    return isinstance(node, Sequence) and not node.items


def _verify_bare(node: Node, *, path: str) -> None:
    if not node.bare:
        refuse("a value with an anchor or a tag cannot be edited safely", path=path, line=node.line)


def _reach(data: Any, at: Place) -> Any:
    for part in at:
        data = data[part]
    return data


def _render_place(at: Place) -> str:
    return ".".join(str(part) for part in at[1:]) or "the top of the file"


def _verify_edit(new: str, *, expected: list[Data], path: str, line: int) -> str:
    try:
        said = [make_data(document) for document in parse_documents(new, path=path)]
    except CatalogInvalid:
        said = []
    if said != expected:
        refuse("this part cannot be edited without changing another", path=path, line=line)
    return new
