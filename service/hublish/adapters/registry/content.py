"""Digests and media types of what a registry serves: pure checks of bytes that nobody vouches for."""

from __future__ import annotations

import hashlib
import json

from hublish.adapters.registry.endpoint import MANIFEST_TYPES
from hublish.adapters.registry.failure import Answer, Purpose
from hublish.core.reference import is_digest
from hublish.errors import RegistryFailed, clip


def verify_digest(digest: str) -> None:
    """Raise RegistryFailed when `digest` is no sha256 digest."""
    # It becomes a part of a URL, and may come from a manifest that nobody checked.
    if not is_digest(digest):
        raise RegistryFailed(f"Expected a digest as sha256: and 64 hex digits, got {clip(digest)!r}.")


def make_digest(body: bytes) -> str:
    """Make the digest of `body`, with its algorithm in front."""
    return "sha256:" + hashlib.sha256(body).hexdigest()


def find_media_type(answer: Answer) -> str:
    """The media type of a manifest as served: the header's when it names one, else the document's own."""
    declared = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared in MANIFEST_TYPES:
        return declared
    # Some registries and static mirrors serve manifests as application/json: then the document itself says its type.
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return declared
    inside = document.get("mediaType") if isinstance(document, dict) else None
    return inside if isinstance(inside, str) and inside in MANIFEST_TYPES else declared


def make_mismatch(purpose: Purpose, expected: str, got: str) -> RegistryFailed:
    """Make the error of two digests that should be one."""
    return RegistryFailed(
        f"{purpose.subject}: expected the digest {clip(expected)}, got {clip(got)}.",
        hint="The registry, or something between it and here, serves other bytes than it should; do not use them.",
    )
