"""Packs GitHub's published data for the tests; run by hand when a version is raised.

Usage: python tests/sandbox/contract/pack.py FOLDER, where FOLDER holds the unpacked npm packages named in NOTICE.md as
`openapi/`, `openapi-webhooks/` and `webhooks-examples/`. Prose (descriptions, examples, titles) is left out of the description of the API:
the checker does not read it, and it is five sixths of the bytes. The webhook examples are kept as they are.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PROSE = frozenset({"description", "example", "examples", "summary", "externalDocs", "title", "x-github", "tags"})
NAME_MAPS = frozenset({"properties", "schemas", "parameters", "responses"})


def drop_prose(value: Any, *, keys_are_names: bool = False) -> Any:
    """A copy of a part of the description without its prose; keys of a name map are never taken for keywords."""
    if isinstance(value, list):
        return [drop_prose(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: drop_prose(item, keys_are_names=key in NAME_MAPS and not keys_are_names)
        for key, item in value.items()
        if keys_are_names or key not in PROSE
    }


def pack_json(value: object, name: str) -> None:
    """Write a value as gzipped JSON, the same bytes each time."""
    raw = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    (HERE / name).write_bytes(gzip.compress(raw, 9, mtime=0))


def main(folder: Path) -> None:
    """Pack the three packages."""
    api = json.loads((folder / "openapi/generated/api.github.com.json").read_text())
    kept = {
        name: drop_prose(api["components"][name], keys_are_names=True)
        for name in ("parameters", "responses", "schemas")
    }
    pack_json({"paths": drop_prose(api["paths"], keys_are_names=True), "components": kept}, "openapi.json.gz")
    hooks = json.loads((folder / "openapi-webhooks/generated/api.github.com.json").read_text())
    schemas = drop_prose(hooks["components"]["schemas"], keys_are_names=True)
    bodies = {
        name: item["post"]["requestBody"]["content"]["application/json"]["schema"]
        for name, item in hooks["webhooks"].items()
    }
    pack_json({"webhooks": bodies, "components": {"schemas": schemas}}, "openapi-webhooks.json.gz")
    examples = json.loads((folder / "webhooks-examples/api.github.com/index.json").read_text())
    pack_json([{"name": event["name"], "examples": event["examples"]} for event in examples], "webhooks.json.gz")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
