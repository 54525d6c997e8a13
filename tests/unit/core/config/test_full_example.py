"""The example with every key: nothing of the schema is missing in it, not even what its strategy cannot use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hublish.core.config.file import make_json_schema
from hublish.core.trees.yamltree import parse_tree
from tests.unit.core.config.parts import parse

EXAMPLE = Path(__file__).parents[4] / "config-schema" / "examples" / "full.hublish.yaml"
COMMENTED_KEY = re.compile(r"(?m)^# (?=[ -]*[a-z0-9_]+:)")


def list_schema_keys(schema: dict[str, Any], node: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Every key of the schema, dotted, list items as `[]`."""
    node = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    for name, field in node.get("properties", {}).items():
        key = f"{prefix}{name}"
        yield key
        yield from list_schema_keys(schema, field, f"{key}.")
        yield from list_schema_keys(schema, field.get("items", {}), f"{key}[].")


def list_keys(value: Any, prefix: str = "") -> Iterator[str]:
    """Every key of a file, in the same form."""
    if isinstance(value, dict):
        for name, item in value.items():
            key = f"{prefix}.{name}" if prefix else name
            yield key
            yield from list_keys(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from list_keys(item, f"{prefix}[]")


def test_full_example_shows_every_key_of_the_schema() -> None:
    """In its lines, or in the commented ones, which hold nothing wrong but that they stand beside `image`."""
    text = COMMENTED_KEY.sub("", EXAMPLE.read_text(encoding="utf-8"))
    tree = parse_tree(text.encode(), path=EXAMPLE.name).tree
    schema = make_json_schema()
    expected = set(list_schema_keys(schema, schema))

    assert tree is not None
    assert expected - set(list_keys(tree.value)) == set()
    assert [finding.code for finding in parse(text).findings] == ["ImageTwice"]
