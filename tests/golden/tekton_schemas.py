"""Tekton's own description of its objects, small enough to keep: what the API server would check them against.

`python -m tests.golden.tekton_schemas FOLDER` writes `tekton_schemas.json` anew from `config/300-crds` of the Go module
github.com/tektoncd/pipeline v1.6.0 (Apache License 2.0, Copyright The Tekton Authors), which the cluster lane keeps. Only the
version v1 of three kinds is taken, without descriptions.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

SCHEMAS = Path(__file__).with_suffix(".json")
KINDS = {"Pipeline": "300-pipeline.yaml", "PipelineRun": "300-pipelinerun.yaml", "Task": "300-task.yaml"}


def load_schemas() -> dict[str, Any]:
    """Kind -> JSON schema that knows every field and refuses others."""
    return {kind: _make_strict(schema) for kind, schema in json.loads(SCHEMAS.read_text())["schemas"].items()}


def read_schemas(folder: Path) -> dict[str, Any]:
    """Kind -> schema as the definitions in a folder have it, without descriptions."""
    return {kind: _read_schema(folder / name) for kind, name in KINDS.items()}


def _read_schema(path: Path) -> dict[str, Any]:
    definition = yaml.safe_load(path.read_text())
    (version,) = [item for item in definition["spec"]["versions"] if item["name"] == "v1"]
    schema: dict[str, Any] = _drop_descriptions(version["schema"]["openAPIV3Schema"])
    # What Tekton writes is none of ours.
    schema.get("properties", {}).pop("status", None)
    return schema


def _drop_descriptions(node: Any) -> Any:
    if isinstance(node, list):
        return [_drop_descriptions(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _drop_descriptions(value)
        for key, value in node.items()
        if not (key == "description" and isinstance(value, str))
    }


def _make_strict(node: Any) -> Any:
    """As the API server reads it: unknown fields are faults, and some values are numbers or texts."""
    if isinstance(node, list):
        return [_make_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _make_strict(value) for key, value in node.items()}
    if made.get("x-kubernetes-int-or-string") is True:
        return {"type": ["integer", "string"]}
    if isinstance(made.get("properties"), dict) and made.get("type") == "object":
        made.setdefault("additionalProperties", made.get("x-kubernetes-preserve-unknown-fields") is True)
    return made


if __name__ == "__main__":
    document = {
        "source": "github.com/tektoncd/pipeline v1.6.0, config/300-crds; Apache License 2.0, The Tekton Authors",
        "schemas": read_schemas(Path(sys.argv[1])),
    }
    SCHEMAS.write_text(json.dumps(document, separators=(",", ":"), sort_keys=True) + "\n")
