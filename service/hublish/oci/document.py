"""Reading and writing the JSON documents of an image; a wrong shape ends in ImageInvalid that names the place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hublish.errors import ImageInvalid, clip


def render_document(document: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bytes:
    """Render canonical JSON: sorted keys, no white space, UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def parse_document(body: bytes, *, what: str) -> dict[str, Any]:
    """Parse a JSON object; `what` names it in the error."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise ImageInvalid(f"{what}: expected JSON, got {clip(body[:64].decode(errors='replace'))!r}") from exc
    if not isinstance(document, dict):
        raise ImageInvalid(f"{what}: expected a JSON object, got {type(document).__name__}")
    return document


def list_objects(document: dict[str, Any], key: str, *, what: str) -> Sequence[dict[str, Any]]:
    """The list of objects under a key that must be there."""
    value = document.get(key)
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ImageInvalid(f"{what}: expected a list of objects under {key!r}")
    return value
