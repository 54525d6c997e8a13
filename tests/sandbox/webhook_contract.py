"""Checks the sandbox's webhooks against GitHub's official description of them; `contract/NOTICE.md` names its origin."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from openapi_schema_validator import OAS31Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

DATA = Path(__file__).parent / "contract" / "openapi-webhooks.json.gz"
ROOT = "urn:github-webhooks"


@functools.cache
def _load_validators() -> Mapping[str, OAS31Validator]:
    description = json.loads(gzip.decompress(DATA.read_bytes()))
    registry: Registry[Any] = Registry().with_resource(ROOT, DRAFT202012.create_resource(description))
    return {
        name: OAS31Validator({"$ref": f"{ROOT}#/webhooks/{name}"}, registry=registry)
        for name in description["webhooks"]
    }


def check_webhooks(deliveries: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Everything in webhooks that GitHub's description does not allow, one line each.

    Args:
        deliveries: as `GitHubSandbox.deliveries` returns them.
    """
    lines: list[str] = []
    for delivery in deliveries:
        parts = (delivery["event"], delivery["action"])
        name = "-".join(part for part in parts if part is not None).replace("_", "-")
        validator = _load_validators().get(name)
        if validator is None:
            lines.append(f"{name}: GitHub sends no such webhook")
            continue
        for error in validator.iter_errors(delivery["payload"]):
            place = "/".join(str(part) for part in error.absolute_path)
            lines.append(f"{name}: {place}: {error.message[:160]}")
    return tuple(dict.fromkeys(lines))
