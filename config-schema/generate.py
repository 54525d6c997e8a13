"""Write what is made from the config's model: the JSON Schema and the table of keys in the reference.

`python config-schema/generate.py` writes both files; with `--check` it writes nothing and exits 1 if one is not current.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hublish.core.config.file import make_json_schema

ROOT = Path(__file__).resolve().parent.parent
SCHEMA_PATH = ROOT / "config-schema" / "hublish.schema.json"
REFERENCE_PATH = ROOT / "docs" / "reference" / "config.md"
_BEGIN = "<!-- keys: made by config-schema/generate.py -->"
_END = "<!-- end of keys -->"


def render_schema() -> str:
    """Render the JSON Schema as it stands in the repository."""
    return json.dumps(make_json_schema(), indent=2, ensure_ascii=False) + "\n"


def render_reference(page: str) -> str:
    """Render the reference page anew: the table between the two marks is replaced, the rest is kept."""
    head, _, rest = page.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    schema = make_json_schema()
    rows = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    rows += [f"| `{key}` | {kind} | {default} | {text} |" for key, kind, default, text in _rows(schema, schema, "")]
    return f"{head}{_BEGIN}\n" + "\n".join(rows) + f"\n{_END}{tail}"


def _rows(schema: Mapping[str, Any], node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    required = node.get("required", [])
    for name, field in node.get("properties", {}).items():
        key = f"{prefix}{name}"
        target = _resolve(schema, field)
        items = _resolve(schema, field.get("items", {}))
        text = field.get("description", target.get("description", "")).replace("|", "\\|")
        if "properties" in target:
            yield key, "mapping", "required" if name in required else "", text
            yield from _rows(schema, target, f"{key}.")
        elif "properties" in items:
            yield key, "list of mappings", "", text
            yield from _rows(schema, items, f"{key}[].")
        else:
            default = f"`{json.dumps(field['default'])}`" if "default" in field else ""
            yield key, _name_type(target), "required" if name in required else default, text


def _resolve(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = node.get("$ref")
    return schema["$defs"][reference.rpartition("/")[2]] if reference is not None else node


def _name_type(node: Mapping[str, Any]) -> str:
    if "enum" in node:
        return ", ".join(f"`{choice}`" for choice in node["enum"])
    if "const" in node:
        return f"`{node['const']}`"
    names = {"string": "text", "boolean": "true or false", "integer": "whole number", "number": "number"}
    if node["type"] == "array":
        return f"list of {names[node['items']['type']]}s"
    return names.get(node["type"], "mapping of text")


def main() -> int:
    """Write the files, or compare them; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not current")
    check = parser.parse_args().check
    stale = []
    reference = render_reference(REFERENCE_PATH.read_text(encoding="utf-8"))
    for path, text in ((SCHEMA_PATH, render_schema()), (REFERENCE_PATH, reference)):
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path)
        if not check:
            path.write_text(text, encoding="utf-8")
    for path in stale:
        sys.stdout.write(f"{path.relative_to(ROOT)} {'is not current' if check else 'written'}\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
